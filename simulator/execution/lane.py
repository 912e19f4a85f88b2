"""A session of a run as it is now, and the log that its events go to: the scheduler's working state."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TypedDict

from simulator.engines.base import Block, SessionConnection
from simulator.errors import RunError
from simulator.execution.message import Message, may_end
from simulator.history.schedule import AnyEvent, History
from simulator.model import Isolation, Scalar, SessionScript, Step
from simulator.sql.timeouts import TimeOuts


class Stamp(TypedDict):
    """Where an event stands and whom it concerns; `Kind(**stamp, …)` and not `(kind, **fields)`, so that types hold."""

    seq: int
    at_ns: int
    session: str | None
    step: str | None
    transaction: str | None


class EventLog:
    """Events in the order in which they were seen; gives each its number and its time."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    def stamp(self, *, session: str | None = None, step: str | None = None, transaction: str | None = None) -> Stamp:
        """What the event that is added next has beside its own fields; its time is now."""
        return {
            "seq": len(self.events),
            "at_ns": time.monotonic_ns(),
            "session": session,
            "step": step,
            "transaction": transaction,
        }

    def of(self, lane: Lane, step: Step | None = None) -> Stamp:
        """The same for a lane, and its step or another one of it."""
        of = step or lane.step
        transaction = None if lane.outside else lane.transaction
        return self.stamp(session=lane.name, step=of.key if of else None, transaction=transaction)

    def add(self, event: AnyEvent) -> None:
        """Put on record what was made with the newest `stamp`."""
        self.events.append(event)

    def history(self, sessions: tuple[str, ...]) -> History:
        return History(sessions, tuple(self.events))


@dataclass(slots=True)
class Lane:
    """One session as it is now; only the scheduler changes it."""

    script: SessionScript
    connection: SessionConnection
    #: of its transactions, unless a BEGIN of its own names another
    isolation: Isolation
    #: which transaction of the session it is at, and which attempt at that
    number: int = 1
    attempt: int = 1
    began: bool = False
    ended: bool = False
    #: SQLSTATE of the error after which the open transaction only waits for its ROLLBACK, or ROLLBACK TO
    failed: str | None = None
    #: what runs, or ran last, is part of no transaction
    outside: bool = False
    #: an error or a conflict has ended the session's work: what follows is skipped until it is run again
    given_up: bool = False
    #: a COMMIT or ROLLBACK under a condition has ended the transaction: what is left of it is skipped
    left_early: bool = False
    #: an error or a conflict ended the transaction, and running it again can help
    retryable: bool = False
    #: the server has closed the connection
    lost: bool = False
    step: Step | None = None
    #: the step with which its transaction began; None where that was no step by itself
    first: Step | None = None
    #: what was sent last
    message: Message | None = None
    #: steps that were issued since the transaction's first one, it included
    work: list[Step] = field(default_factory=list)
    saved: dict[str, Scalar] = field(default_factory=dict)
    #: the same before the transaction's first step
    saved_before: dict[str, Scalar] = field(default_factory=dict)
    xid: int | None = None
    #: the transaction was asked for its id; where not, it may have written all the same
    asked_id: bool = False
    block: Block | None = None
    #: the last wait of the running statement that was put on record; its end may be over before anybody looks
    told: Block | None = None
    #: the server has reported, for the wait that goes on, that it looked for a deadlock and found none
    reported: bool = False
    #: it has set a deadlock_timeout of its own
    own_timeout: bool = False
    timeouts: TimeOuts = field(default_factory=TimeOuts)
    #: monotonic seconds at which we learnt of the wait that goes on, at which its transaction began, at which the last
    #: statement was sent, and at which the last answer came
    blocked_at: float = 0.0
    began_at: float = 0.0
    sent_at: float = 0.0
    answered_at: float = 0.0

    @property
    def name(self) -> str:
        return self.script.name

    @property
    def transaction(self) -> str:
        """`T1`, and `T1#2` for its second attempt; the session's second transaction is `T1:2`."""
        name = self.name if self.number == 1 else f"{self.name}:{self.number}"
        return name if self.attempt == 1 else f"{name}#{self.attempt}"

    @property
    def ending(self) -> bool:
        """What it runs can end its transaction."""
        in_block = not self.script.autocommit or self.connection.in_transaction
        return self.step is not None and may_end(self.step.sql, in_block=in_block)

    @property
    def open(self) -> bool:
        """A transaction has begun and has not ended."""
        return self.began and not self.ended


class StillWaiting(Exception):
    """The step cannot be sent: its session's last statement still waits."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(lane.name)
        self.lane = lane


class Overdue(RunError):
    """The deadline passed while statements were running; they still run."""
