"""Full-stack swimlanes: requests, Sessions, pool, statements, backends and the pool's slots on one time axis.

What a bar is, is told by its fill: one colour a kind in the requests' lanes, hatched where it waits, red edges for
errors and nothing else. Whose it is, is told by its request's colour: the square before the lane's name, and pale
bars of that colour for Sessions and held connections.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import plotly.graph_objects as go

from simulator.figures.labels import cut, markup, width
from simulator.figures.layout import Plain, frame
from simulator.figures.palette import RED, TEXT_ON_DARK, TEXT_ON_LIGHT
from simulator.figures.swimlanes.axes import font, grounds, margin, x_axis, y_axis
from simulator.figures.swimlanes.bars import kind_word
from simulator.figures.swimlanes.info import MARKS, Bar, BarKind, Lane, Mark, MarkLook, Piece, SwimlanesInfo
from simulator.figures.swimlanes.looks import MERGED, looks, share_of
from simulator.figures.swimlanes.pool import GAP, pool_axes, pool_height, pool_traces
from simulator.figures.swimlanes.read import LIMIT, swimlanes_info
from simulator.figures.swimlanes.rooms import BESIDE, Rooms, lane_height, rooms
from simulator.figures.swimlanes.words import request_word
from simulator.i18n import gettext as _
from simulator.traces.critical import duration

__all__ = [
    "LIMIT",
    "Bar",
    "BarKind",
    "Lane",
    "Mark",
    "Piece",
    "SwimlanesInfo",
    "lane_height",
    "plot_swimlanes",
    "swimlanes_info",
]


#: Pixels around the plot: nothing of a mark at its edge is cut off.
TOP, BOTTOM, RIGHT = 10, 34, 16

#: Moments of one lane that are so few steps apart have a line each, by turns the upper and the lower one; where there
#: are more than NARROW steps, so large a share of them, and their words are short.
CLOSE, NARROW, CLOSE_SHARE = 1.5, 8, 1 / 7
#: Shares of a lane's height from its middle up to a moment's symbol, whose words stand below it; by its turn.
_HEIGHTS = (0.32, -0.06)
_WORDS_AT_START = (BarKind.SESSION, BarKind.TRANSACTION, BarKind.COMMITTING, BarKind.CODE)
#: These last for more than a step.
_LONG = (BarKind.SESSION, BarKind.TRANSACTION, BarKind.HELD, BarKind.REQUEST, BarKind.CODE, BarKind.STATE)


def plot_swimlanes(info: SwimlanesInfo, dark: bool = False) -> go.Figure:
    """Draw them, without a legend: what stands for what is told below the figure. Backgrounds are transparent; a bar's
    `customdata[0]` is its id in `info.bars`, the layout's `meta["edges"]` is where lanes begin, on the y axis.
    """
    room = rooms(info.lanes, steps=bool(info.steps))
    text = TEXT_ON_DARK if dark else TEXT_ON_LIGHT
    pool = pool_height(info)
    inner = room.height + pool
    # Where lanes are folded the pool is what everything below it waits for.
    lanes, curve = ((0.0, room.height), room.height + GAP) if info.folded else ((float(pool), inner), 0.0)
    layout = {
        **frame(text),
        "barmode": "overlay",
        "bargap": 0,
        "height": round(inner + TOP + BOTTOM),
        "margin": {"l": margin(info.lanes, font(room.lane)), "r": RIGHT, "t": TOP, "b": BOTTOM},
        "hovermode": "closest",
        "dragmode": "zoom",
        "uirevision": "swimlanes",
        "uniformtext": {"mode": "hide", "minsize": 11 if info.steps else min(13, round(room.lane * 0.62))},
        "showlegend": False,
        "meta": {"edges": list(room.edges)},
        "xaxis": x_axis(info),
        "yaxis": y_axis(info.lanes, room, [lanes[0] / inner, lanes[1] / inner]),
        **pool_axes(info, inner, curve),
        "shapes": list(grounds(info.lanes, room)),
    }
    curves = (_without_ms(trace) if info.steps else trace for trace in pool_traces(info, text))
    return go.Figure({"data": [*_traces(info, text, room), *curves], "layout": layout})


def _without_ms(trace: Plain) -> Plain:
    """On an axis of steps a place is no time."""
    return {**trace, "hovertemplate": trace.get("hovertemplate", "").replace("<br>%{x:.1f} ms", "")}


def _traces(info: SwimlanesInfo, text: str, room: Rooms) -> Iterator[Plain]:
    for kind in BarKind:
        for waits in (False, True):
            pieces = [piece for piece in info.pieces if piece.kind is kind and piece.waits is waits]
            if pieces:
                yield _bars(info, kind, pieces, text, room, waits=waits)
    turns = _turns(info) if info.steps else {}
    for name, look in MARKS.items():
        marks = [mark for mark in info.marks if mark.kind == name]
        if marks:
            yield _points(info, marks, look, RED if name == "failed" else text, room, turns)


def _bars(info: SwimlanesInfo, kind: BarKind, pieces: Sequence[Piece], text: str, room: Rooms, *, waits: bool) -> Plain:
    share = share_of(kind)
    places = [room.of(piece, info.lanes[piece.lane].rows) for piece in pieces]
    merged, offset = (share, 0.0) if waits else MERGED.get(kind, (share, 0.0))
    return {
        "type": "bar",
        "orientation": "h",
        "name": kind_word(kind, waits),
        "y": [
            middle + (height * offset if piece.spans > 1 else 0)
            for piece, (middle, height) in zip(pieces, places, strict=True)
        ],
        "base": [piece.start_ms for piece in pieces],
        "x": [piece.end_ms - piece.start_ms for piece in pieces],
        "width": [
            height * (merged if piece.spans > 1 else share)
            for piece, (_middle, height) in zip(pieces, places, strict=True)
        ],
        "customdata": [[piece.bar] for piece in pieces],
        "hovertext": [_hover(info.bars[piece.bar]) for piece in pieces],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "text": [_label(piece, steps=bool(info.steps)) for piece in pieces],
        "textposition": "inside",
        "insidetextanchor": "start" if kind in _WORDS_AT_START else "middle",
        "textangle": 0,
        "cliponaxis": True,
        "showlegend": kind not in (BarKind.SESSION, BarKind.HELD, BarKind.STATE),
        "legendrank": list(BarKind).index(kind),
        **looks(kind, pieces, text, info.lanes, waits=waits),
    }


def _label(piece: Piece, *, steps: bool) -> str:
    """On steps, which are all as narrow, the words stand below each other."""
    if not steps or piece.kind in _LONG:
        return markup(cut(piece.label, 28))
    words = piece.label.split(" ")
    first, rest = words[0], " ".join(words[1:])
    return "<br>".join(markup(cut(part, 9)) for part in (first, rest) if part)


def _points(
    info: SwimlanesInfo, marks: Sequence[Mark], look: MarkLook, color: str, room: Rooms, turns: Mapping[Mark, int]
) -> Plain:
    """Symbols; on the axis of steps, where each moment has a step of its own, its words."""
    words = [_worded(mark, info.steps, close=mark in turns) if info.steps else "" for mark in marks]
    heights = [_HEIGHTS[turns.get(mark, 0)] if word else 0.0 for mark, word in zip(marks, words, strict=True)]
    places = [room.of(mark, info.lanes[mark.lane].rows) for mark in marks]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": _(look.words),
        "x": [mark.x for mark in marks],
        "y": [middle - height * share for (middle, height), share in zip(places, heights, strict=True)],
        "text": words,
        "textposition": ["bottom right" if _is_at_an_end(mark, info) else "bottom center" for mark in marks],
        "textfont": {"size": 13, "color": color},
        "marker": {
            "symbol": look.symbol,
            "size": [7 if word else min(12, height * 0.55) for (_y, height), word in zip(places, words, strict=True)],
            "color": color,
            "line": {"width": 2 if room.lane > BESIDE else 1, "color": color},
        },
        "hovertext": [f"{markup(mark.text)}<br>{mark.at_ms:.1f} ms" for mark in marks],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "showlegend": True,
        "cliponaxis": False,
    }


def _turns(info: SwimlanesInfo) -> dict[Mark, int]:
    """Of moments whose words would touch: which of the two lines of their lane is whose."""
    named = sorted((mark for mark in info.marks if mark.label), key=lambda mark: (mark.lane, mark.x))
    close = CLOSE if info.steps <= NARROW else info.steps * CLOSE_SHARE
    turns: dict[Mark, int] = {}
    for one, other in pairwise(named):
        if one.lane == other.lane and other.x - one.x < close:
            turns[other] = 1 - turns.setdefault(one, 0)
    return turns


def _is_at_an_end(mark: Mark, info: SwimlanesInfo) -> bool:
    """What was kept is so from here on: its words stand behind it, where there is a step for them."""
    return mark.kind == "kept" and mark.x < info.steps - 0.9


def _worded(mark: Mark, steps: int, *, close: bool) -> str:
    """In two lines at most, as a column is narrow; in one where the next moment is close."""
    if steps > NARROW:
        return markup(cut(mark.short or mark.label, 12))
    if close:
        return markup(cut(mark.label, 14))
    first, _space, rest = mark.label.partition(" ")
    return "<br>".join(markup(cut(part, 12)) for part in (first, rest) if part)


def _hover(bar: Bar) -> str:
    lines = [f"<b>{markup(bar.title)}</b>"]
    if bar.request:
        lines[0] += f" · {markup(request_word(bar.request))}"
    if bar.sql:
        lines += [markup(line) for line in _wrapped(bar.sql)]
    for group in bar.groups[:3]:
        lines.append(markup(cut(f"{group.times} × {' '.join(group.what.split())}", 78)))
    if bar.tag:
        lines.append(f"→ {markup(bar.tag)}")
    if bar.error:
        lines.append("✕ " + "<br>".join(markup(line) for line in _wrapped(f"{bar.sqlstate} {bar.error}".strip())))
    lines.append(duration(bar.busy_ms) if bar.end_ms is not None else _("its end was not seen"))
    return "<br>".join(lines)


def _wrapped(text: str, columns: int = 78, most: int = 6) -> list[str]:
    lines: list[str] = [""]
    for word in text.split():
        if width(lines[-1]) + width(word) >= columns:
            lines.append("")
        lines[-1] += word + " "
    return [cut(line.rstrip(), columns) for line in lines[:most]] + (["…"] if len(lines) > most else [])
