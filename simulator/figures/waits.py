"""The wait-for graph as DOT text: who waits for whom and for which lock, red where the waits have closed a cycle.

Written by the `graphviz` library, which escapes; drawn in the browser by `st.graphviz_chart`.
"""

from __future__ import annotations

from html import escape
from typing import NamedTuple

import graphviz

from simulator.figures.labels import width
from simulator.figures.palette import GREY, RED, TEXT_ON_DARK, TEXT_ON_LIGHT, session_colors, text_on
from simulator.i18n import gettext as _
from simulator.locks import Wait, WaitForGraph, wanted

#: More waits than this have no room for their locks.
CROWD = 2


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
        graph_attr={
            "bgcolor": "transparent", "rankdir": "LR", "ranksep": "0.3", "nodesep": "0.3", "pad": "0.1",
            # Streamlit gives every letter of a graph one size; the page's style gives ours back by this name.
            "class": "tx-waits-graph",
        },
        node_attr={
            "shape": "circle", "style": "filled", "fontname": "sans-serif", "fontsize": "24", "penwidth": "0",
            "width": "0.75", "margin": "0.05",
        },
        edge_attr={"fontname": "sans-serif", "fontsize": "16", "arrowsize": "0.9", "fontcolor": text},
    )  # fmt: skip
    for name in info.sessions:
        marks = _victim(name) if name == info.victim else {}
        graph.node(name, fillcolor=colors[name], fontcolor=text_on(colors[name]), **marks)
    for wait in info.waits:
        closed = wait in info.cycle
        graph.edge(
            wait.waiter,
            wait.blocker,
            label=r"\n".join(f" {graphviz.escape(line)} " for line in _lines(wait, info)),
            tooltip=graphviz.escape(wait.sentence),
            color=RED if closed else GREY,
            penwidth="3.5" if closed else "2",
            style="dashed" if wait.inferred else "solid",
        )
    return str(graph.source)


def _victim(name: str) -> dict[str, str]:
    """Another shape with a red edge and the word in it: beside it the word would lie on an arrow."""
    word = _("victim")
    label = f'<{escape(name)}<BR/><FONT POINT-SIZE="16">{escape(word)}</FONT>>'
    # Graphviz takes a Chinese character for half as wide as it is.
    margin = f"{0.05 + 0.05 * (width(word) - len(word)):.2f},0.05"
    return {
        "shape": "box", "style": "filled,rounded", "penwidth": "4", "color": RED, "label": label, "margin": margin,
    }  # fmt: skip


def _lines(wait: Wait, info: WaitsInfo) -> tuple[str, ...]:
    """As much as leaves the letters large: everything on one line between two sessions, only the step in a crowd."""
    inferred = (_("(inferred)"),) if wait.inferred else ()
    if len(info.waits) > CROWD:
        return wait.step, *inferred
    lines = (_("{step} waits for").format(step=wait.step), wanted(wait.lock, wait.blocker))
    if len({name for one in info.waits for name in (one.waiter, one.blocker)}) == 2:
        return " ".join(lines), *inferred
    return *lines, *inferred
