"""What the swimlanes are read onto: lanes from the top, what stands in them, and of all that the info."""

from __future__ import annotations

from typing import NamedTuple

from simulator.figures.swimlanes.bars import bar_id, described
from simulator.figures.swimlanes.info import BarKind, Lane, Mark, Piece, SwimlanesInfo
from simulator.figures.swimlanes.merge import Draft, merged
from simulator.i18n import gettext as _
from simulator.traces.critical import duration
from simulator.traces.pool import occupancy
from simulator.traces.spans import Request, SessionLife, Span, Trace

#: Marks stand on top of bars: this many can be told apart.
MARKS = 300
#: Merged bars that say how many they are; the others lie over these.
_COUNTED = (BarKind.STATEMENT, BarKind.HELD, BarKind.STATE, BarKind.WORK)


class Place(NamedTuple):
    """Where the next pieces belong."""

    lane: int
    request: str | None
    color: str
    #: of a band; None: a lane that has names on its bars
    row: int | None = None


class Board:
    """Lanes, bars and marks of one trace, as they are put down."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._end = trace.duration_ms
        self._lanes: list[Lane] = []
        self._drafts: list[Draft] = []
        self._marks: list[Mark] = []

    def lane(self, lane: Lane, request: str | None = None) -> Place:
        """One more lane, below the others; what stands in it belongs to `request`, else to the lane's own."""
        self._lanes.append(lane)
        return Place(len(self._lanes) - 1, request if request is not None else lane.request, lane.color)

    def mark(self, kind: str, place: Place, at_ms: float, text: str, label: str = "", short: str = "") -> None:
        """A point in time."""
        self._marks.append(Mark(kind, place.lane, at_ms, text, label, short, row=place.row))

    def add(
        self,
        place: Place,
        kind: BarKind,
        source: Span | SessionLife | Request,
        start_ms: float,
        end_ms: float | None,
        label: str = "",
        *,
        error: bool = False,
        waits: bool = False,
        latest: float | None = None,
    ) -> None:
        """A bar; without an end it lasts to `latest`, else as long as anything was seen, and a mark says so."""
        until = end_ms if end_ms is not None else self._end if latest is None else latest
        draft = Draft(
            place.lane,
            kind,
            start_ms,
            until,
            source,
            place.request,
            place.color,
            label if place.row is None else "",
            error,
            open=end_ms is None,
            waits=waits,
            busy_ms=until - start_ms,
            row=place.row or 0,
        )
        self._drafts.append(draft)
        if end_ms is None and place.row is None:
            self.mark("open", place, until, _("its end was not seen"))

    def info(self, limit: int) -> SwimlanesInfo:
        """Everything put down so far, with at most `limit` bars."""
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


def _piece(draft: Draft) -> Piece:
    label = draft.label
    if draft.spans > 1:
        label = f"×{draft.spans} · {duration(draft.busy_ms)}" if draft.kind in _COUNTED else ""
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
        draft.row,
    )


def _thinned(marks: list[Mark], duration_ms: float) -> tuple[Mark, ...]:
    """Where there are too many, one of a kind for each stretch of its lane that a screen can show apart."""
    if len(marks) <= MARKS:
        return tuple(marks)
    grain = max(duration_ms, 1e-9) / 60
    return tuple({(mark.lane, mark.kind, int(mark.at_ms / grain)): mark for mark in marks}.values())
