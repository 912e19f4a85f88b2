"""The pool under the swimlanes: connections in use, those beyond its size, and who waits, as areas on the same axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from simulator.figures.palette import GREY, faded
from simulator.figures.swimlanes_info import SwimlanesInfo
from simulator.i18n import gettext as _
from simulator.traces.pool import PoolMoment

#: A screen shows no more steps than that; of those between, the highest counts.
STEPS = 800

Plain = dict[str, Any]


def pool_traces(info: SwimlanesInfo) -> Iterator[Plain]:
    """Areas stacked on the second y axis, and dashed lines at `pool_size` and at the limit."""
    moments = _seen(info.pool, info.end_ms)
    size = info.size if info.size is not None else max((m.checked_out for m in moments), default=0)
    x = [moment.at_ms for moment in moments]
    inside = [min(moment.checked_out, size) for moment in moments]
    beyond = [moment.checked_out - use for moment, use in zip(moments, inside, strict=True)]
    waiting = [moment.waiting for moment in moments]
    yield _area(x, inside, _("in use"), "#4B6A88", 0.55)
    if any(beyond):
        yield _area(x, beyond, _("overflow in use"), "#CC79A7", 0.75)
    if any(waiting):
        area = _area(x, waiting, _("wait for the pool"), GREY, 0.15)
        yield area | {"fillpattern": {"shape": "/", "size": 7, "solidity": 0.42, "fgcolor": GREY}}
    limits = dict.fromkeys(
        limit
        for limit in ((info.size, _("pool_size")), (info.capacity, _("pool_size + max_overflow")))
        if limit[0] is not None
    )
    drawn: set[int] = set()
    for limit, name in limits:
        if limit is not None and limit not in drawn:
            drawn.add(limit)
            yield _limit(info, limit, name)


def _seen(moments: Sequence[PoolMoment], end_ms: float) -> list[PoolMoment]:
    """Few enough to draw, and the last one until the end."""
    if not moments:
        return []
    grain = max(end_ms, 1e-9) / STEPS
    found: dict[int, PoolMoment] = {}
    for moment in moments:
        slot = int(moment.at_ms / grain) if len(moments) > STEPS else len(found)
        if slot not in found or moment.checked_out + moment.waiting >= found[slot].checked_out + found[slot].waiting:
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
        "stackgroup": "pool",
        "line": {"shape": "hv", "width": 1, "color": color},
        "fillcolor": faded(color, opacity),
        "hovertemplate": name.replace("%", "%%") + ": %{y}<br>%{x:.1f} ms<extra></extra>",
        "showlegend": False,
    }


def _limit(info: SwimlanesInfo, limit: int, name: str) -> Plain:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [info.start_ms, info.end_ms],
        "y": [limit, limit],
        "yaxis": "y2",
        "line": {"dash": "dash", "width": 1.5, "color": GREY},
        "hovertemplate": f"{name} = {limit}<extra></extra>",
        "showlegend": False,
    }
