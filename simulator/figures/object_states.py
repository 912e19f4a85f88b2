"""Object states over time: a lane an object, a bar a state, and what moved it there.

On the step axis moves of the same cause, one after the other, are one step: a flush that writes ten objects. States
that last microseconds beside some that last for seconds can be read there; the time axis has their real lengths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import plotly.graph_objects as go

from simulator.figures.labels import cut, markup, width
from simulator.figures.palette import GREY, TEXT_ON_DARK, TEXT_ON_LIGHT, faded, text_on
from simulator.figures.score_info import Axis, Range
from simulator.i18n import gettext as _
from simulator.traces.critical import duration
from simulator.traces.objects import ObjectLife, object_lives
from simulator.traces.spans import Trace

Plain = dict[str, Any]

#: Lanes beyond that are left out, and the page says how many.
LIMIT = 40
LANE, TOP, BOTTOM, RIGHT = 34, 40, 34, 16
COLUMN = 8.0
EXPIRED = "expired"
_NOWHERE = Range(0, 0)

#: States as SQLAlchemy names them. `expired` is persistent or detached, without values.
COLORS: Mapping[str, str] = MappingProxyType(
    {
        "transient": "#B8C0CC",
        "pending": "#E69F00",
        "persistent": "#0072B2",
        EXPIRED: "#56B4E9",
        "deleted": "#CC79A7",
        "detached": GREY,
    }
)


class StateBar(NamedTuple):
    """An object in one state; `end_ms` is where it is drawn to, `open` says that nothing moved it before."""

    #: `object:17`: seq of the event that moved it there
    id: str
    lane: int
    object: str
    #: a key of COLORS
    state: str
    #: the state of which `expired` is told, otherwise the same
    told: str
    cause: str
    session: str | None
    start_ms: float
    end_ms: float
    open: bool
    #: the same on the step axis
    steps: Range


class ObjectStatesInfo(NamedTuple):
    """`lanes` are the objects' names from the top."""

    lanes: tuple[str, ...]
    bars: tuple[StateBar, ...]
    #: what moved the objects at each step
    causes: tuple[str, ...]
    start_ms: float
    end_ms: float
    #: objects that have no lane: there were too many
    left_out: int


def object_states_info(trace: Trace, request: str | None = None, limit: int = LIMIT) -> ObjectStatesInfo:
    """The objects of one request, or of all; the last state of each is drawn to the request's end and no further."""
    lives = object_lives(trace, request)
    shown = lives[:limit]
    ends = {each.name: each.end_ms for each in trace.groups}
    placed = [bar for lane, life in enumerate(shown) for bar in _bars(lane, life, trace, ends)]
    bars, causes = _stepped(placed)
    of = trace.request(request) if request is not None else None
    start = min((bar.start_ms for bar in bars), default=0.0)
    end = max([bar.end_ms for bar in bars] + ([of.end_ms] if of is not None and of.end_ms is not None else [start]))
    return ObjectStatesInfo(tuple(map(_lane, shown)), bars, causes, start, end, len(lives) - len(shown))


def _lane(life: ObjectLife) -> str:
    return f"{life.name} (id {life.key})" if life.key else life.name


def _bars(lane: int, life: ObjectLife, trace: Trace, ends: Mapping[str, float | None]) -> Iterator[StateBar]:
    seen = ends.get(life.request or "")
    latest = max(seen if seen is not None else trace.duration_ms, life.stays[-1].start_ms)
    for stay in life.stays:
        state = EXPIRED if stay.expired and stay.state == "persistent" else stay.state
        end = latest if stay.end_ms is None else stay.end_ms
        told = (stay.state, stay.cause, stay.session)
        yield StateBar(
            f"object:{stay.seq}", lane, life.name, state, *told, stay.start_ms, end, stay.end_ms is None, _NOWHERE
        )


def _stepped(bars: Sequence[StateBar]) -> tuple[tuple[StateBar, ...], tuple[str, ...]]:
    """The bars with their places on the step axis, and the steps' causes."""
    causes: list[str] = []
    moved: set[int] = set()
    begins: dict[str, int] = {}
    for bar in sorted(bars, key=lambda bar: bar.start_ms):
        if not causes or causes[-1] != bar.cause or bar.lane in moved:
            causes.append(bar.cause)
            moved = set()
        moved.add(bar.lane)
        begins[bar.id] = len(causes) - 1
    following = {one.id: other for one, other in pairwise(bars) if one.lane == other.lane}
    ends = {bar.id: begins[following[bar.id].id] if bar.id in following else len(causes) for bar in bars}
    return tuple(bar._replace(steps=Range(begins[bar.id], ends[bar.id])) for bar in bars), tuple(causes)


def plot_object_states(info: ObjectStatesInfo, dark: bool = False, axis: Axis = Axis.STEPS) -> go.Figure:
    """One trace a state; `customdata[0]` of a bar is its id.

    On the step axis the ticks say what moved the objects, and the bars which state they are in; on the time axis the
    bars say what moved the object there.
    """
    text = TEXT_ON_DARK if dark else TEXT_ON_LIGHT
    layout = {
        "template": {},
        "barmode": "overlay",
        "bargap": 0,
        "height": LANE * max(len(info.lanes), 1) + TOP + BOTTOM,
        "margin": {"l": _margin(info.lanes), "r": RIGHT, "t": TOP, "b": BOTTOM},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 16, "color": text},
        "hoverlabel": {"align": "left"},
        "hovermode": "closest",
        "dragmode": "zoom",
        "uirevision": f"object_states {axis}",
        "uniformtext": {"mode": "hide", "minsize": 13},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "font": {"size": 14},
            "itemclick": False,
            "itemdoubleclick": False,
        },
        "xaxis": _x_axis(info) if axis is Axis.TIME else _steps_axis(info),
        "yaxis": _y_axis(info.lanes),
    }
    return go.Figure({"data": list(_traces(info, axis)), "layout": layout})


def _traces(info: ObjectStatesInfo, axis: Axis) -> Iterator[Plain]:
    for state, color in COLORS.items():
        bars = [bar for bar in info.bars if bar.state == state]
        if bars:
            yield _trace(bars, state, color, axis)


def _trace(bars: Sequence[StateBar], state: str, color: str, axis: Axis) -> Plain:
    places = [bar.steps if axis is Axis.STEPS else Range(bar.start_ms, bar.end_ms) for bar in bars]
    gap = 0.02 if axis is Axis.STEPS else 0.0
    return {
        "type": "bar",
        "orientation": "h",
        "name": state,
        "y": [bar.lane for bar in bars],
        "base": [place.start + gap for place in places],
        "x": [place.end - place.start - 2 * gap for place in places],
        "width": 0.72,
        "customdata": [[bar.id] for bar in bars],
        "text": [bar.state if axis is Axis.STEPS else bar.cause for bar in bars],
        "textposition": "inside",
        "insidetextanchor": "start",
        "textangle": 0,
        "insidetextfont": {"color": text_on(color)},
        "marker": {"color": color, "line": {"width": 0}},
        "hovertext": [_hover(bar) for bar in bars],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _hover(bar: StateBar) -> str:
    told = _("{object} is {state}: moved by {cause}")
    state = f"{bar.told}, {EXPIRED}" if bar.state == EXPIRED else bar.told
    lines = [markup(told.format(object=bar.object, state=state, cause=bar.cause))]
    if bar.session:
        lines.append(markup(bar.session))
    lines.append(_("nothing moved it again") if bar.open else duration(bar.end_ms - bar.start_ms))
    return "<br>".join(lines)


def _short(lane: str) -> str:
    return cut(lane, 30)


def _margin(lanes: Sequence[str]) -> int:
    return round(COLUMN * (2 + max((width(_short(lane)) for lane in lanes), default=6)))


def _x_axis(info: ObjectStatesInfo) -> Plain:
    length = max(info.end_ms - info.start_ms, 1e-3)
    return {
        "range": [info.start_ms - 0.01 * length, info.end_ms + 0.02 * length],
        "ticksuffix": " ms",
        "exponentformat": "none",
        "separatethousands": True,
        "tickfont": {"size": 14},
        "showgrid": True,
        "gridcolor": faded(GREY, 0.25),
        "zeroline": False,
        "ticks": "",
    }


def _steps_axis(info: ObjectStatesInfo) -> Plain:
    return {
        "range": [0, max(len(info.causes), 1)],
        "tickvals": list(range(len(info.causes))),
        "ticktext": [f" {cause}" for cause in info.causes],
        "ticklabelshift": 20,
        "tickfont": {"size": 15},
        "showgrid": True,
        "gridcolor": faded(GREY, 0.25),
        "zeroline": False,
        "ticks": "",
    }


def _y_axis(lanes: Sequence[str]) -> Plain:
    return {
        "range": [max(len(lanes), 1) - 0.5, -0.5],
        "tickvals": list(range(len(lanes))),
        "ticktext": [f"{markup(_short(lane))} " for lane in lanes],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "ticks": "",
    }
