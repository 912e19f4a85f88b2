"""The wait-for graph as DOT text: who waits for whom and for which lock, red where the waits have closed a cycle.

Written by the `graphviz` library, which escapes; drawn in the browser by `st.graphviz_chart`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from math import cos, pi, sin
from types import MappingProxyType
from typing import NamedTuple

import graphviz

from simulator.figures.palette import GREY, RED, TEXT_ON_DARK, TEXT_ON_LIGHT, session_colors, text_on
from simulator.history.sqlstates import SqlState
from simulator.i18n import gettext as _
from simulator.state.locks import Wait, WaitForGraph, wanted

#: More waits than this have no room for their locks.
CROWD = 2
#: Inches. Nodes stand where they stand, and the picture is as large as it is, whoever waits: steps move nothing.
REACH, RISE, RIM = 2.9, 0.75, 1.05


_NOTHING: Mapping[Wait, str] = MappingProxyType({})


class WaitsInfo(NamedTuple):
    """Sessions in their order, waits with those of the cycle first; `victim`: whom the server chose, once it did."""

    sessions: tuple[str, ...]
    waits: tuple[Wait, ...]
    cycle: tuple[Wait, ...]
    victim: str | None
    #: what each wait is for: `wallet 2`; where it is not known the lock is named
    wanted: Mapping[Wait, str] = _NOTHING


def waits_info(graph: WaitForGraph, wanted: Mapping[Wait, str] = _NOTHING) -> WaitsInfo:
    """What is drawn: the waits that go on, and the cycle, also where the server has just broken it."""
    cycle = graph.deadlock.waits if graph.deadlock else graph.cycle()
    pairs = {(wait.waiter, wait.blocker) for wait in cycle}
    others = tuple(wait for wait in graph.waits if (wait.waiter, wait.blocker) not in pairs)
    return WaitsInfo(
        graph.sessions, (*cycle, *others), cycle, graph.deadlock.victim if graph.deadlock else None, wanted
    )


def waits_dot(info: WaitsInfo, dark: bool = False) -> str:
    """DOT text; the background is transparent, `dark` chooses text and line colours. Every session is a node."""
    text = TEXT_ON_DARK if dark else TEXT_ON_LIGHT
    colors = session_colors(info.sessions)
    graph = graphviz.Digraph(
        graph_attr={
            "bgcolor": "transparent", "layout": "neato", "splines": "line", "pad": "0.05",
            # Streamlit gives every letter of a graph one size; the page's style gives ours back by this name.
            "class": "tx-waits-graph",
        },
        node_attr={
            "shape": "circle", "style": "filled", "fontname": "sans-serif", "fontsize": "24", "penwidth": "0",
            "width": "0.85", "fixedsize": "true",
        },
        edge_attr={"fontname": "sans-serif", "fontsize": "16", "arrowsize": "0.9", "fontcolor": text},
    )  # fmt: skip
    for corner in (-1, 1):
        place = f"{corner * (REACH + 0.5)},{corner * RIM}!"
        graph.node(f"corner {corner}", pos=place, style="invis", label="", width="0.01")
    for name, (x, y) in zip(info.sessions, _places(len(info.sessions)), strict=True):
        marks = _victim(name) if name == info.victim else {}
        graph.node(name, pos=f"{x:.2f},{y:.2f}!", fillcolor=colors[name], fontcolor=text_on(colors[name]), **marks)
    for wait in info.waits:
        closed = wait in info.cycle
        right = info.sessions.index(wait.waiter) < info.sessions.index(wait.blocker)
        graph.edge(
            wait.waiter,
            wait.blocker,
            **_label(wait, info),
            tooltip=graphviz.escape(str(wait.sentence)),
            color=RED if closed else GREY,
            penwidth="3.5" if closed else "2",
            style="dashed" if wait.inferred else "solid",
            **(_PORTS[right] if len(info.sessions) == 2 else {}),
        )
    return str(graph.source)


#: Between two, where an arrow begins and ends, by whether it goes to the right: there and back lie beside each other.
_PORTS = {True: {"tailport": "ne", "headport": "nw"}, False: {"tailport": "sw", "headport": "se"}}


def _places(count: int) -> Iterator[tuple[float, float]]:
    """From the left, clockwise around."""
    for number in range(count):
        angle = pi - 2 * pi * number / count
        yield REACH * cos(angle), RISE * sin(angle)


def _victim(name: str) -> dict[str, str]:
    """The same shape with a red edge, and in it what it got: short in every language."""
    label = f'<{escape(name)}<BR/><FONT POINT-SIZE="16">{SqlState.DEADLOCK_DETECTED}</FONT>>'
    return {"penwidth": "5", "color": RED, "label": label, "tooltip": _("victim")}


def _label(wait: Wait, info: WaitsInfo) -> dict[str, str]:
    """In the middle of an arrow; of two that go back and forth each stands at its own end, for they would meet."""
    text = r"\n".join(f" {graphviz.escape(line)} " for line in _lines(wait, info))
    if wait in info.wanted and any((one.waiter, one.blocker) == (wait.blocker, wait.waiter) for one in info.waits):
        return {"taillabel": text, "labeldistance": "6", "labelangle": "18"}
    return {"label": text}


def _lines(wait: Wait, info: WaitsInfo) -> tuple[str, ...]:
    """As much as leaves the letters large: everything on one line between two sessions, only the step in a crowd."""
    inferred = (_("(inferred)"),) if wait.inferred else ()
    if wait in info.wanted:
        return _("wants {row}").format(row=info.wanted[wait]), *inferred
    if len(info.waits) > CROWD:
        return wait.step, *inferred
    lines = (_("{step} waits for").format(step=wait.step), str(wanted(wait.lock, wait.blocker)))
    if len({name for one in info.waits for name in (one.waiter, one.blocker)}) == 2:
        return " ".join(lines), *inferred
    return *lines, *inferred
