"""What the reader of a score keeps of each step and each transaction while it reads.

Times are milliseconds since the first event, positions those of the step axis.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.figures.score.info import Status
from simulator.history.schedule import StepBlocked, StepResumed, TransactionBegan, TransactionEnded


@dataclass(slots=True)
class Block:
    """For whom a statement waited from then on: a queue moves up, and the blocker changes."""

    event: StepBlocked
    ms: float
    at: int


@dataclass(slots=True)
class Statement:
    """One step; what is None has not happened yet."""

    position: int
    key: str
    session: str
    transaction: str
    started: float
    sql: str = ""
    result: str = ""
    brief_result: str = ""
    sqlstate: str | None = None
    detail: str = ""
    skipped: bool = False
    ended: float | None = None
    settled_at: int | None = None
    blocks: list[Block] = field(default_factory=list)
    resumed: StepResumed | None = None
    resumed_ms: float | None = None

    @property
    def went_on(self) -> float | None:
        """When its wait ended; where that was not noticed, when its answer came. None without a wait or an end."""
        return None if not self.blocks else self.resumed_ms if self.resumed_ms is not None else self.ended

    @property
    def status(self) -> Status:
        if self.skipped:
            return Status.SKIPPED
        if self.sqlstate is not None:
            return Status.FAILED
        return Status.WAITS if self.blocks or self.settled_at is None else Status.DONE


@dataclass(slots=True)
class Transaction:
    began: TransactionBegan
    name: str
    session: str
    started: float
    first: int | None = None
    ended: TransactionEnded | None = None
    ended_ms: float | None = None
    ended_at: int | None = None
