"""Object states over time: a lane an object, a bar a state, what moved it there, and where it was collected.

On the step axis moves of the same cause, one after the other, are one step: a flush that writes ten objects. States
that last microseconds beside some that last for seconds can be read there; the time axis has their real lengths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import plotly.graph_objects as go

from simulator.figures.labels import cut, markup, width
from simulator.figures.layout import Plain, frame, legend_above
from simulator.figures.palette import GREY, TEXT_ON_DARK, TEXT_ON_LIGHT, faded, text_on
from simulator.figures.score.info import Axis, Range
from simulator.history.words import ObjectState
from simulator.i18n import gettext as _
from simulator.traces.critical import duration
from simulator.traces.objects import ObjectLife, object_lives
from simulator.traces.spans import Trace

#: Lanes beyond that are left out, and the page says how many.
LIMIT = 40
LANE, TOP, BOTTOM, RIGHT = 34, 40, 34, 16
COLUMN = 8.0
EXPIRED = "expired"
_NOWHERE = Range(0, 0)

#: States as SQLAlchemy names them. `expired` is persistent or detached, without values.
COLORS: Mapping[str, str] = MappingProxyType(
    {
        ObjectState.TRANSIENT: "#B8C0CC",
        ObjectState.PENDING: "#E69F00",
        ObjectState.PERSISTENT: "#0072B2",
        EXPIRED: "#56B4E9",
        ObjectState.DELETED: "#CC79A7",
        ObjectState.DETACHED: GREY,
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
    #: what ended it: the next bar's cause, or `collected`; "" where nothing was seen to
    ended_by: str
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
        state = EXPIRED if stay.expired and stay.state == ObjectState.PERSISTENT else stay.state
        end = latest if stay.end_ms is None else stay.end_ms
        yield StateBar(
            id=f"object:{stay.seq}",
            lane=lane,
            object=life.name,
            state=state,
            told=stay.state,
            cause=stay.cause,
            session=stay.session,
            start_ms=stay.start_ms,
            end_ms=end,
            open=stay.end_ms is None,
            ended_by=stay.ended_by,
            steps=_NOWHERE,
        )


def _stepped(bars: Sequence[StateBar]) -> tuple[tuple[StateBar, ...], tuple[str, ...]]:
    """The bars with their places on the step axis, and the steps' causes."""
    causes: list[str] = []
    moved: set[int] = set()
    steps: dict[tuple[str, bool], int] = {}
    last = {bar.lane: bar for bar in bars}
    moves = [(bar.start_ms, bar.cause, bar, False) for bar in bars]
    moves += [(bar.end_ms, bar.ended_by, bar, True) for bar in last.values() if not bar.open]
    for _at, cause, bar, is_end in sorted(moves, key=lambda move: move[0]):
        if not causes or causes[-1] != cause or bar.lane in moved:
            causes.append(cause)
            moved = set()
        moved.add(bar.lane)
        steps[bar.id, is_end] = len(causes) - 1
    following = {one.id: other for one, other in pairwise(bars) if one.lane == other.lane}
    ends = {
        bar.id: steps[following[bar.id].id, False] if bar.id in following else steps.get((bar.id, True), len(causes))
        for bar in bars
    }
    return tuple(bar._replace(steps=Range(steps[bar.id, False], ends[bar.id])) for bar in bars), tuple(causes)


def plot_object_states(info: ObjectStatesInfo, dark: bool = False, axis: Axis = Axis.STEPS) -> go.Figure:
    """One trace a state; `customdata[0]` of a bar is its id.

    On the step axis the ticks say what moved the objects, and the bars which state they are in; on the time axis the
    bars say what moved the object there.
    """
    text = TEXT_ON_DARK if dark else TEXT_ON_LIGHT
    layout = {
        **frame(text),
        "barmode": "overlay",
        "bargap": 0,
        "height": LANE * max(len(info.lanes), 1) + TOP + BOTTOM,
        "margin": {"l": _margin(info.lanes), "r": RIGHT, "t": TOP, "b": BOTTOM},
        "hovermode": "closest",
        "dragmode": "zoom",
        "uirevision": f"object_states {axis}",
        "uniformtext": {"mode": "hide", "minsize": 13},
        "legend": legend_above(),
        "xaxis": _x_axis(info) if axis is Axis.TIME else _steps_axis(info),
        "yaxis": _y_axis(info.lanes),
    }
    return go.Figure({"data": list(_traces(info, axis)), "layout": layout})


def _traces(info: ObjectStatesInfo, axis: Axis) -> Iterator[Plain]:
    for state, color in COLORS.items():
        bars = [bar for bar in info.bars if bar.state == state]
        if bars:
            yield _trace(bars, state, color, axis)
    collected = [bar for bar in info.bars if bar.ended_by == "collected"]
    if collected:
        yield _ends(collected, axis)


def _ends(bars: Sequence[StateBar], axis: Axis) -> Plain:
    """Where nobody referred to the object any more."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": _("collected: nobody refers to it any more"),
        "x": [bar.steps.end if axis is Axis.STEPS else bar.end_ms for bar in bars],
        "y": [bar.lane for bar in bars],
        "marker": {"symbol": "circle-x-open", "size": 13, "color": GREY, "line": {"width": 2, "color": GREY}},
        "hovertext": [markup(_("{object} was collected").format(object=bar.object)) for bar in bars],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "cliponaxis": False,
    }


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
    if bar.open:
        lines.append(_("nothing was seen to move it again"))
    else:
        over = _("{time}, ended by {cause}").format(time=duration(bar.end_ms - bar.start_ms), cause=bar.ended_by)
        lines.append(markup(over))
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
        "ticktext": [f" {markup(cause)}" for cause in info.causes],
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
