"""The swimlanes on an axis of steps: what happened in which order, each step as wide as any other.

A step is something that somebody did or waited for: a statement, a COMMIT, a wait for a lock or in the pool's queue, a
call of a model, and every moment that has a name. What takes time and tells nothing, as the opening of a connection,
has no step. Order is kept: of two things the one that began earlier stands further left, and what lasted until another
began reaches to it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace

from simulator.figures.swimlanes.info import BarKind, Mark, Piece, SwimlanesInfo

#: More steps are no story that one can follow.
MOST = 120
_ACTIONS = (BarKind.STATEMENT, BarKind.COMMIT, BarKind.LOCK, BarKind.WORK, BarKind.CODE)
#: marks that are a step of their own
_MOMENTS = ("moment", "failed")
#: They show that they are there, however short they were.
_NEVER_EMPTY = (BarKind.REQUEST, BarKind.SESSION, BarKind.HELD)


def stepped(info: SwimlanesInfo) -> SwimlanesInfo:
    """The same on an axis of steps, from 0 to `steps`; as it was where these would be too many, or none."""
    if info.merged or not info.pieces:
        return info
    axis = _Axis(info)
    if not 0 < len(axis.times) <= MOST:
        return info
    pieces = tuple(piece for each in info.pieces if (piece := axis.piece(each)) is not None)
    moments = {axis.end(moment.at_ms): replace(moment, at_ms=axis.end(moment.at_ms)) for moment in info.pool}
    return info._replace(
        pieces=pieces,
        marks=tuple(map(axis.mark, info.marks)),
        pool=tuple(moments.values()),
        start_ms=0.0,
        end_ms=float(len(axis.times)),
        steps=len(axis.times),
    )


def _is_action(piece: Piece) -> bool:
    """Taking a connection that lies ready, or opening one, is none: such waits have no label."""
    return piece.kind in _ACTIONS or (piece.kind is BarKind.WAIT and bool(piece.label))


class _Axis:
    """Where the steps begin, in milliseconds and in order."""

    def __init__(self, info: SwimlanesInfo) -> None:
        actions = {piece.bar: piece for piece in info.pieces if _is_action(piece)}
        begins = sorted({piece.start_ms for piece in actions.values()})
        moments = [mark for mark in info.marks if mark.kind in _MOMENTS]
        steps = [(at_ms, 0, -1) for at_ms in begins]
        steps += [(mark.at_ms, 1, number) for number, mark in enumerate(moments)]
        for piece in info.pieces:
            # Somebody who did nothing that is a step was there all the same.
            if piece.kind in _NEVER_EMPTY and not any(piece.start_ms <= step[0] <= piece.end_ms for step in steps):
                steps.append((piece.start_ms, 0, -1))
        steps.sort()
        self.times = [at_ms for at_ms, _rank, _number in steps]
        self._moments = {moments[number]: place for place, (_at, rank, number) in enumerate(steps) if rank}

    def start(self, at_ms: float) -> float:
        """The first step that had not begun before."""
        return float(bisect_left(self.times, at_ms))

    def end(self, at_ms: float) -> float:
        """The same: whoever ended here had ended when that one began."""
        return self.start(at_ms)

    def piece(self, piece: Piece) -> Piece | None:
        """The piece in steps; None where it has no room."""
        if piece.kind is BarKind.CONNECTING or (piece.kind is BarKind.WAIT and not piece.label):
            return None
        start, end = self.start(piece.start_ms), self.end(piece.end_ms)
        if piece.kind in _NEVER_EMPTY:
            end = float(bisect_right(self.times, piece.end_ms))
        if _is_action(piece):
            end = max(end, start + 1)
        return piece._replace(start_ms=start, end_ms=end) if end > start else None

    def mark(self, mark: Mark) -> Mark:
        """A moment in the middle of its step, everything else where the next step begins."""
        if mark in self._moments:
            return mark._replace(place=self._moments[mark] + 0.5)
        return mark._replace(place=self.start(mark.at_ms))
