"""Full-stack swimlanes: requests, Sessions, pool, statements, backends and the pool's slots on one time axis.

What a bar is, is told by its fill: one colour a kind in the requests' lanes, hatched where it waits, red edges for
errors and nothing else. Whose it is, is told by its request's colour: the square before the lane's name, and pale
bars of that colour for Sessions and held connections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import plotly.graph_objects as go

from simulator.figures.labels import bound, cut, markup, width
from simulator.figures.palette import GREY, RED, TEXT_ON_DARK, TEXT_ON_LIGHT, WAIT_PATTERN, faded, text_on
from simulator.figures.swimlanes_bars import kind_word
from simulator.figures.swimlanes_info import Bar, Kind, Lane, Mark, Piece, SwimlanesInfo
from simulator.figures.swimlanes_pool import pool_traces
from simulator.figures.swimlanes_reader import LIMIT, swimlanes_info
from simulator.i18n import gettext as _
from simulator.traces.critical import duration

__all__ = ["LIMIT", "Bar", "Kind", "Lane", "Mark", "Piece", "SwimlanesInfo", "plot_swimlanes", "swimlanes_info"]

Plain = dict[str, Any]

#: Pixels. All lanes together take at most LANES, as long as none gets lower than LOWEST.
HIGHEST, LOWEST, LANES = 34.0, 16.0, 880.0
POOL, GAP, TOP, BOTTOM, RIGHT = 120, 30, 36, 34, 16
#: Pixels that lanes' names take at most, and those of one column at a font of 16.
NAMES, COLUMN = 310, 7.4

#: Fill; a share of a lane's height; merged bars of kinds that follow one another are of several heights.
_SOLID = {
    Kind.WORK: ("#E69F00", 0.82),
    Kind.STATEMENT: ("#0072B2", 0.82),
    Kind.COMMIT: ("#009E73", 0.82),
    Kind.CONNECTING: ("#56B4E9", 0.5),
    Kind.FLUSH: ("#CC79A7", 0.34),
}
_MERGED = {Kind.COMMIT: 0.5, Kind.CONNECTING: 0.3, Kind.WAIT: 0.25}
#: Opacity, that of the edge, and a share of a lane's height; the colour is the request's.
_PALE = {
    Kind.SESSION: (0.12, 0.5, 0.9),
    Kind.TRANSACTION: (0.3, 0.8, 0.66),
    Kind.HELD: (0.3, 0.9, 0.82),
    Kind.COMMITTING: (0.35, 1.0, 0.46),
}
_MARKS = {
    "created": "circle-open",
    "closed": "circle",
    "begin": "line-ns-open",
    "savepoint": "diamond-open",
    "moment": "triangle-down",
    "open": "triangle-right-open",
    "failed": "x",
}


def plot_swimlanes(info: SwimlanesInfo, dark: bool = False) -> go.Figure:
    """Draw them. Backgrounds are transparent; a bar's `customdata[0]` is its id in `info.bars`."""
    lane = lane_height(len(info.lanes))
    height = lane * max(len(info.lanes), 1)
    text = TEXT_ON_DARK if dark else TEXT_ON_LIGHT
    below = GAP + POOL if info.pool else 0
    inner = height + below
    layout = {
        "template": {},
        "barmode": "overlay",
        "bargap": 0,
        "height": round(inner + TOP + BOTTOM),
        "margin": {"l": _margin(info.lanes, _font(lane)), "r": RIGHT, "t": TOP, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 16, "color": text},
        "hoverlabel": {"align": "left"},
        "hovermode": "closest",
        "dragmode": "zoom",
        "uirevision": "swimlanes",
        "uniformtext": {"mode": "hide", "minsize": min(13, round(lane * 0.62))},
        "legend": _legend(inner),
        "xaxis": _x_axis(info),
        "yaxis": _y_axis(info.lanes, lane, [below / inner, 1]),
        # Without a pool there is no such axis: Plotly would hang the time axis on nothing.
        **({"yaxis2": _pool_axis(info, POOL / inner)} if info.pool else {}),
        "shapes": list(_grounds(info.lanes)),
    }
    return go.Figure({"data": [*_traces(info, text, lane), *pool_traces(info)], "layout": layout})


def lane_height(lanes: int) -> float:
    """Pixels of one lane where there are so many."""
    return max(LOWEST, min(HIGHEST, LANES / max(lanes, 1)))


def _traces(info: SwimlanesInfo, text: str, lane: float) -> Iterator[Plain]:
    for kind in Kind:
        for waits in (False, True):
            pieces = [piece for piece in info.pieces if piece.kind is kind and piece.waits is waits]
            if pieces:
                yield _bars(info, kind, pieces, text)
    for name, symbol in _MARKS.items():
        marks = [mark for mark in info.marks if mark.kind == name]
        if marks:
            yield _points(info, marks, symbol, RED if name == "failed" else text, lane)


def _bars(info: SwimlanesInfo, kind: Kind, pieces: Sequence[Piece], text: str) -> Plain:
    share = _share(kind)
    return {
        "type": "bar",
        "orientation": "h",
        "name": kind_word(kind),
        "y": [piece.lane for piece in pieces],
        "base": [piece.start_ms for piece in pieces],
        "x": [piece.end_ms - piece.start_ms for piece in pieces],
        "width": [_MERGED.get(kind, share) if piece.spans > 1 else share for piece in pieces],
        "customdata": [[piece.bar] for piece in pieces],
        "hovertext": [_hover(info.bars[piece.bar]) for piece in pieces],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "text": [markup(cut(piece.label, 28)) for piece in pieces],
        "textposition": "inside",
        "insidetextanchor": "start" if kind in (Kind.SESSION, Kind.TRANSACTION, Kind.COMMITTING) else "middle",
        "textangle": 0,
        "cliponaxis": True,
        "showlegend": kind not in (Kind.SESSION, Kind.HELD, Kind.STATE),
        "legendrank": list(Kind).index(kind),
        **_looks(kind, pieces, text),
    }


def _share(kind: Kind) -> float:
    if kind in _SOLID:
        return _SOLID[kind][1]
    return _PALE[kind][2] if kind in _PALE else 0.82


def _looks(kind: Kind, pieces: Sequence[Piece], text: str) -> Plain:
    """Fill, edge and the label's colour."""
    errors = [piece.error for piece in pieces]
    edges: Plain = {"width": 0}
    if any(errors):
        edges = {"width": [2.5 * error for error in errors], "color": RED}
    if kind in (Kind.WAIT, Kind.LOCK):
        color = GREY if kind is Kind.WAIT else _SOLID[Kind.STATEMENT][0]
        # It lies over the statement, which must not be seen through it.
        ground = "#1B2027" if text == TEXT_ON_DARK else "#F3F4F6"
        edges = {
            "width": [2.5 if piece.error else 1 for piece in pieces],
            "color": [RED if piece.error else color for piece in pieces],
        }
        pattern = {**WAIT_PATTERN, "size": 7, "bgcolor": ground, "fgcolor": faded(color, 0.6)}
        return {
            "marker": {"color": color, "line": edges, "pattern": pattern},
            "insidetextfont": {"color": text},
        }
    if kind in _PALE:
        fill, edge, _height = _PALE[kind]
        colors = [piece.color or GREY for piece in pieces]
        edges = {
            "width": [2.5 if piece.error else 1 for piece in pieces],
            "color": [RED if p.error else faded(c, edge) for p, c in zip(pieces, colors, strict=True)],
        }
        marker = {"color": [faded(color, fill) for color in colors], "line": edges}
        return {"marker": marker, "insidetextfont": {"color": text}}
    if kind in _SOLID:
        color = _SOLID[kind][0]
        return {"marker": {"color": color, "line": edges}, "insidetextfont": {"color": text_on(color)}}
    return {"marker": {"color": faded(GREY, 0.3), "line": edges}, "insidetextfont": {"color": text}}


def _points(info: SwimlanesInfo, marks: Sequence[Mark], symbol: str, color: str, lane: float) -> Plain:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [mark.at_ms for mark in marks],
        "y": [mark.lane for mark in marks],
        "marker": {
            "symbol": symbol,
            "size": min(12, lane * 0.55),
            "color": color,
            "line": {"width": 2, "color": color},
        },
        "hovertext": [f"{markup(mark.text)}<br>{mark.at_ms - info.start_ms:.1f} ms" for mark in marks],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "showlegend": False,
        "cliponaxis": False,
    }


def _hover(bar: Bar) -> str:
    lines = [f"<b>{markup(bar.title)}</b>"]
    if bar.request:
        lines[0] += f" · {markup(bar.request)}"
    if bar.sql:
        lines += [markup(line) for line in _wrapped(bound(bar.sql, ()))]
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


def _legend(inner: float) -> Plain:
    return {
        "orientation": "h",
        "x": 0,
        "xanchor": "left",
        "y": 1 + 6 / inner,
        "yanchor": "bottom",
        "font": {"size": 13},
        "itemclick": False,
        "itemdoubleclick": False,
        "traceorder": "normal",
    }


def _x_axis(info: SwimlanesInfo) -> Plain:
    length = max(info.end_ms - info.start_ms, 1e-3)
    return {
        "range": [info.start_ms - 0.01 * length, info.end_ms + 0.02 * length],
        "anchor": "y2" if info.pool else "y",
        "ticksuffix": " ms",
        "exponentformat": "none",
        "separatethousands": True,
        "ticklabelstandoff": 6,
        "tickfont": {"size": 14},
        "showgrid": True,
        "gridcolor": faded(GREY, 0.25),
        "zeroline": False,
        "showline": False,
        "ticks": "",
    }


def _y_axis(lanes: Sequence[Lane], lane: float, domain: list[float]) -> Plain:
    return {
        "domain": domain,
        "range": [max(len(lanes), 1) - 0.5, -0.5],
        "tickvals": list(range(len(lanes))),
        "ticktext": [_name(each, _font(lane)) for each in lanes],
        "tickfont": {"size": _font(lane)},
        "showgrid": False,
        "showline": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }


def _font(lane: float) -> int:
    return round(max(12, min(16, lane * 0.7)))


def _short(lane: Lane, font: int) -> str:
    return cut(lane.label, int(NAMES / (COLUMN * font / 16)) - 7)


def _name(lane: Lane, font: int) -> str:
    name = markup(_short(lane, font))
    if lane.request is None or lane.indent:
        return f"{name} "
    sign = f"<span style='color:{RED}'>✕</span> " if lane.failed else ""
    square = f"<span style='color:{lane.color}'>■</span>"
    return f"{sign}{'▾' if lane.expanded else '▸'} {name} {square} "


def _margin(lanes: Sequence[Lane], font: int) -> int:
    longest = max((width(_short(each, font)) + (2 if each.indent else 6) for each in lanes), default=8)
    return round(longest * COLUMN * font / 16)


def _pool_axis(info: SwimlanesInfo, share: float) -> Plain:
    most = max((moment.checked_out + moment.waiting for moment in info.pool), default=1)
    top = max(most, info.capacity or 0, 1)
    return {
        "domain": [0, share],
        "range": [0, top * 1.08],
        "title": {"text": _("connections"), "font": {"size": 13}},
        "tickfont": {"size": 13},
        "nticks": 4,
        "tickformat": "d",
        "showgrid": True,
        "gridcolor": faded(GREY, 0.25),
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }


def _grounds(lanes: Sequence[Lane]) -> Iterator[Plain]:
    """A shade behind the lanes of an expanded request, and a line above the slots."""
    for number, lane in enumerate(lanes):
        if lane.indent or lane.expanded:
            yield _shade(number, faded(lane.color or GREY, 0.07))
    first = next((number for number, lane in enumerate(lanes) if lane.request is None), None)
    if first:
        line = {"color": GREY, "width": 1}
        yield {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": first - 0.5, "y1": first - 0.5, "line": line}


def _shade(lane: int, color: str) -> Plain:
    return {
        "type": "rect",
        "layer": "below",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": lane - 0.5,
        "y1": lane + 0.5,
        "fillcolor": color,
        "line": {"width": 0},
    }
