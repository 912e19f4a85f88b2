"""What each setting did in one run, as its events tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from simulator.event import Event
from simulator.history import StatementStarted
from simulator.i18n import gettext as _
from simulator.labs.lifecycle.load import LoadResult
from simulator.lifecycle import (
    CommitStarted,
    ConnectionCheckedOut,
    ConnectionClosed,
    ConnectionInvalidated,
    ConnectionOpened,
    ConnectionRefused,
    ConnectionReset,
    FlushStarted,
    ObjectStateChanged,
    RequestEnded,
    SessionEnded,
)
from simulator.traces.critical import duration
from simulator.traces.pool import occupancy
from simulator.traces.spans import Trace


@dataclass(frozen=True, slots=True)
class Effect:
    """One setting: its value as in code, and what was seen of it."""

    setting: str
    value: str
    seen: str


@dataclass(frozen=True, slots=True)
class _Run:
    """What the sentences are made of."""

    result: LoadResult
    trace: Trace

    def count(self, *kinds: type[Event]) -> int:
        return sum(isinstance(event, kinds) for event in self.result.history.events)

    def failed_with(self, text: str) -> int:
        """Requests whose error says so."""
        ends = (event for event in self.result.history.events if isinstance(event, RequestEnded))
        return sum(text in event.error for event in ends)


def effects(result: LoadResult, trace: Trace) -> tuple[Effect, ...]:
    """A row a setting; `trace` is the reading of the result's history."""
    run = _Run(result, trace)
    return tuple(Effect(name, str(value), tell(run)) for name, value, tell in _rows(run))


def _rows(run: _Run) -> tuple[tuple[str, object, Callable[[_Run], str]], ...]:
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


def _size(run: _Run) -> str:
    moments = occupancy(run.trace)
    return _("In use at once, at most: {used}. Waiting at once, at most: {waiting}.").format(
        used=max((moment.checked_out for moment in moments), default=0),
        waiting=max((moment.waiting for moment in moments), default=0),
    )


def _timeout(run: _Run) -> str:
    refused = sum(isinstance(e, ConnectionRefused) and e.timed_out for e in run.result.history.events)
    waits = [wait for request in run.trace.requests for wait in request.waits if not wait.timed_out and wait.end_ms]
    longest = max((wait.until(0.0) - wait.start_ms for wait in waits), default=0.0)
    return _("Waits that ended with TimeoutError: {refused}. The longest that got a connection: {longest}.").format(
        refused=refused, longest=duration(longest)
    )


def _dead(run: _Run) -> str:
    if not run.result.load.kill_half_way:
        return _('Nothing to notice: no connection died. "Kill the connections half-way" makes some.')
    return _("Ended by the server: {killed}. Requests that failed on one: {failed}. Opened anew: {replaced}.").format(
        killed=run.result.killed, failed=_lost(run), replaced=_reopened(run)
    )


def _lost(run: _Run) -> int:
    """Requests in which a connection turned out to be dead while a statement was sent."""
    events = run.result.history.events
    broken = {event.request for event in events if isinstance(event, ConnectionInvalidated) and event.request}
    return sum(isinstance(e, RequestEnded) and e.outcome == "failed" and e.request in broken for e in events)


def _reopened(run: _Run) -> int:
    """Connections that were opened by the requests after the kill."""
    half = (run.result.load.requests + 1) // 2
    later = {request.name for request in run.trace.requests if _number(request.name) > half}
    return sum(isinstance(e, ConnectionOpened) and e.request in later for e in run.result.history.events)


def _number(name: str) -> int:
    last = name.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


def _opened(run: _Run) -> str:
    return _("Checkouts: {checkouts}. Connections opened: {opened}, closed again: {closed}.").format(
        checkouts=run.count(ConnectionCheckedOut),
        opened=run.count(ConnectionOpened),
        closed=run.count(ConnectionClosed),
    )


def _slots(run: _Run) -> str:
    events = run.result.history.events
    slots = Counter(event.slot for event in events if isinstance(event, ConnectionCheckedOut) and event.slot)
    parts = ", ".join(f"{slot}: {count}×" for slot, count in sorted(slots.items()))
    return _("Checkouts by slot: {slots}.").format(slots=parts)


def _resets(run: _Run) -> str:
    resets = [event for event in run.result.history.events if isinstance(event, ConnectionReset)]
    inside = sum(event.status.startswith("in ") and not event.was_reset for event in resets)
    return _(
        "Came back: {resets}. Inside a transaction that nobody had ended: {inside}. "
        "Requests that found the last one's setting: {leaks}."
    ).format(resets=len(resets), inside=inside, leaks=run.failed_with("TenantLeakError"))


def _refusals(run: _Run) -> str:
    return _("Requests that ended with a serialization failure: {refused}.").format(
        refused=run.failed_with("SerializationFailure")
    )


def _expired(run: _Run) -> str:
    events = run.result.history.events
    expired = sum(isinstance(e, ObjectStateChanged) and e.expired and e.cause == "commit" for e in events)
    return _("Objects that a commit expired: {expired}. SELECTs after a commit in the same Session: {again}.").format(
        expired=expired, again=_selects_after_commit(run)
    )


def _selects_after_commit(run: _Run) -> int:
    committed: set[str | None] = set()
    found = 0
    for event in run.result.history.events:
        if isinstance(event, CommitStarted):
            committed.add(event.session)
        elif isinstance(event, StatementStarted) and event.session in committed:
            found += event.sql.lstrip().upper().startswith("SELECT")
    return found


def _flushes(run: _Run) -> str:
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
    return _("Flushes before the commit: {before}, with it: {within}.").format(before=before, within=within)


def _closed(run: _Run) -> str:
    return _("Uses of a closed Session that were refused: {refused}.").format(refused=run.failed_with("closed"))
