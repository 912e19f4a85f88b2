"""What a page shows of a live run: each session as it is now, and what the person may do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from simulator.errors import ScenarioError
from simulator.history import AnyEvent, TransactionEnded
from simulator.i18n import gettext as _
from simulator.lane import Lane
from simulator.model import Step
from simulator.scenarios.guard import evaluate


class Free(StrEnum):
    """What may be done with a session besides its next step."""

    COMMIT = "commit"
    ROLLBACK = "rollback"
    CANCEL = "cancel"


class LiveState(StrEnum):
    #: no transaction yet
    READY = "ready"
    #: in a transaction, between two statements
    OPEN = "open"
    #: its statement waits for another session
    WAITING = "waiting"
    #: its statement runs and, as far as is known, waits for nobody
    RUNNING = "running"
    #: its transaction is over
    ENDED = "ended"
    #: the server has closed its connection
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class LiveSession:
    """One session, and its choices."""

    name: str
    state: LiveState
    #: `T1`, its second attempt `T1#2`
    transaction: str
    #: how often this session was clicked: a click that carries an older number is not issued
    turn: int
    #: the next scripted step; None where there is none
    step: Step | None
    #: whether that step can be issued now
    possible: bool
    #: issuing it runs the transaction again from its first step
    again: bool = False
    #: its condition is false now, so that issuing it only passes over it
    skips: bool = False
    #: the step whose statement runs or waits
    since: str = ""
    #: sessions of this run that must go first
    waits_for: tuple[str, ...] = ()
    #: somebody outside of this run must go first
    waits_outside: bool = False
    lock: str = ""
    #: how the transaction ended, with the server's SQLSTATE where it was an error
    outcome: str = ""
    sqlstate: str | None = None

    @property
    def free(self) -> tuple[Free, ...]:
        """What may be chosen now besides the step."""
        if self.state in (LiveState.WAITING, LiveState.RUNNING):
            return (Free.CANCEL,)
        return (Free.COMMIT, Free.ROLLBACK) if self.state is LiveState.OPEN else ()

    @property
    def is_over(self) -> bool:
        """Its transaction has ended, or can never begin."""
        return self.state in (LiveState.ENDED, LiveState.LOST)

    @property
    def sentence(self) -> str:
        """Why it stands still, or how it ended; "" where it is to be moved."""
        return _sentence(self)


@dataclass(frozen=True, slots=True)
class LiveView:
    """A live run as it is now."""

    sessions: tuple[LiveSession, ...]
    #: clicks that were issued until now
    clicks: int
    #: whether the call that returned this issued its click; False for one that came too late
    issued: bool
    #: every session's transaction is over: there is a result
    finished: bool
    #: seconds until a run that nobody touches is closed
    expires_in_s: float
    #: what `undo` has to say, until the next click
    note: str = ""

    def session(self, name: str) -> LiveSession:
        """Raises KeyError."""
        for session in self.sessions:
            if session.name == name:
                return session
        raise KeyError(name)


def session_view(lane: Lane, position: int, turn: int, events: Sequence[AnyEvent]) -> LiveSession:
    """The lane with its choices; `position` counts the steps of its script that were issued in this attempt."""
    end = last_end(events, lane.transaction) if lane.ended else None
    steps = lane.script.steps
    again = _may_run_again(end, unfinished=position < len(steps)) and not lane.lost
    step = steps[0] if again else None if lane.ended or position >= len(steps) else steps[position]
    state = _state(lane)
    waits = state is LiveState.WAITING and lane.block is not None
    return LiveSession(
        name=lane.name,
        state=state,
        transaction=lane.transaction,
        turn=turn,
        step=step,
        possible=step is not None and not lane.connection.busy and not lane.lost,
        again=again,
        skips=step is not None and not again and not lane.connection.busy and _skips(step, lane),
        since=lane.step.key if lane.connection.busy and lane.step else "",
        waits_for=lane.block.by if waits and lane.block else (),
        waits_outside=waits and lane.block is not None and lane.block.foreign,
        lock=lane.block.lock if waits and lane.block else "",
        outcome=end.outcome if end else "",
        sqlstate=end.sqlstate if end else None,
    )


def last_end(events: Sequence[AnyEvent], transaction: str) -> TransactionEnded | None:
    """How this transaction ended."""
    return next((e for e in reversed(events) if isinstance(e, TransactionEnded) and e.transaction == transaction), None)


def _may_run_again(end: TransactionEnded | None, *, unfinished: bool) -> bool:
    """An application runs an aborted transaction again; so may a person one that they rolled back on the way."""
    return end is not None and (end.outcome == "aborted" or (end.outcome == "rolled back" and unfinished))


def _state(lane: Lane) -> LiveState:
    if lane.lost:
        return LiveState.LOST
    if lane.connection.busy:
        return LiveState.RUNNING if lane.block is None else LiveState.WAITING
    if lane.ended:
        return LiveState.ENDED
    return LiveState.OPEN if lane.began else LiveState.READY


def _skips(step: Step, lane: Lane) -> bool:
    try:
        return step.when is not None and not evaluate(step.when, lane.saved)
    except ScenarioError:
        return False


def _sentence(session: LiveSession) -> str:
    match session.state:
        case LiveState.LOST:
            return _(
                "The server has closed this session's connection and rolled its transaction back. Undo starts anew."
            )
        case LiveState.WAITING if session.waits_for:
            return _("{session} waits in {since} for {blockers}.").format(
                session=session.name, since=session.since, blockers=", ".join(session.waits_for)
            )
        case LiveState.WAITING:
            return _("{session} waits in {since} for somebody outside of this run.").format(
                session=session.name, since=session.since
            )
        case LiveState.RUNNING:
            return _("{since} is running.").format(since=session.since)
        case LiveState.ENDED if session.sqlstate is not None:
            return _("The server aborted this transaction ({sqlstate}).").format(sqlstate=session.sqlstate)
    return ""
