"""From a History to its spans, in one pass over the events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from simulator.history import application as lifecycle
from simulator.history.event import Event
from simulator.history.schedule import History, StatementFailed, StatementFinished, StatementStarted
from simulator.history.words import BackendState, DriverStatus, EndingCommand
from simulator.traces.drafts import Draft, Drafts, RequestDraft, SessionDraft, hold
from simulator.traces.spans import BackendStay, Connection, Move, Point, Pool, Slot, Trace

#: Of these commands something follows at once when they have returned.
_TIMED = (EndingCommand.COMMIT, EndingCommand.ROLLBACK, "reset")
#: where the pool's reset sends a ROLLBACK
_ROLLED_BACK_BY_POOL = (DriverStatus.IN_TRANSACTION, DriverStatus.IN_FAILED_TRANSACTION)


def read(history: History) -> Trace:
    """The trace of a history that the recorder made; of any other one, what is an application's in it."""
    begins = (event.at_ns for event in history.events if isinstance(event, lifecycle.RequestStarted))
    zero = next(begins, history.events[0].at_ns if history.events else 0)
    reader = _TraceReader(zero)
    for event in history.events:
        reader.take(event)
    return reader.trace()


class _TraceReader:
    """Spans that are open are kept by what both of their events name."""

    def __init__(self, zero_ns: int) -> None:
        self._zero = zero_ns
        self._handlers = _handlers()
        self._now = 0.0
        self._groups: dict[str | None, RequestDraft] = {}
        self._pools: list[Pool] = []
        self._moves: list[Move] = []
        self._connections: list[Draft] = []
        self._backends: list[Draft] = []
        self._slots: dict[int, list[Draft]] = {}
        # What is open now: by slot, by question, by backend, by slot or Session.
        self._open: dict[int, Draft] = {}
        self._held: dict[int, Draft] = {}
        self._asked: dict[int, Draft] = {}
        self._stays: dict[int, Draft] = {}
        self._ending: dict[int | str, Draft] = {}

    def take(self, event: Event) -> None:
        """Read the next event."""
        self._now = (event.at_ns - self._zero) / 1e6
        if self._ending:
            self._end_command(event)
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(self, event)

    def trace(self) -> Trace:
        """Everything read, frozen."""
        made = {name: draft.made() for name, draft in self._groups.items()}
        return Trace(
            duration_ms=self._now,
            requests=tuple(sorted((r for name, r in made.items() if name is not None), key=lambda r: r.start_ms)),
            outside=made.get(None),
            slots=tuple(Slot(number=n, holds=tuple(map(hold, held))) for n, held in sorted(self._slots.items())),
            connections=tuple(Connection(**draft) for draft in self._connections),
            pools=tuple(self._pools),
            backends=tuple(BackendStay(**draft) for draft in self._backends),
            moves=tuple(self._moves),
        )

    # Requests, their work and their moments

    def _group(self, event: Event) -> RequestDraft:
        if event.request not in self._groups:
            self._groups[event.request] = RequestDraft({"name": event.request or "", "start_ms": self._now})
        return self._groups[event.request]

    def _begun(self, event: Event, **fields: Any) -> Draft:
        return {"seq": event.seq, "start_ms": self._now, **fields}

    def _request_started(self, event: lifecycle.RequestStarted) -> None:
        self._group(event).fields.update(key=event.key, title=event.title)

    def _request_ended(self, event: lifecycle.RequestEnded) -> None:
        names = ("outcome", "error", "error_class", "cause_class", "sqlstate")
        self._group(event).fields.update(end_ms=self._now, **{name: getattr(event, name) for name in names})

    def _work_started(self, event: lifecycle.WorkStarted) -> None:
        draft = self._begun(event, category=event.category, label=event.label)
        self._group(event).works.begin(draft)

    def _work_ended(self, event: lifecycle.WorkEnded) -> None:
        works = self._group(event).works
        draft = works.latest(category=event.category, label=event.label)
        works.end(draft, end_ms=self._now, error=event.error)

    def _moment(self, event: lifecycle.Moment) -> None:
        point = Point(seq=event.seq, at_ms=self._now, label=event.label, detail=event.detail)
        self._group(event).points.append(point)

    # Sessions

    def _session(self, event: Event) -> SessionDraft:
        sessions = self._group(event).sessions
        name = str(event.session)
        if name not in sessions:
            sessions[name] = SessionDraft({"name": name, "first_ms": self._now, "last_ms": self._now})
        sessions[name].fields["last_ms"] = self._now
        return sessions[name]

    def _session_created(self, event: lifecycle.SessionCreated) -> None:
        self._session(event).fields.update(class_name=event.class_name, created_ms=self._now)

    def _session_began(self, event: lifecycle.SessionBegan) -> None:
        self._session(event).transactions.begin(self._begun(event, nested=event.nested))

    def _session_connected(self, event: lifecycle.SessionConnected) -> None:
        if draft := self._session(event).transactions.latest(nested=False):
            draft.setdefault("connected_ms", self._now)
        held = self._held.get(event.slot) if event.slot is not None else None
        if held is not None and held["session"] is None:
            held["session"] = event.session

    def _session_ended(self, event: lifecycle.SessionEnded) -> None:
        session = self._session(event)
        ended = {"end_ms": self._now, "outcome": event.outcome}
        session.transactions.end(session.transactions.latest(nested=event.nested), **ended)
        if not event.nested:
            session.commits.end(session.commits.latest(), **ended)

    def _session_closed(self, event: lifecycle.SessionClosed) -> None:
        self._session(event).fields.update(closed_ms=self._now, closed_how=event.how)

    def _flush_started(self, event: lifecycle.FlushStarted) -> None:
        flush = self._begun(event, new=event.new, changed=event.changed, deleted=event.deleted)
        self._session(event).flushes.begin(flush)

    def _flush_ended(self, event: lifecycle.FlushEnded) -> None:
        flushes = self._session(event).flushes
        flushes.end(flushes.latest(), end_ms=self._now)

    def _commit_started(self, event: lifecycle.CommitStarted) -> None:
        self._session(event).commits.begin(self._begun(event))

    def _moved(self, event: lifecycle.ObjectStateChanged) -> None:
        self._moves.append(Move(self._now, event))

    # The pool

    def _pool(self, event: lifecycle.PoolObserved) -> None:
        self._pools.append(Pool(start_ms=self._now, settings=event))

    def _requested(self, event: lifecycle.ConnectionRequested) -> None:
        fields = {"asked": event.asked, "session": event.session, "queued": self._is_full(), "connecting": Drafts()}
        draft = self._asked[event.asked] = self._begun(event, **fields)
        self._group(event).waits.append(draft)

    def _is_full(self) -> bool:
        """Every connection that the pool may have is out or promised; those of a pool before it do not count."""
        pool = self._pools[-1] if self._pools else None
        if pool is None or pool.capacity is None:
            return False
        drafts = (*self._held.values(), *self._asked.values())
        taken: int = sum(draft["seq"] > pool.seq for draft in drafts)
        return taken >= pool.capacity

    def _connecting(self, event: lifecycle.ConnectingStarted) -> None:
        # One that failed and is tried again has no event of its own.
        self._connected(event.asked)
        if event.asked in self._asked:
            self._asked[event.asked]["connecting"].begin(self._begun(event))

    def _connected(self, asked: int | None) -> None:
        if asked in self._asked:
            connecting: Drafts = self._asked[asked]["connecting"]
            connecting.end(connecting.latest(), end_ms=self._now)

    def _opened(self, event: lifecycle.ConnectionOpened) -> None:
        self._connected(event.asked)
        if event.slot is not None:
            self._open_connection(event, event.slot, event.backend)

    def _open_connection(self, event: Event, slot: int, backend: int | None) -> None:
        # Nobody saw the one before it close; two of one number are never open at once.
        self._end_connection(slot)
        draft = self._open[slot] = self._begun(event, slot=slot, backend=backend)
        self._connections.append(draft)

    def _checked_out(self, event: lifecycle.ConnectionCheckedOut) -> None:
        if event.asked is not None:
            self._answered(event.asked)
        if event.slot is None:
            return
        if event.slot not in self._open:
            self._open_connection(event, event.slot, event.backend)
        fields = {"slot": event.slot, "backend": event.backend, "request": event.request, "session": None}
        if event.slot in self._held:
            return  # a pool that gives the same connection again
        draft = self._held[event.slot] = self._begun(event, **fields, begins_ms=[])
        self._slots.setdefault(event.slot, []).append(draft)
        self._group(event).holds.append(draft)

    def _refused(self, event: lifecycle.ConnectionRefused) -> None:
        self._connected(event.asked)
        if draft := self._answered(event.asked):
            draft.update(timed_out=event.timed_out, error=event.error)

    def _answered(self, asked: int) -> Draft | None:
        self._connected(asked)
        draft = self._asked.pop(asked, None)
        if draft is not None:
            draft["end_ms"] = self._now
        return draft

    def _reset(self, event: lifecycle.ConnectionReset) -> None:
        sends = not self._pools or self._pools[-1].settings.reset_on_return != "none"
        if sends and not event.was_reset and event.status in _ROLLED_BACK_BY_POOL:
            self._command(event, "reset")

    def _checked_in(self, event: Event) -> None:
        held = self._held.pop(event.slot, None) if event.slot is not None else None
        if held is not None:
            held["end_ms"] = self._now

    def _invalidated(self, event: lifecycle.ConnectionInvalidated) -> None:
        if event.slot in self._held:
            self._held[event.slot]["invalidated"] = event.reason or "invalidated"

    def _closed(self, event: lifecycle.ConnectionClosed) -> None:
        if event.slot is not None:
            self._end_connection(event.slot)

    def _end_connection(self, slot: int) -> None:
        for spans in (self._held, self._open):
            draft = spans.pop(slot, None)
            if draft is not None:
                draft["end_ms"] = self._now

    # Statements and backends

    def _began(self, event: lifecycle.ConnectionBegan) -> None:
        if event.slot in self._held:
            self._held[event.slot]["begins_ms"].append(self._now)

    def _ends(self, event: lifecycle.ConnectionEnding) -> None:
        self._command(event, event.command)

    def _command(self, event: Event, command: str) -> None:
        draft = self._begun(event, command=command, session=event.session, slot=event.slot)
        self._group(event).endings.begin(draft)
        if command in _TIMED:
            for key in (event.slot, event.session):
                if key is not None:
                    self._ending[key] = draft

    def _end_command(self, event: Event) -> None:
        for key in (event.slot, event.session):
            draft = self._ending.pop(key, None) if key is not None else None
            if draft is not None:
                draft.setdefault("end_ms", self._now)

    def _started(self, event: StatementStarted) -> None:
        names = ("sql", "parameters", "many", "line", "request", "session", "slot")
        draft = self._begun(event, **{name: getattr(event, name) for name in names})
        if event.slot is not None:
            draft["backend"] = self._open.get(event.slot, {}).get("backend")
        self._group(event).statements.begin(draft)

    def _answer(self, event: Event, **fields: object) -> None:
        """A connection sends one statement at a time; where it is gone, it was the request's latest."""
        statements = self._group(event).statements
        draft = statements.latest() if event.slot is None else statements.latest(slot=event.slot)
        statements.end(draft, end_ms=self._now, **fields)

    def _finished(self, event: StatementFinished) -> None:
        self._answer(event, tag=event.tag)

    def _failed(self, event: StatementFailed) -> None:
        fields = {"sqlstate": event.sqlstate, "message": event.message, "detail": event.detail}
        self._answer(event, failed=True, **fields)

    def _seen(self, event: lifecycle.BackendSeen) -> None:
        before = self._stays.pop(event.backend, None)
        if before is not None:
            before["end_ms"] = self._now
        if event.state == BackendState.GONE:
            return
        names = ("backend", "state", "wait", "blocked_by")
        draft = self._stays[event.backend] = self._begun(event, **{name: getattr(event, name) for name in names})
        self._backends.append(draft)


@lru_cache(maxsize=1)
def _handlers() -> Mapping[type[Event], Callable[[_TraceReader, Any], None]]:
    """What to do with each kind; kinds of schedules are no application's."""
    return {
        lifecycle.RequestStarted: _TraceReader._request_started,
        lifecycle.RequestEnded: _TraceReader._request_ended,
        lifecycle.WorkStarted: _TraceReader._work_started,
        lifecycle.WorkEnded: _TraceReader._work_ended,
        lifecycle.Moment: _TraceReader._moment,
        lifecycle.SessionCreated: _TraceReader._session_created,
        lifecycle.SessionBegan: _TraceReader._session_began,
        lifecycle.SessionConnected: _TraceReader._session_connected,
        lifecycle.SessionEnded: _TraceReader._session_ended,
        lifecycle.SessionClosed: _TraceReader._session_closed,
        lifecycle.FlushStarted: _TraceReader._flush_started,
        lifecycle.FlushEnded: _TraceReader._flush_ended,
        lifecycle.CommitStarted: _TraceReader._commit_started,
        lifecycle.ObjectStateChanged: _TraceReader._moved,
        lifecycle.PoolObserved: _TraceReader._pool,
        lifecycle.ConnectionRequested: _TraceReader._requested,
        lifecycle.ConnectingStarted: _TraceReader._connecting,
        lifecycle.ConnectionOpened: _TraceReader._opened,
        lifecycle.ConnectionCheckedOut: _TraceReader._checked_out,
        lifecycle.ConnectionRefused: _TraceReader._refused,
        lifecycle.ConnectionReset: _TraceReader._reset,
        lifecycle.ConnectionCheckedIn: _TraceReader._checked_in,
        lifecycle.ConnectionInvalidated: _TraceReader._invalidated,
        lifecycle.ConnectionClosed: _TraceReader._closed,
        lifecycle.ConnectionBegan: _TraceReader._began,
        lifecycle.ConnectionEnding: _TraceReader._ends,
        lifecycle.BackendSeen: _TraceReader._seen,
        StatementStarted: _TraceReader._started,
        StatementFinished: _TraceReader._finished,
        StatementFailed: _TraceReader._failed,
    }
