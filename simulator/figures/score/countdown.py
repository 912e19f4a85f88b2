"""From the wait that closed a deadlock to the victim's error: the observed moments, and how they are slowed to be seen.

A session that waits looks for a cycle once, `deadlock_timeout` after its wait began, and the one that finds it is the
victim: https://www.postgresql.org/docs/18/runtime-config-locks.html#GUC-DEADLOCK-TIMEOUT
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from itertools import takewhile
from typing import NamedTuple

from simulator.history.schedule import AnyEvent, History, ServerMessage, StatementStarted, StepBlocked, StepResumed
from simulator.sql.words import value_set
from simulator.state.locks import Deadlock

#: What a viewer can follow, in milliseconds of their own time; factors are powers of ten.
SLOWEST_MS = 6000


class MomentKind(Enum):
    """What happened at a moment."""

    SENT = "the victim's statement was sent"
    WAITS = "the victim's wait began, by the server's own report where there is one"
    CLOSED = "the same, and the cycle was closed with it"
    CLOSED_BY_OTHER = "another session was seen to wait, and the cycle was closed with it"
    LOOKED = "the server's report of its look for a deadlock arrived"
    FAILED = "the victim's error arrived"
    WOKE = "a session that waited for the victim went on"


class Moment(NamedTuple):
    """`ms` since the victim's statement was sent, as seen by us."""

    kind: MomentKind
    session: str
    ms: float


class Countdown(NamedTuple):
    """Everything known of one deadlock's last milliseconds; moments in their order."""

    victim: str
    step: str
    moments: tuple[Moment, ...]
    #: how long the victim had waited when it looked, by the server's clock; None where the server did not report it
    waited_ms: float | None
    #: `deadlock_timeout` as the victim's own transaction wrote it, "" where it did not
    own_timeout: str

    @property
    def total_ms(self) -> float:
        """How long the whole takes."""
        return self.moments[-1].ms

    @property
    def slowed(self) -> int:
        """How many times slower it is shown: 1, 10, 100 ...

        >>> Countdown("T2", "T2.give", (Moment(Kind.FAILED, "T2", 1.4),), 1.04, "").slowed
        1000
        """
        factor = 1
        while self.total_ms * factor * 10 <= SLOWEST_MS and factor < 10**6:
            factor *= 10
        return factor

    @property
    def bar(self) -> tuple[float, float]:
        """From when to when the victim waited for its look; to its error, where the look was not reported."""
        start = next((m.ms for m in self.moments if m.kind in (MomentKind.WAITS, MomentKind.CLOSED)), 0.0)
        ends = [m.ms for m in self.moments if m.kind in (MomentKind.LOOKED, MomentKind.FAILED)]
        return start, ends[0]


def countdown(history: History, deadlock: Deadlock) -> Countdown:
    """The moments of this deadlock. Nothing is in it but what was seen, or what the server said of its own clock."""
    events = history.events[: deadlock.at + 1]
    sent = next(
        event
        for event in reversed(events)
        if isinstance(event, StatementStarted) and (event.session, event.step) == (deadlock.victim, deadlock.step)
    )
    report = _report(events[sent.seq :], deadlock.victim)
    waited = float(found[1]) if report and (found := _AFTER.search(report.text)) else None
    moments = [Moment(kind, session, (at - sent.at_ns) / 1e6) for kind, session, at in _around(events, deadlock, sent)]
    if report is not None:
        looked = (report.at_ns - sent.at_ns) / 1e6
        moments.append(Moment(MomentKind.LOOKED, deadlock.victim, looked))
        if waited is not None:
            # The server tells how long it had waited, and that ends with this report: a more exact beginning than ours.
            began = max(0.0, looked - waited)
            moments = [m._replace(ms=began) if m.kind in (MomentKind.WAITS, MomentKind.CLOSED) else m for m in moments]
    moments += [Moment(MomentKind.WOKE, session, (at - sent.at_ns) / 1e6) for session, at in _woken(history, deadlock)]
    order = list(MomentKind)
    return Countdown(
        victim=deadlock.victim,
        step=deadlock.step,
        moments=tuple(sorted(moments, key=lambda moment: (moment.ms, order.index(moment.kind)))),
        waited_ms=waited,
        own_timeout=_own_timeout(events, sent),
    )


_AFTER = re.compile(r" after ([\d.]+) ms")


def _around(
    events: tuple[AnyEvent, ...], deadlock: Deadlock, sent: StatementStarted
) -> Iterator[tuple[MomentKind, str, int]]:
    """What our own clock says: sent, seen to wait, closed, failed."""
    yield MomentKind.SENT, deadlock.victim, sent.at_ns
    waits = _first_waits(events, deadlock)
    closing = waits[-1] if waits else None
    for event in waits:
        if event.session == deadlock.victim:
            yield MomentKind.CLOSED if event is closing else MomentKind.WAITS, deadlock.victim, event.at_ns
        elif event is closing:
            yield MomentKind.CLOSED_BY_OTHER, str(event.session), event.at_ns
    yield MomentKind.FAILED, deadlock.victim, events[deadlock.at].at_ns


def _first_waits(events: tuple[AnyEvent, ...], deadlock: Deadlock) -> list[StepBlocked]:
    """Where each statement of the cycle was first seen to wait, in order."""
    members = {(wait.waiter, wait.step) for wait in deadlock.waits}
    found: dict[tuple[str | None, str | None], StepBlocked] = {}
    for event in events:
        place = (event.session, event.step)
        if isinstance(event, StatementStarted) and place in members:
            found.pop(place, None)  # an attempt before this one
        if isinstance(event, StepBlocked) and place in members:
            found.setdefault(place, event)
    return list(found.values())


def _report(events: tuple[AnyEvent, ...], victim: str) -> ServerMessage | None:
    """log_lock_waits: what the victim's server process said when its look found the cycle."""
    for event in reversed(events):
        if isinstance(event, ServerMessage) and event.session == victim and " detected deadlock " in event.text:
            return event
    return None


def _woken(history: History, deadlock: Deadlock) -> Iterator[tuple[str, int]]:
    """Who waited for the victim and went on before anybody did anything else."""
    waited = {wait.waiter for wait in deadlock.waits if wait.blocker == deadlock.victim}
    after = takewhile(lambda event: not isinstance(event, StatementStarted), history.events[deadlock.at :])
    for event in after:
        if isinstance(event, StepResumed) and event.session in waited:
            yield str(event.session), event.at_ns


def _own_timeout(events: tuple[AnyEvent, ...], sent: StatementStarted) -> str:
    found = (
        value_set(event.sql, "deadlock_timeout")
        for event in events
        if isinstance(event, StatementStarted) and event.transaction == sent.transaction
    )
    return next((value for value in reversed([*found]) if value is not None), "")
