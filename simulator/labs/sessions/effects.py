"""What each setting did in one run, as its events tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import InvalidRequestError

from simulator.history.application import (
    CommitStarted,
    ConnectionClosed,
    ConnectionInvalidated,
    ConnectionOpened,
    ConnectionReset,
    FlushStarted,
    ObjectStateChanged,
    RequestEnded,
    SessionClosed,
    SessionEnded,
)
from simulator.history.event import Event
from simulator.history.schedule import StatementStarted
from simulator.history.words import ObjectState, SessionOutcome
from simulator.i18n.text import Text
from simulator.labs.sessions.kinds import TenantLeakError
from simulator.labs.sessions.load import LoadResult
from simulator.traces.critical import duration
from simulator.traces.pool import pool_totals
from simulator.traces.spans import Trace

#: https://www.postgresql.org/docs/18/errcodes-appendix.html
SERIALIZATION_FAILURE = "40001"


@dataclass(frozen=True, slots=True)
class Effect:
    """One setting: its value as in code, and what was seen of it."""

    setting: str
    value: str
    seen: Text


@dataclass(frozen=True, slots=True)
class _Run:
    """What the sentences are made of."""

    result: LoadResult
    trace: Trace

    def count(self, *kinds: type[Event]) -> int:
        return sum(isinstance(event, kinds) for event in self.result.history.events)

    @property
    def ends(self) -> tuple[RequestEnded, ...]:
        """The requests', in order."""
        return tuple(event for event in self.result.history.events if isinstance(event, RequestEnded))


def effects(result: LoadResult, trace: Trace) -> tuple[Effect, ...]:
    """A row a setting; `trace` is the reading of the result's history."""
    run = _Run(result, trace)
    return tuple(Effect(name, str(value), tell(run)) for name, value, tell in _rows(run))


def _rows(run: _Run) -> tuple[tuple[str, object, Callable[[_Run], Text]], ...]:
    it = run.result.load.settings
    return (
        ("pool_size, max_overflow", f"{it.pool_size}, {it.max_overflow}", _size),
        ("pool_timeout", f"{it.pool_timeout:g}", _timeout),
        ("pool_pre_ping", it.pool_pre_ping, _dead),
        ("pool_recycle", it.pool_recycle, _opened),
        ("pool_use_lifo", it.pool_use_lifo, _slots),
        ("pool_reset_on_return", it.reset_on_return, _resets),
        ("isolation_level", it.isolation.value if it.isolation else None, _refusals),
        ("expire_on_commit", it.expire_on_commit, _expired),
        ("autoflush", it.autoflush, _flushes),
        ("close_resets_only", it.close_resets_only, _closed),
    )


def _size(run: _Run) -> Text:
    pool = pool_totals(run.trace)
    return Text.of(
        "In use at once, at most: {used}. Open beyond pool_size, at most: {overflow}. "
        "Waiting at once, at most: {waiting}.",
        used=pool.checked_out,
        overflow=pool.overflow,
        waiting=pool.waiting,
    )


def _timeout(run: _Run) -> Text:
    waits = [wait for request in run.trace.requests for wait in request.waits if not wait.timed_out and wait.end_ms]
    longest = max((wait.until(0.0) - wait.start_ms for wait in waits), default=0.0)
    return Text.of(
        "Waits that ended with TimeoutError: {refused}. The longest that got a connection: {longest}.",
        refused=pool_totals(run.trace).timed_out,
        longest=duration(longest),
    )


def _dead(run: _Run) -> Text:
    if not run.result.load.kill_half_way:
        return Text.of('Nothing to notice: no connection died. "Kill the connections half-way" makes some.')
    return Text.of(
        "Ended by the server: {killed}. Requests that failed on one: {failed}. Opened anew: {replaced}.",
        killed=run.result.killed,
        failed=_lost(run),
        replaced=_reopened(run),
    )


def _lost(run: _Run) -> int:
    """Requests in which a connection turned out to be dead while a statement was sent."""
    events = run.result.history.events
    broken = {event.request for event in events if isinstance(event, ConnectionInvalidated) and event.reason}
    return sum(end.outcome == "failed" and end.request in broken for end in run.ends)


def _reopened(run: _Run) -> int:
    """Connections that were opened by the requests after the kill."""
    half = (run.result.load.requests + 1) // 2
    later = {request.name for request in run.trace.requests if _number(request.name) > half}
    return sum(isinstance(e, ConnectionOpened) and e.request in later for e in run.result.history.events)


def _number(name: str) -> int:
    last = name.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


def _opened(run: _Run) -> Text:
    return Text.of(
        "Checkouts: {checkouts}. Connections opened: {opened}, closed again: {closed}.",
        checkouts=pool_totals(run.trace).checkouts,
        opened=run.count(ConnectionOpened),
        closed=run.count(ConnectionClosed),
    )


def _slots(run: _Run) -> Text:
    parts = ", ".join(f"{slot.number}: {len(slot.holds)}×" for slot in run.trace.slots)
    return Text.of("Checkouts by slot: {slots}.", slots=parts)


def _resets(run: _Run) -> Text:
    resets = [event for event in run.result.history.events if isinstance(event, ConnectionReset)]
    inside = sum(event.status.startswith("in ") and not event.was_reset for event in resets)
    return Text.of(
        "Came back: {resets}. Inside a transaction that nobody had ended: {inside}. "
        "Requests that found the last one's setting: {leaks}.",
        resets=len(resets),
        inside=inside,
        leaks=sum(end.error_class == TenantLeakError.__name__ for end in run.ends),
    )


def _refusals(run: _Run) -> Text:
    refused = sum(end.sqlstate == SERIALIZATION_FAILURE for end in run.ends)
    return Text.of("Requests that ended with a serialization failure: {refused}.", refused=refused)


def _expired(run: _Run) -> Text:
    events = run.result.history.events
    expired = sum(isinstance(e, ObjectStateChanged) and e.expired and e.cause == "commit" for e in events)
    return Text.of(
        "Objects that a commit expired: {expired}. Not expired, because nobody referred to them any more and they were "
        "collected before: {gone}. SELECTs after a commit in the same Session: {again}.",
        expired=expired,
        gone=_gone_before_commit(run),
        again=_selects_after_commit(run),
    )


def _gone_before_commit(run: _Run) -> int:
    """A Session refers weakly to what it has flushed."""
    gone: Counter[str | None] = Counter()
    found = 0
    for event in run.result.history.events:
        if isinstance(event, ObjectStateChanged) and event.cause == "collected":
            gone[event.session] += event.before in (ObjectState.PERSISTENT, ObjectState.PENDING)
        elif isinstance(event, SessionEnded) and not event.nested:
            count = gone.pop(event.session, 0)
            found += count if event.outcome is SessionOutcome.COMMITTED else 0
    return found


def _selects_after_commit(run: _Run) -> int:
    committed: set[str | None] = set()
    found = 0
    for event in run.result.history.events:
        if isinstance(event, CommitStarted):
            committed.add(event.session)
        elif isinstance(event, StatementStarted) and event.session in committed:
            found += event.sql.lstrip().upper().startswith("SELECT")
    return found


def _flushes(run: _Run) -> Text:
    inside: set[str | None] = set()
    before = within = 0
    for event in run.result.history.events:
        if isinstance(event, CommitStarted):
            inside.add(event.session)
        elif isinstance(event, SessionEnded):
            inside.discard(event.session)
        elif isinstance(event, FlushStarted):
            within += event.session in inside
            before += event.session not in inside
    return Text.of("Flushes before the commit: {before}, with it: {within}.", before=before, within=within)


def _closed(run: _Run) -> Text:
    """SQLAlchemy has no class of its own for it: it is what came when the request's Session was closed already."""
    closed: set[str | None] = set()
    refused = 0
    for event in run.result.history.events:
        if isinstance(event, SessionClosed):
            closed.add(event.request)
        elif isinstance(event, RequestEnded):
            refused += event.request in closed and event.error_class == InvalidRequestError.__name__
        elif event.session is not None:
            closed.discard(event.request)
    return Text.of("Uses of a closed Session that were refused: {refused}.", refused=refused)
