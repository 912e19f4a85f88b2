"""The pool beside the swimlanes: connections on one axis, those who wait for one on another; nobody who waits has one.

Overflow is a count and no property of a connection: as many as are open beyond `pool_size`, whichever those are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.figures.layout import Plain
from simulator.figures.palette import GREY, faded
from simulator.figures.swimlanes.info import SwimlanesInfo
from simulator.i18n import gettext as _
from simulator.traces.pool import PoolMoment

#: A screen shows no more steps than that; of those between, the highest counts.
STEPS = 800
#: Pixels: the connections; those who wait, where anybody did; what lies between each of them and the lanes.
CONNECTIONS, WAITING, GAP = 84, 44, 16
IN_USE, OVERFLOW = "#4B8FD0", "#CC79A7"


def pool_height(info: SwimlanesInfo) -> int:
    """Pixels beside the lanes; 0 where no pool was seen."""
    if not info.pool:
        return 0
    return GAP + CONNECTIONS + (GAP + WAITING if _anybody_waits(info) else 0)


def pool_axes(info: SwimlanesInfo, inner: float, below: float = 0.0) -> Plain:
    """The axes, `below` pixels above the bottom of a plot of `inner` pixels; without a pool there is no such axis."""
    if not info.pool:
        return {}
    waiting = WAITING + GAP if _anybody_waits(info) else 0
    top = max(max((moment.open for moment in info.pool), default=0), info.capacity or 0, 1)
    foot = below + waiting
    layout: Plain = {"yaxis2": _axis([foot / inner, (foot + CONNECTIONS) / inner], top, _("connections"))}
    if waiting:
        most = max(moment.waiting for moment in info.pool)
        layout["yaxis3"] = _axis([below / inner, (below + WAITING) / inner], most, _("waiting"))
    return layout


def lowest_axis(info: SwimlanesInfo) -> str:
    """The one that the time axis hangs on."""
    if info.folded:
        return "y"
    return ("y3" if _anybody_waits(info) else "y2") if info.pool else "y"


def pool_traces(info: SwimlanesInfo, text: str = GREY) -> Iterator[Plain]:
    """Steps: connections in use, those beyond `pool_size`, who waits; and dashed lines at `pool_size` and the limit,
    in the colour of `text`."""
    moments = _seen(info.pool, info.end_ms)
    if not moments:
        return
    x = [moment.at_ms for moment in moments]
    yield _area(x, [moment.checked_out for moment in moments], _("in use"), IN_USE, 0.55)
    yield from _overflow(moments, x)
    yield from _limits(info, text)
    if _anybody_waits(info):
        area = _area(x, [moment.waiting for moment in moments], _("waiting requests"), GREY, 0.15)
        yield area | {"yaxis": "y3", "fillpattern": {"shape": "/", "size": 7, "solidity": 0.42, "fgcolor": GREY}}


def _anybody_waits(info: SwimlanesInfo) -> bool:
    return any(moment.waiting for moment in info.pool)


def _seen(moments: Sequence[PoolMoment], end_ms: float) -> list[PoolMoment]:
    """Few enough to draw, and the last one until the end."""
    if not moments:
        return []
    grain = max(end_ms, 1e-9) / STEPS
    found: dict[int, PoolMoment] = {}
    for moment in moments:
        slot = int(moment.at_ms / grain) if len(moments) > STEPS else len(found)
        if slot not in found or moment.open + moment.waiting >= found[slot].open + found[slot].waiting:
            found[slot] = moment
    last = moments[-1]
    return [*found.values(), PoolMoment(end_ms, last.checked_out, last.overflow, last.waiting, last.idle)]


def _area(x: list[float], y: list[int], name: str, color: str, opacity: float) -> Plain:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "yaxis": "y2",
        "fill": "tozeroy",
        "line": {"shape": "hv", "width": 1.5, "color": color},
        "fillcolor": faded(color, opacity),
        "hovertemplate": name.replace("%", "%%") + ": %{y}<br>%{x:.1f} ms<extra></extra>",
        "showlegend": True,
    }


def _overflow(moments: Sequence[PoolMoment], x: list[float]) -> Iterator[Plain]:
    """From `pool_size` upwards: how many more are open."""
    if not any(moment.overflow for moment in moments):
        return
    name = _("overflow")
    yield _line(x, [moment.open - moment.overflow for moment in moments]) | {
        "line": {"width": 0, "shape": "hv"},
        "hoverinfo": "skip",
    }
    yield _area(x, [moment.open for moment in moments], name, OVERFLOW, 0.5) | {
        "fill": "tonexty",
        "customdata": [moment.overflow for moment in moments],
        "hovertemplate": _("open beyond pool_size: {n}").format(n="%{customdata}") + "<br>%{x:.1f} ms<extra></extra>",
    }


def _limits(info: SwimlanesInfo, color: str) -> Iterator[Plain]:
    """`pool_size`, and the limit where that is another."""
    named = [
        ("pool_size", "pool_size", info.size, "dash"),
        (_("at most"), _("pool_size + max_overflow"), info.capacity, "dot"),
    ]
    drawn: set[int] = set()
    for short, name, limit, dash in named:
        if limit is not None and limit not in drawn:
            drawn.add(limit)
            yield _line([info.start_ms, info.end_ms], [limit, limit]) | {
                "name": f"{short} {limit}",
                "line": {"dash": dash, "width": 1.5, "color": color},
                "hovertemplate": f"{name} = {limit}<extra></extra>",
                "showlegend": True,
            }


def _line(x: list[float], y: list[int]) -> Plain:
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "yaxis": "y2", "showlegend": False}


def _axis(domain: list[float], top: int, title: str) -> Plain:
    return {
        "domain": domain,
        "range": [0, top * 1.08],
        "title": {"text": title, "font": {"size": 13}},
        "tickfont": {"size": 13},
        "nticks": 4,
        "tickformat": "d",
        "showgrid": True,
        "gridcolor": faded(GREY, 0.25),
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }
