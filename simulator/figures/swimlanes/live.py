"""Swimlanes of a run that still goes on, as plain HTML: drawn several times a second, and no chart is made anew."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from simulator.figures.palette import RED
from simulator.figures.swimlanes.info import BarKind, Lane, Piece, SwimlanesInfo

#: Lanes that a glance takes in; rows of bands count as what they are.
MOST = 60
#: The axis is so long until the run is longer, then as long as the next: the lanes grow on it, and do not shrink.
HORIZONS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300)
_CLASSES = {
    BarKind.REQUEST: "request",
    BarKind.WORK: "work",
    BarKind.STATEMENT: "statement",
    BarKind.COMMIT: "commit",
    BarKind.LOCK: "wait",
    BarKind.WAIT: "wait",
    BarKind.CONNECTING: "connecting",
    BarKind.HELD: "held",
}


def horizon_ms(now_ms: float) -> float:
    """Where the axis ends.

    >>> horizon_ms(400), horizon_ms(1_001), horizon_ms(999_999)
    (1000.0, 2000.0, 999999)
    """
    return next((second * 1000.0 for second in HORIZONS_S if now_ms <= second * 1000), now_ms)


def live_html(info: SwimlanesInfo) -> str:
    """The lanes with their bars, from 0 to the horizon; nothing in it can be clicked."""
    end = horizon_ms(info.end_ms)
    by_lane: dict[int, list[Piece]] = {}
    for piece in info.pieces:
        by_lane.setdefault(piece.lane, []).append(piece)
    rows = "".join(_lane(lane, by_lane.get(number, []), end) for number, lane in enumerate(info.lanes[:MOST]))
    scale = "".join(f'<span style="left:{share:.0%}">{end * share / 1000:g} s</span>' for share in (0, 0.5, 1))
    return f'<div class="tx-live" aria-hidden="true">{rows}<div class="tx-live-scale">{scale}</div></div>'


def _lane(lane: Lane, pieces: list[Piece], end: float) -> str:
    name = escape(lane.label + lane.tail)
    sign = f'<b style="color:{RED}">✕</b> ' if lane.failed else ""
    bars = "".join(_bars(lane, pieces, end))
    row = f'<div class="tx-live-lane" style="--tx-rows:{lane.rows}">{bars}</div>'
    return f'<div class="tx-live-name">{sign}{name}</div>{row}'


def _bars(lane: Lane, pieces: list[Piece], end: float) -> Iterator[str]:
    order = list(BarKind)
    for piece in sorted(pieces, key=lambda piece: order.index(piece.kind)):
        name = _CLASSES.get(piece.kind)
        if name is not None:
            failed = " tx-live-failed" if piece.error else ""
            left, wide = max(0.0, piece.start_ms) / end, (piece.end_ms - max(0.0, piece.start_ms)) / end
            top, high = piece.row / lane.rows, 1 / lane.rows
            yield (
                f'<i class="tx-live-{name}{failed}" style="left:{left:.2%};width:{max(wide, 0.0):.2%};'
                f'top:{top:.2%};height:{high:.2%}"></i>'
            )
