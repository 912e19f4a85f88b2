"""The swimlanes' axes: time or steps below, the lanes' names beside, and the ground on which they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.figures.labels import cut, markup, width
from simulator.figures.layout import Plain
from simulator.figures.palette import BARE_AXIS, GREY, RED, faded
from simulator.figures.swimlanes.info import Lane, SwimlanesInfo
from simulator.figures.swimlanes.pool import lowest_axis
from simulator.figures.swimlanes.rooms import Rooms

#: Pixels that lanes' names take at most, and those of one column at a font of 16.
NAMES, COLUMN = 310, 7.4


def x_axis(info: SwimlanesInfo) -> Plain:
    """Milliseconds, or the numbers of steps."""
    length = max(info.end_ms - info.start_ms, 1e-3)
    if info.steps:
        return {**_step_axis(info.steps), "anchor": lowest_axis(info)}
    return {
        "range": [info.start_ms - 0.01 * length, info.end_ms + 0.02 * length],
        "anchor": lowest_axis(info),
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


def _step_axis(steps: int) -> Plain:
    """A number below each step, so that one can speak of it."""
    every = 1 if steps <= 30 else 5
    shown = [step for step in range(steps) if (step + 1) % every == 0 or every == 1]
    return {
        "range": [-0.05, steps + 0.3],
        "tickvals": [step + 0.5 for step in shown],
        "ticktext": [str(step + 1) for step in shown],
        "tickfont": {"size": 14},
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "ticks": "",
    }


def y_axis(lanes: Sequence[Lane], room: Rooms, domain: list[float]) -> Plain:
    """The lanes by their names."""
    return {
        "domain": domain,
        "range": [room.height, 0],
        "tickvals": [room.middle(number) for number in range(len(lanes))],
        "ticktext": [_name(each, font(room.lane)) for each in lanes],
        "tickfont": {"size": font(room.lane)},
        **BARE_AXIS,
    }


def font(lane: float) -> int:
    """Size of the lanes' names in a lane of so many pixels."""
    return round(max(12, min(16, lane * 0.7)))


def _short(lane: Lane, font: int) -> str:
    return cut(lane.label, int(NAMES / (COLUMN * font / 16)) - 7 - width(lane.tail)) + lane.tail


def _name(lane: Lane, font: int) -> str:
    name = markup(_short(lane, font))
    if lane.request is None or lane.indent:
        return f"{name} "
    sign = f"<span style='color:{RED}'>✕</span> " if lane.failed else ""
    if lane.rows > 1:
        return f"{sign}▸ {name} "
    square = f"<span style='color:{lane.color}'>■</span>"
    return f"{sign}{'▾' if lane.expanded else '▸'} {name} {square} "


def margin(lanes: Sequence[Lane], font: int) -> int:
    """Pixels that the names take."""
    longest = max((width(_short(each, font)) + (2 if each.indent else 6) for each in lanes), default=8)
    return round(longest * COLUMN * font / 16)


def grounds(lanes: Sequence[Lane], room: Rooms) -> Iterator[Plain]:
    """A shade behind the lanes of an expanded request, and a line between the slots and the requests."""
    for number, lane in enumerate(lanes):
        if lane.indent or lane.expanded:
            yield _shade(room.edges[number], room.edges[number + 1], faded(lane.color or GREY, 0.07))
    slots = [lane.request is None for lane in lanes]
    for number in range(1, len(lanes)):
        if slots[number] != slots[number - 1]:
            at, line = room.edges[number], {"color": GREY, "width": 1}
            yield {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at, "line": line}


def _shade(top: float, bottom: float, color: str) -> Plain:
    return {
        "type": "rect",
        "layer": "below",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": top,
        "y1": bottom,
        "fillcolor": color,
        "line": {"width": 0},
    }
