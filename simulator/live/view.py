"""What a page shows of a live run: each session as it is now, and what the person may do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from simulator.errors import ScenarioError
from simulator.execution.lane import Lane
from simulator.history.schedule import AnyEvent, TransactionEnded
from simulator.history.words import TransactionOutcome
from simulator.i18n.text import NOTHING, Text
from simulator.model import Scalar, Step
from simulator.scenarios.guard import evaluate
from simulator.sql.transactions import ends


class Free(StrEnum):
    """What may be done with a session besides its next step."""

    COMMIT = "commit"
    ROLLBACK = "rollback"
    CANCEL = "cancel"


class LiveState(StrEnum):
    #: no transaction yet, or the next one not yet
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
    #: `T1`, its second attempt `T1#2`; of the session's second transaction `T1:2`
    transaction: str
    #: how often this session was clicked: a click that carries an older number is not issued
    turn: int
    #: how many steps of its script were issued in this attempt
    issued: int
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
    #: sessions of this run that must go first; none where it waits for somebody outside of it
    waits_for: tuple[str, ...] = ()
    lock: str = ""
    #: how the transaction ended, with the server's SQLSTATE where it was an error
    outcome: str = ""
    sqlstate: str | None = None
    #: SQLSTATE of the error after which its open transaction hears nothing but a ROLLBACK, or ROLLBACK TO
    failed: str | None = None
    #: values that earlier steps read, by the names under which its next steps may use them
    saved: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def free(self) -> tuple[Free, ...]:
        """What may be chosen now besides the step, and is not that step: a COMMIT is one choice."""
        if self.state in (LiveState.WAITING, LiveState.RUNNING):
            return (Free.CANCEL,)
        if self.state is not LiveState.OPEN:
            return ()
        scripted = self.step.ends if self.step is not None and not self.skips else None
        return tuple(choice for choice in (Free.COMMIT, Free.ROLLBACK) if choice.value.upper() != scripted)

    @property
    def is_over(self) -> bool:
        """Its transaction has ended, or can never begin."""
        return self.state in (LiveState.ENDED, LiveState.LOST)

    @property
    def sentence(self) -> Text:
        """Why it stands still, or how it ended; nothing where it is to be moved."""
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
    note: Text = NOTHING

    def session(self, name: str) -> LiveSession:
        """Raises KeyError."""
        for session in self.sessions:
            if session.name == name:
                return session
        raise KeyError(name)


def session_view(
    lane: Lane, position: int, turn: int, events: Sequence[AnyEvent], saved: Mapping[str, Scalar]
) -> LiveSession:
    """The lane with its choices; `position` counts the steps of its script that were issued in this attempt."""
    end = last_end(events, lane.transaction) if lane.ended else None
    steps = lane.script.steps
    goes_on = _goes_on(lane, position)
    again = not goes_on and _may_run_again(end, unfinished=position < len(steps)) and not lane.lost
    over = position >= len(steps) or (lane.ended and not goes_on)
    step = lane.first if again else None if over else steps[position]
    state = _state(lane, position)
    waits = state is LiveState.WAITING and lane.block is not None
    return LiveSession(
        name=lane.name,
        state=state,
        transaction=lane.transaction,
        turn=turn,
        issued=position,
        step=step,
        possible=step is not None and not lane.connection.busy and not lane.lost,
        again=again,
        skips=step is not None and not again and not lane.connection.busy and _skips(step, lane),
        since=lane.step.key if lane.connection.busy and lane.step else "",
        waits_for=lane.block.by if waits and lane.block else (),
        lock=lane.block.lock if waits and lane.block else "",
        outcome=end.outcome if end else "",
        sqlstate=end.sqlstate if end else None,
        failed=lane.failed if lane.open else None,
        saved=dict(saved),
    )


def last_end(events: Sequence[AnyEvent], transaction: str) -> TransactionEnded | None:
    """How this transaction ended."""
    return next((e for e in reversed(events) if isinstance(e, TransactionEnded) and e.transaction == transaction), None)


def _may_run_again(end: TransactionEnded | None, *, unfinished: bool) -> bool:
    """An application runs an aborted transaction again; so may a person one that they rolled back on the way."""
    if end is None:
        return False
    return end.outcome == TransactionOutcome.ABORTED or (end.outcome == TransactionOutcome.ROLLED_BACK and unfinished)


def _goes_on(lane: Lane, position: int) -> bool:
    """Whether its next step is one of a next transaction: the script itself has ended the one before."""
    steps = lane.script.steps
    if not lane.ended or lane.given_up or lane.lost or position >= len(steps):
        return False
    last = steps[position - 1]
    return lane.script.autocommit or (last.when is None and ends(last.sql))


def _state(lane: Lane, position: int) -> LiveState:
    if lane.lost:
        return LiveState.LOST
    if lane.connection.busy:
        return LiveState.RUNNING if lane.block is None else LiveState.WAITING
    if lane.open:
        return LiveState.OPEN
    done = lane.script.autocommit and position >= len(lane.script.steps)
    if done or (lane.ended and not _goes_on(lane, position)):
        return LiveState.ENDED
    return LiveState.READY


def _skips(step: Step, lane: Lane) -> bool:
    try:
        return step.when is not None and not evaluate(step.when, lane.saved)
    except ScenarioError:
        return False


def _sentence(session: LiveSession) -> Text:
    match session.state:
        case LiveState.LOST:
            return Text.of(
                "The server has closed this session's connection and rolled its transaction back. Undo starts anew."
            )
        case LiveState.WAITING if session.waits_for:
            return Text.of(
                "{session} waits in {since} for {blockers}.",
                session=session.name,
                since=session.since,
                blockers=", ".join(session.waits_for),
            )
        case LiveState.WAITING:
            return Text.of(
                "{session} waits in {since} for somebody outside of this run.",
                session=session.name,
                since=session.since,
            )
        case LiveState.RUNNING:
            return Text.of("{since} is running.", since=session.since)
        case LiveState.OPEN if session.failed is not None:
            return Text.of(
                "A statement failed ({sqlstate}): until a ROLLBACK, or ROLLBACK TO, the server refuses all others.",
                sqlstate=session.failed,
            )
        case LiveState.ENDED if session.sqlstate is not None:
            return Text.of("The server aborted this transaction ({sqlstate}).", sqlstate=session.sqlstate)
    return NOTHING
