"""The wait-for graph as DOT text: who waits for whom and for which lock, red where the waits have closed a cycle.

Written by the `graphviz` library, which escapes; drawn in the browser by `st.graphviz_chart`.
"""

from __future__ import annotations

from typing import NamedTuple

import graphviz

from simulator.figures.palette import GREY, RED, TEXT_ON_DARK, TEXT_ON_LIGHT, session_colors, text_on
from simulator.i18n import gettext as _
from simulator.locks import Wait, WaitForGraph, wanted


class WaitsInfo(NamedTuple):
    """Sessions in their order, waits with those of the cycle first; `victim`: whom the server chose, once it did."""

    sessions: tuple[str, ...]
    waits: tuple[Wait, ...]
    cycle: tuple[Wait, ...]
    victim: str | None


def waits_info(graph: WaitForGraph) -> WaitsInfo:
    """What is drawn: the waits that go on, and the cycle, also where the server has just broken it."""
    cycle = graph.deadlock.waits if graph.deadlock else graph.cycle()
    pairs = {(wait.waiter, wait.blocker) for wait in cycle}
    others = tuple(wait for wait in graph.waits if (wait.waiter, wait.blocker) not in pairs)
    return WaitsInfo(graph.sessions, (*cycle, *others), cycle, graph.deadlock.victim if graph.deadlock else None)


def waits_dot(info: WaitsInfo, dark: bool = False) -> str:
    """DOT text; the background is transparent, `dark` chooses text and line colours. Every session is a node."""
    text = TEXT_ON_DARK if dark else TEXT_ON_LIGHT
    colors = session_colors(info.sessions)
    graph = graphviz.Digraph(
        graph_attr={"bgcolor": "transparent", "rankdir": "LR", "ranksep": "0.3", "nodesep": "0.3", "pad": "0.1"},
        node_attr={
            "shape": "circle", "style": "filled", "fontname": "sans-serif", "fontsize": "24", "penwidth": "0",
            "width": "0.75", "margin": "0.05",
        },
        edge_attr={"fontname": "sans-serif", "fontsize": "16", "arrowsize": "0.9", "fontcolor": text},
    )  # fmt: skip
    for name in info.sessions:
        victim = {"penwidth": "4", "color": RED, "xlabel": _("victim"), "fontcolor": text_on(colors[name])}
        marks = victim if name == info.victim else {"fontcolor": text_on(colors[name])}
        graph.node(name, fillcolor=colors[name], **marks)
    for wait in info.waits:
        closed = wait in info.cycle
        graph.edge(
            wait.waiter,
            wait.blocker,
            label=r"\n".join(f" {graphviz.escape(line)} " for line in _lines(wait)),
            color=RED if closed else GREY,
            penwidth="3.5" if closed else "2",
            style="dashed" if wait.inferred else "solid",
        )
    return str(graph.source)


def _lines(wait: Wait) -> tuple[str, ...]:
    lines = (_("{step} waits for").format(step=wait.step), wanted(wait.lock, wait.blocker))
    return (*lines, _("(inferred)")) if wait.inferred else lines
