"""What a serial replay came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from simulator.i18n.text import NOTHING, Text
from simulator.verdict.comparison import Difference


class Serial(StrEnum):
    """Whether running the committed transactions one after another gives the same."""

    #: some order does
    YES = "serializable"
    #: none does
    NO = "not serializable"
    #: none does, and the statements that differ asked for that: SKIP LOCKED, NOWAIT, a try-lock, a time-out
    BY_DESIGN = "by design"
    UNDECIDED = "undecided"


class Loophole(StrEnum):
    """What PostgreSQL documents as looking, or acting, past a transaction's snapshot."""

    #: ON CONFLICT, or a 23505 that was caught: a unique check sees rows that the snapshot does not
    UNIQUE_CHECK = "unique check"
    #: TRUNCATE and some forms of ALTER TABLE are not MVCC-safe
    #: (https://www.postgresql.org/docs/18/mvcc-caveats.html)
    NOT_MVCC_SAFE = "not MVCC-safe"


@dataclass(frozen=True, slots=True)
class Replayed:
    """The answer of the replay; every order in it was really run."""

    serial: Serial
    #: transactions in the order that gives the same; where none does, in the one that comes nearest
    order: tuple[str, ...] = ()
    #: what the nearest order gives instead
    differences: tuple[Difference, ...] = ()
    #: (first, second) of the order, where the second had committed before the first began
    against_clock: tuple[tuple[str, str], ...] = ()
    #: steps whose answers were not compared: they ask the server about itself
    not_compared: tuple[str, ...] = ()
    #: steps that were not sent again: the server had refused them because of others
    left_out: tuple[str, ...] = ()
    #: what took part that looks past snapshots, where no order gives the same
    loopholes: tuple[Loophole, ...] = ()
    #: why it is undecided
    reason: Text = NOTHING
    #: how many orders were run, whole or in part
    orders: int = 0
    elapsed_ns: int = 0


#: of a run that could not be carried to its end
NOT_REPLAYED = Replayed(Serial.UNDECIDED)
