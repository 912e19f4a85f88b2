"""What the score shows, before anything is drawn: marks, waits, transactions and arrows on two axes.

On the step axis the i-th step of the schedule has the place [i, i+1); statements of retried transactions follow, one a
place. A statement that waits reaches to the end of the step during which it went on. On the time axis everything is in
milliseconds since the first event of a session.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from simulator.history.words import TransactionOutcome
from simulator.model import Isolation

#: On the step axis a wait is drawn from here on: before it there is room for the statement's own label.
HEAD = 0.7

#: What is left free on either side of a statement on the step axis, so that neighbours do not run together.
GAP = 0.02


class Axis(StrEnum):
    """What the figure's x axis counts."""

    STEPS = "steps"
    TIME = "time"


class Status(StrEnum):
    """What became of a step."""

    DONE = "done"
    #: it waited, and then went on (or still waits at the end)
    WAITS = "waits"
    FAILED = "failed"
    SKIPPED = "skipped"


class Range(NamedTuple):
    """From `start` to `end` on one axis."""

    start: float
    end: float


class Stretch(NamedTuple):
    """The same stretch on both axes: step numbers from 0, and milliseconds."""

    steps: Range
    ms: Range

    def on(self, axis: Axis) -> Range:
        """The stretch on this axis."""
        return self.steps if axis is Axis.STEPS else self.ms


class Mark(NamedTuple):
    """One step: one position of the transport."""

    position: int
    #: step key, `T1.read`
    step: str
    session: str
    lane: int
    transaction: str
    #: 2 and more: a retried transaction
    attempt: int
    status: Status
    #: `UPDATE balance = 120`
    label: str
    #: `100`, `no rows`; empty where the label says it all
    result: str
    #: label and result where there is little room
    brief: tuple[str, str]
    #: SQLSTATE where it failed
    sqlstate: str | None
    #: the whole statement, saved values filled in
    sql: str
    #: the server's message, or why it was skipped
    detail: str
    place: Stretch
    #: the position at whose end it was known how the step ended; None where it still waits
    settled_at: int | None
    #: the sessions that it waited for at first
    waited_for: tuple[str, ...]
    #: it is a step of the minimal cycle of the first anomaly
    in_cycle: bool


class Wait(NamedTuple):
    """The hatched part of a statement."""

    mark: int
    lane: int
    session: str
    by: tuple[str, ...]
    lock: str
    inferred: bool
    place: Stretch
    known_at: int


class Arrow(NamedTuple):
    """From the release of a lock to the statement that it woke; `start` and `end` of the place are its two ends."""

    mark: int
    source_lane: int
    target_lane: int
    place: Stretch
    known_at: int


class Span(NamedTuple):
    """One transaction from its BEGIN to its end; `outcome` None where it was still open."""

    name: str
    session: str
    lane: int
    attempt: int
    isolation: Isolation
    place: Stretch
    outcome: TransactionOutcome | None
    sqlstate: str | None
    known_at: int


class StoredBox(NamedTuple):
    """A value of the committed state, from the step that stored it to the next that stored another."""

    #: `balance 130`
    text: str
    #: `130`
    short: str
    place: Stretch
    known_at: int
    wrong: bool


class ScoreInfo(NamedTuple):
    """Everything that the score shows; `sessions` are its lanes from the top."""

    sessions: tuple[str, ...]
    marks: tuple[Mark, ...]
    waits: tuple[Wait, ...]
    arrows: tuple[Arrow, ...]
    spans: tuple[Span, ...]
    #: how many marks are steps of the schedule; those after it are retries
    scheduled: int
    #: name of the first anomaly, and the mark at which its cycle closed: nothing is lost yet if one of it rolls back
    anomaly: str | None
    closing: int | None
    #: the mark at which the last transaction of the cycle committed; None where it never did
    final: int | None
    #: the last lane: what is stored; empty where nothing is watched
    stored: tuple[StoredBox, ...] = ()

    def done(self, position: int) -> frozenset[tuple[str, str]]:
        """(transaction, step) of every statement that had been answered at the end of this position."""
        return frozenset(
            (mark.transaction, mark.step)
            for mark in self.marks
            if mark.settled_at is not None and mark.settled_at <= position
        )

    @property
    def closed_at(self) -> int | None:
        """The position at whose end the cycle had closed: a statement that waits may still come to nothing."""
        return None if self.closing is None else self.marks[self.closing].settled_at or self.closing

    def woken(self, mark: Mark) -> tuple[Mark, ...]:
        """Those whose wait ended with this mark."""
        return tuple(
            other for other in self.marks if other.position < mark.position and other.settled_at == mark.position
        )


def inset(part: Range, whole: Stretch, axis: Axis) -> Range:
    """A part of a statement as it is drawn: on the step axis a little shorter where it begins or ends the statement."""
    if axis is Axis.TIME:
        return part
    return Range(part.start + GAP * (part.start == whole.steps.start), part.end - GAP * (part.end == whole.steps.end))
