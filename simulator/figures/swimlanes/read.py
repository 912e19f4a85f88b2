"""The swimlanes' info: which lane each span stands in, and from when to when."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import islice, takewhile

from simulator.figures.palette import GREY, session_colors
from simulator.figures.swimlanes.bands import Band, bands
from simulator.figures.swimlanes.board import Board, Place
from simulator.figures.swimlanes.info import BarKind, Lane, SwimlanesInfo
from simulator.figures.swimlanes.words import (
    brief,
    commit_failed,
    lane_words,
    moment_words,
    request_word,
    slot_word,
    state_word,
)
from simulator.i18n import gettext as _
from simulator.traces.critical import AWAY, lock_waits
from simulator.traces.spans import BackendStay, Hold, PoolWait, Request, SessionLife, Slot, Trace

#: Bars that a browser draws with ease.
LIMIT = 1000


def swimlanes_info(
    trace: Trace,
    *,
    expanded: Collection[str] = (),
    show: Collection[str] | None = None,
    limit: int = LIMIT,
    fold: bool = False,
) -> SwimlanesInfo:
    """The lanes of the requests named in `show` (None: all), those in `expanded` with everything; then the slots.

    What lies outside of requests has the name "", and a lane only where there is something. With `fold`, requests that
    are alike share a lane where there are many; the slots, one lane together, and the pool stand above them then.
    """
    reader = _SwimlaneReader(trace)
    folded = bands(trace, expanded, show) if fold else ()
    if folded:
        reader.all_slots(trace.slots)
    inside = {request.name for band in folded for request in band.requests}
    for request in trace.groups:
        if (show is None or request.name in show) and request.name not in inside and _has_lane(request):
            reader.request(request, expanded=request.name in expanded)
    for band in folded:
        reader.band(band)
    if not folded:
        for slot in trace.slots:
            reader.slot(slot.number, slot.holds)
    return reader.board.info(limit)._replace(folded=bool(folded))


def _has_lane(request: Request) -> bool:
    return bool(request.name or request.statements or request.waits or request.holds or request.works)


class _SwimlaneReader:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._end = trace.duration_ms
        self._colors = session_colors([request.name for request in trace.requests])
        self.board = Board(trace)
        self._backends: dict[int, list[BackendStay]] = defaultdict(list)
        for stay in trace.backends:
            self._backends[stay.backend].append(stay)
        self._locked = [stay for stay in trace.backends if stay.wait.startswith("Lock/")]

    # Requests

    def request(self, request: Request, *, expanded: bool) -> None:
        """Its lane, and where it is expanded those of its Sessions, the pool, its statements and backends."""
        color = self._colors.get(request.name, GREY)
        lane = Lane(request.name, lane_words(request), request.name, 0, color, request.failed, expanded)
        place = self.board.lane(lane, request.name)
        if request.name:
            self.board.add(place, BarKind.REQUEST, request, request.start_ms, request.end_ms)
        self._phases(place, request)
        for point in request.points:
            # Labels of this project's own are in the catalogues; an application's are its own words.
            text = " · ".join(_(words) for words in (point.label, point.detail) if words)
            self.board.mark("moment", place, point.at_ms, text, *moment_words(point))
        if request.failed and request.end_ms is not None:
            self.board.mark("failed", place, request.end_ms, request.error or request.outcome)
        for hold in request.holds:
            if hold.end_ms is None and request.end_ms is not None:
                text = _("the connection of slot {number} was not given back").format(number=hold.slot)
                self.board.mark("kept", place, request.end_ms, text, _("not given back"), _("kept"))
        if expanded:
            self._expanded(request, color)

    def band(self, band: Band) -> None:
        """Requests that are alike: a row each, without words."""
        lane = Lane(band.key, band.name, band.key, failed=band.failed, rows=len(band.requests), tail=band.tail)
        place = self.board.lane(lane)
        for row, request in enumerate(band.requests):
            own = place._replace(request=request.name, color=self._colors.get(request.name, GREY), row=row)
            self.board.add(own, BarKind.REQUEST, request, request.start_ms, request.end_ms)
            self._phases(own, request)
            if request.failed and request.end_ms is not None:
                self.board.mark("failed", own, request.end_ms, request.error or request.outcome)

    def all_slots(self, slots: tuple[Slot, ...]) -> None:
        """The pool's slots in one lane: a row each."""
        if slots:
            label = _("slots 1 to {number}").format(number=len(slots)) if len(slots) > 1 else slot_word(1)
            place = self.board.lane(Lane("slots", label, None, rows=len(slots)))
            for row, slot in enumerate(slots):
                self._holds(place._replace(row=row), slot.holds, by_slot=False)

    def _phases(self, place: Place, request: Request) -> None:
        locks = list(lock_waits(request, self._locked, self._end))
        self._waits(place, request.waits)
        self._statements(place, request, {statement.seq for _stay, statement, _start, _end in locks})
        for stay, _statement, start, end in locks:
            self.board.add(place, BarKind.LOCK, stay, start, end, _("lock"), waits=True)
        for work in request.works:
            if work.category in AWAY:
                self.board.add(
                    place,
                    BarKind.WORK,
                    work,
                    work.start_ms,
                    work.end_ms,
                    _(work.label) if work.label else "",
                    error=bool(work.error),
                )

    def _expanded(self, request: Request, color: str) -> None:
        code = [work for work in request.works if work.category not in AWAY]
        if code:
            place = self.board.lane(Lane(f"{request.name}/code", _("code"), request.name, 1, color))
            for work in code:
                label = _(work.label) if work.label else ""
                self.board.add(place, BarKind.CODE, work, work.start_ms, work.end_ms, label, error=bool(work.error))
        for session in request.sessions:
            label = f"{session.class_name or 'Session'} {session.name}"
            place = self.board.lane(Lane(f"{request.name}/{session.name}", label, request.name, 1, color))
            self._session(place, session)
        if request.waits or request.holds:
            place = self.board.lane(Lane(f"{request.name}/pool", _("pool"), request.name, 1, color))
            self._waits(place, request.waits)
            self._holds(place, request.holds, by_slot=True)
        if request.statements or request.endings:
            place = self.board.lane(Lane(f"{request.name}/statements", _("statements"), request.name, 1, color))
            self._statements(place, request)
            self._points(place, request)
        for backend in dict.fromkeys(hold.backend for hold in request.holds):
            holds = [hold for hold in request.holds if hold.backend == backend]
            if any(True for hold in holds for _stay in self._stays(hold)):
                label = _("backend {number}").format(number=backend)
                place = self.board.lane(Lane(f"{request.name}/backend {backend}", label, request.name, 1, color))
                self._states(place, holds)

    def _session(self, place: Place, session: SessionLife) -> None:
        first = session.first_ms if session.created_ms is None else session.created_ms
        # Of a Session whose making nobody traces, the closing is not seen either: it has no end to miss.
        end = session.closed_ms if session.closed_ms is not None or session.created_ms is not None else session.last_ms
        self.board.add(place, BarKind.SESSION, session, first, end)
        for transaction in session.transactions:
            self.board.add(place, BarKind.TRANSACTION, transaction, transaction.start_ms, transaction.end_ms)
        for commit in session.commits:
            self.board.add(place, BarKind.COMMITTING, commit, commit.start_ms, commit.end_ms, "commit()")
        for flush in session.flushes:
            over = [it.end_ms for it in session.transactions if it.start_ms <= flush.start_ms and it.end_ms is not None]
            latest = min((end for end in over if end >= flush.start_ms), default=None)
            self.board.add(place, BarKind.FLUSH, flush, flush.start_ms, flush.end_ms, "flush", latest=latest)
        if session.created_ms is not None:
            self.board.mark("created", place, session.created_ms, _("Session created"))
        if session.closed_ms is not None:
            text = _("Session closed ({how})").format(how=state_word(session.closed_how))
            self.board.mark("closed", place, session.closed_ms, text)

    def _waits(self, place: Place, waits: tuple[PoolWait, ...]) -> None:
        for wait in waits:
            label = _("time-out") if wait.timed_out else _("pool queue") if wait.queued else ""
            error = bool(wait.error)
            # Who is given a connection at once does not wait, although somebody measured how long that took.
            queues = wait.queued or error
            self.board.add(place, BarKind.WAIT, wait, wait.start_ms, wait.end_ms, label, error=error, waits=queues)
            for each in wait.connecting:
                until = wait.end_ms if each.end_ms is None else each.end_ms
                self.board.add(place, BarKind.CONNECTING, each, each.start_ms, until, _("connecting"))

    def _holds(self, place: Place, holds: tuple[Hold, ...], *, by_slot: bool) -> None:
        for hold in holds:
            color = self._colors.get(hold.request or "", GREY)
            label = slot_word(hold.slot) if by_slot else (request_word(hold.request or "") or _("no request"))
            held = place._replace(color=color, request=hold.request)
            self.board.add(held, BarKind.HELD, hold, hold.start_ms, hold.end_ms, label)

    def _statements(self, place: Place, request: Request, unnamed: Collection[int] = ()) -> None:
        for each in request.statements:
            label = "" if each.seq in unnamed else brief(each.sql)
            self.board.add(place, BarKind.STATEMENT, each, each.start_ms, each.end_ms, label, error=each.failed)
        for ending in request.endings:
            if ending.end_ms is not None:
                failed = commit_failed(request, ending)
                label = _("COMMIT failed") if failed else ending.command
                self.board.add(place, BarKind.COMMIT, ending, ending.start_ms, ending.end_ms, label, error=failed)

    def _points(self, place: Place, request: Request) -> None:
        for hold in request.holds:
            text = _("BEGIN: nothing is sent before the first statement")
            for at_ms in hold.begins_ms:
                self.board.mark("begin", place, at_ms, text)
        for ending in request.endings:
            if ending.end_ms is None:
                self.board.mark("savepoint", place, ending.start_ms, ending.command)

    def _states(self, place: Place, holds: list[Hold]) -> None:
        for hold in holds:
            for stay, start, end in self._stays(hold):
                waits = stay.wait.startswith("Lock/")
                label = stay.wait if waits else state_word(stay.state)
                self.board.add(place, BarKind.LOCK if waits else BarKind.STATE, stay, start, end, label, waits=waits)

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
        place = self.board.lane(Lane(f"slot {number}", slot_word(number), None))
        self._holds(place, holds, by_slot=False)


def _start(stay: BackendStay) -> float:
    return stay.start_ms
