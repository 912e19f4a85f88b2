"""The swimlanes' info: which lane each span stands in, and from when to when."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import islice, takewhile
from typing import NamedTuple

from simulator.figures.labels import short_sql
from simulator.figures.palette import GREY, session_colors
from simulator.figures.swimlanes_bars import bar_id, described
from simulator.figures.swimlanes_info import Kind, Lane, Mark, Piece, SwimlanesInfo
from simulator.figures.swimlanes_merge import Draft, merged
from simulator.i18n import gettext as _
from simulator.traces.critical import AWAY, lock_waits
from simulator.traces.pool import occupancy
from simulator.traces.spans import BackendStay, Hold, PoolWait, Request, SessionLife, Span, Trace

#: Bars that a browser draws with ease.
LIMIT = 1000
#: Marks stand on top of bars: this many can be told apart.
MARKS = 300
#: Merged bars that say how many they are; the others lie over these.
_COUNTED = (Kind.STATEMENT, Kind.HELD, Kind.STATE, Kind.WORK)


def swimlanes_info(
    trace: Trace, *, expanded: Collection[str] = (), show: Collection[str] | None = None, limit: int = LIMIT
) -> SwimlanesInfo:
    """The lanes of the requests named in `show` (None: all), those in `expanded` with everything; then the slots.

    What lies outside of requests has the name "", and a lane only where there is something.
    """
    reader = _Reader(trace)
    for request in trace.groups:
        if (show is None or request.name in show) and _has_lane(request):
            reader.request(request, expanded=request.name in expanded)
    for slot in trace.slots:
        reader.slot(slot.number, slot.holds)
    return reader.info(limit)


def _has_lane(request: Request) -> bool:
    return bool(request.name or request.statements or request.waits or request.holds or request.works)


class _Place(NamedTuple):
    """Where the next pieces belong."""

    lane: int
    request: str | None
    color: str


class _Reader:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._end = trace.duration_ms
        self._colors = session_colors([request.name for request in trace.requests])
        self._lanes: list[Lane] = []
        self._drafts: list[Draft] = []
        self._marks: list[Mark] = []
        self._backends: dict[int, list[BackendStay]] = defaultdict(list)
        for stay in trace.backends:
            self._backends[stay.backend].append(stay)
        self._locked = [stay for stay in trace.backends if stay.wait.startswith("Lock/")]

    def info(self, limit: int) -> SwimlanesInfo:
        """Everything read so far, with at most `limit` bars."""
        start = min((request.start_ms for request in self._trace.groups), default=0.0)
        drafts = merged(self._drafts, limit, self._end - start)
        pool = self._trace.pools[-1] if self._trace.pools else None
        return SwimlanesInfo(
            lanes=tuple(self._lanes),
            pieces=tuple(_piece(draft) for draft in drafts),
            marks=_thinned(self._marks, self._end - start),
            bars={bar_id(draft): described(draft) for draft in drafts},
            start_ms=start,
            end_ms=self._end,
            pool=occupancy(self._trace),
            size=pool.settings.size if pool is not None and pool.settings.size >= 0 else None,
            capacity=pool.capacity if pool is not None else None,
            merged=sum(draft.spans for draft in drafts if draft.spans > 1),
        )

    # Requests

    def request(self, request: Request, *, expanded: bool) -> None:
        """Its lane, and where it is expanded those of its Sessions, the pool, its statements and backends."""
        color = self._colors.get(request.name, GREY)
        name = request.name or _("outside of requests")
        label = f"{name} · {_(request.title)}" if request.title else f"{name} · {request.key}" if request.key else name
        lane = Lane(request.name, label, request.name, 0, color, request.failed, expanded)
        place = self._place(lane, request.name)
        if request.name:
            self._add(place, Kind.REQUEST, request, request.start_ms, request.end_ms)
        self._phases(place, request)
        for point in request.points:
            text = f"{point.label} · {point.detail}" if point.detail else point.label
            self._marks.append(Mark("moment", place.lane, point.at_ms, text))
        if request.failed and request.end_ms is not None:
            self._marks.append(Mark("failed", place.lane, request.end_ms, request.error or request.outcome))
        if expanded:
            self._expanded(request, color)

    def _phases(self, place: _Place, request: Request) -> None:
        locks = list(lock_waits(request, self._locked, self._end))
        self._waits(place, request.waits)
        self._statements(place, request, {statement.seq for _stay, statement, _start, _end in locks})
        for stay, _statement, start, end in locks:
            self._add(place, Kind.LOCK, stay, start, end, _("lock"), waits=True)
        for work in request.works:
            if work.category in AWAY:
                self._add(place, Kind.WORK, work, work.start_ms, work.end_ms, work.label, error=bool(work.error))

    def _expanded(self, request: Request, color: str) -> None:
        for session in request.sessions:
            label = f"{session.class_name or 'Session'} {session.name}"
            self._session(self._place(Lane(f"{request.name}/{session.name}", label, request.name, 1, color)), session)
        if request.waits or request.holds:
            place = self._place(Lane(f"{request.name}/pool", _("pool"), request.name, 1, color))
            self._waits(place, request.waits)
            self._holds(place, request.holds, by_slot=True)
        if request.statements or request.endings:
            place = self._place(Lane(f"{request.name}/statements", _("statements"), request.name, 1, color))
            self._statements(place, request)
            self._points(place, request)
        for backend in dict.fromkeys(hold.backend for hold in request.holds):
            holds = [hold for hold in request.holds if hold.backend == backend]
            if any(True for hold in holds for _stay in self._stays(hold)):
                label = _("backend {number}").format(number=backend)
                place = self._place(Lane(f"{request.name}/backend {backend}", label, request.name, 1, color))
                self._states(place, holds)

    def _session(self, place: _Place, session: SessionLife) -> None:
        first = session.first_ms if session.created_ms is None else session.created_ms
        # Of a Session whose making nobody traces, the closing is not seen either: it has no end to miss.
        end = session.closed_ms if session.closed_ms is not None or session.created_ms is not None else session.last_ms
        self._add(place, Kind.SESSION, session, first, end)
        for transaction in session.transactions:
            self._add(place, Kind.TRANSACTION, transaction, transaction.start_ms, transaction.end_ms)
        for commit in session.commits:
            self._add(place, Kind.COMMITTING, commit, commit.start_ms, commit.end_ms, "commit()")
        for flush in session.flushes:
            over = [it.end_ms for it in session.transactions if it.start_ms <= flush.start_ms and it.end_ms is not None]
            latest = min((end for end in over if end >= flush.start_ms), default=None)
            self._add(place, Kind.FLUSH, flush, flush.start_ms, flush.end_ms, "flush", latest=latest)
        if session.created_ms is not None:
            self._marks.append(Mark("created", place.lane, session.created_ms, _("Session created")))
        if session.closed_ms is not None:
            text = _("Session closed ({how})").format(how=session.closed_how)
            self._marks.append(Mark("closed", place.lane, session.closed_ms, text))

    def _waits(self, place: _Place, waits: tuple[PoolWait, ...]) -> None:
        for wait in waits:
            label = _("time-out") if wait.timed_out else _("pool queue") if wait.queued else ""
            error = bool(wait.error)
            self._add(place, Kind.WAIT, wait, wait.start_ms, wait.end_ms, label, error=error, waits=True)
            for each in wait.connecting:
                until = wait.end_ms if each.end_ms is None else each.end_ms
                self._add(place, Kind.CONNECTING, each, each.start_ms, until, _("connecting"))

    def _holds(self, place: _Place, holds: tuple[Hold, ...], *, by_slot: bool) -> None:
        for hold in holds:
            color = self._colors.get(hold.request or "", GREY)
            slot = _("slot {number}").format(number=hold.slot)
            label = slot if by_slot else (hold.request or _("no request"))
            self._add(
                place._replace(color=color, request=hold.request), Kind.HELD, hold, hold.start_ms, hold.end_ms, label
            )

    def _statements(self, place: _Place, request: Request, unnamed: Collection[int] = ()) -> None:
        for each in request.statements:
            label = "" if each.seq in unnamed else short_sql(each.sql)
            self._add(place, Kind.STATEMENT, each, each.start_ms, each.end_ms, label, error=each.failed)
        for ending in request.endings:
            if ending.end_ms is not None:
                self._add(place, Kind.COMMIT, ending, ending.start_ms, ending.end_ms, ending.command)

    def _points(self, place: _Place, request: Request) -> None:
        for hold in request.holds:
            text = _("BEGIN: nothing is sent before the first statement")
            self._marks += [Mark("begin", place.lane, at_ms, text) for at_ms in hold.begins_ms]
        for ending in request.endings:
            if ending.end_ms is None:
                self._marks.append(Mark("savepoint", place.lane, ending.start_ms, ending.command))

    def _states(self, place: _Place, holds: list[Hold]) -> None:
        for hold in holds:
            for stay, start, end in self._stays(hold):
                waits = stay.wait.startswith("Lock/")
                label = stay.wait if waits else stay.state
                self._add(place, Kind.LOCK if waits else Kind.STATE, stay, start, end, label, waits=waits)

    def _stays(self, hold: Hold) -> Iterator[tuple[BackendStay, float, float]]:
        """What the looks saw of the hold's backend while it was held."""
        until = hold.until(self._end)
        stays = self._backends.get(hold.backend or 0, [])
        first = max(0, bisect_right(stays, hold.start_ms, key=_start) - 1)
        for stay in takewhile(lambda stay: stay.start_ms < until, islice(stays, first, None)):
            start, end = max(stay.start_ms, hold.start_ms), min(stay.until(self._end), until)
            if start < end:
                yield stay, start, end

    # The pool's slots

    def slot(self, number: int, holds: tuple[Hold, ...]) -> None:
        """Who held its connection, and when."""
        size = self._trace.pools[-1].settings.size if self._trace.pools else -1
        beyond = 0 <= size < number
        label = _("slot {number} (overflow)") if beyond else _("slot {number}")
        place = self._place(Lane(f"slot {number}", label.format(number=number), None))
        self._holds(place, holds, by_slot=False)

    # Pieces

    def _place(self, lane: Lane, request: str | None = None) -> _Place:
        self._lanes.append(lane)
        return _Place(len(self._lanes) - 1, request if request is not None else lane.request, lane.color)

    def _add(
        self,
        place: _Place,
        kind: Kind,
        source: Span | SessionLife | Request,
        start_ms: float,
        end_ms: float | None,
        label: str = "",
        *,
        error: bool = False,
        waits: bool = False,
        latest: float | None = None,
    ) -> None:
        until = end_ms if end_ms is not None else self._end if latest is None else latest
        draft = Draft(
            place.lane,
            kind,
            start_ms,
            until,
            source,
            place.request,
            place.color,
            label,
            error,
            open=end_ms is None,
            waits=waits,
            busy_ms=until - start_ms,
        )
        self._drafts.append(draft)
        if end_ms is None:
            self._marks.append(Mark("open", place.lane, until, _("its end was not seen")))


def _start(stay: BackendStay) -> float:
    return stay.start_ms


def _piece(draft: Draft) -> Piece:
    label = draft.label
    if draft.spans > 1:
        label = f"×{draft.spans}" if draft.kind in _COUNTED else ""
    return Piece(
        bar_id(draft),
        draft.kind,
        draft.lane,
        draft.start_ms,
        draft.end_ms,
        label,
        draft.color,
        draft.error,
        draft.open,
        draft.waits,
        draft.spans,
    )


def _thinned(marks: list[Mark], duration_ms: float) -> tuple[Mark, ...]:
    """Where there are too many, one of a kind for each stretch of its lane that a screen can show apart."""
    if len(marks) <= MARKS:
        return tuple(marks)
    grain = max(duration_ms, 1e-9) / 60
    return tuple({(mark.lane, mark.kind, int(mark.at_ms / grain)): mark for mark in marks}.values())
