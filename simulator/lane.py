"""A session of a run as it is now, and the log that its events go to: the scheduler's working state."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator.engines.base import Block, SessionConnection
from simulator.errors import RunError
from simulator.history import AnyEvent, History
from simulator.model import Scalar, SessionScript, Step


class EventLog:
    """Events in the order in which they were seen; gives each its number and its time."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    def add(self, kind: Callable[..., AnyEvent], **fields: Any) -> None:
        self.events.append(kind(seq=len(self.events), at_ns=time.monotonic_ns(), **fields))

    def history(self, sessions: tuple[str, ...]) -> History:
        return History(sessions, tuple(self.events))


@dataclass(slots=True)
class Lane:
    """One session as it is now; only the scheduler changes it."""

    script: SessionScript
    connection: SessionConnection
    attempt: int = 1
    began: bool = False
    ended: bool = False
    #: an error or a conflict ended the transaction, and running it again can help
    retryable: bool = False
    #: the server has closed the connection
    lost: bool = False
    step: Step | None = None
    saved: dict[str, Scalar] = field(default_factory=dict)
    xid: int | None = None
    block: Block | None = None
    #: the last wait of the running statement that was put on record; its end may be over before anybody looks
    told: Block | None = None
    #: the server has reported, for the wait that goes on, that it looked for a deadlock and found none
    reported: bool = False
    #: its transaction has set a deadlock_timeout of its own
    own_timeout: bool = False
    #: monotonic seconds at which we learnt of the wait that goes on
    blocked_at: float = 0.0

    @property
    def name(self) -> str:
        return self.script.name

    @property
    def transaction(self) -> str:
        return self.name if self.attempt == 1 else f"{self.name}#{self.attempt}"


class StillWaiting(Exception):
    """The step cannot be sent: its session's last statement still waits."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(lane.name)
        self.lane = lane


class Overdue(RunError):
    """The deadline passed while statements were running; they still run."""
