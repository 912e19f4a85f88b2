"""Values that the checker passes on: dependencies, anomalies, verdicts.

Definitions: Adya, Liskov, O'Neil, "Generalized Isolation Level Definitions" (ICDE 2000).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from simulator.i18n.text import Text
from simulator.model import Scalar


class DependencyKind(StrEnum):
    """Adya's direct conflicts: write-write, write-read (read depends), read-write (anti-depends)."""

    WW = "ww"
    WR = "wr"
    RW = "rw"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen that makes the source come before the target.

    `item` is a row (`account 1`) or a predicate (`doctors WHERE on_call`). For ww and rw, `before` is what the source
    wrote or read and `after` what the target wrote instead; for wr, `after` is what the source wrote and the target
    read. None values: the row did not exist (before) or was deleted (after).
    """

    item: str
    column: str | None = None
    before: Scalar = None
    after: Scalar = None
    #: step keys, where known
    source_step: str | None = None
    target_step: str | None = None
    #: of a predicate: the row that came to match it (`entered`) or ceased to
    row: str | None = None
    entered: bool = False
    #: the row came into being, or went
    created: bool = False
    deleted: bool = False

    @property
    def subject(self) -> str:
        """The row concerned: the conflict is on it, or it changed what matches the predicate."""
        return self.row or self.item


@dataclass(frozen=True, slots=True)
class Dependency:
    """`source` must come before `target` in every serial order."""

    source: str
    target: str
    kind: DependencyKind
    evidence: Evidence
    #: True where the conflict is on a predicate (rows that come to match or cease to), not on a row that was read
    predicate: bool = False


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A named phenomenon with a minimal cycle (G1a, G1b: no cycle but one read; then `cycle` has one wr edge)."""

    #: the literature's name: G0, G1a, G1b, G1c, OTV, PMP, P4, P2, G-single, G2-item, G2 ...
    name: str
    cycle: tuple[Dependency, ...]
    #: the step at which the cycle closed: from here on, if both commit, no serial order exists
    closing_step: str | None = None

    @property
    def transactions(self) -> tuple[str, ...]:
        """Transactions of the cycle in its order."""
        return tuple(dependency.source for dependency in self.cycle)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The checker's answer. `no_verdict` says why there is none; then anomalies and order mean nothing."""

    dependencies: tuple[Dependency, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    #: a serial order of the committed transactions that explains everything, where there is one
    serial_order: tuple[str, ...] | None = None
    no_verdict: Text | None = None
