"""The dependency graph as DOT text: transactions, what orders them, and in red the cycle that no serial order has.

Written by the `graphviz` library, which escapes; drawn in the browser by `st.graphviz_chart`, so no `dot` is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import graphviz

from simulator.anomalies.types import Dependency, DependencyKind, Verdict
from simulator.figures.labels import cut
from simulator.figures.palette import GREY, RED, TEXT_ON_DARK, TEXT_ON_LIGHT, session_colors, text_on
from simulator.history.event import session_of
from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.sql.values import cell


class Edge(NamedTuple):
    """One arrow; dependencies of the same kind between the same transactions are one, with all their evidence."""

    source: str
    target: str
    kind: DependencyKind
    evidence: tuple[str, ...]
    in_cycle: bool


class CycleInfo(NamedTuple):
    """Nodes in the order of their sessions, edges with those of the minimal cycle first."""

    sessions: tuple[str, ...]
    transactions: tuple[str, ...]
    edges: tuple[Edge, ...]
    anomaly: str | None


def cycle_info(verdict: Verdict, sessions: Sequence[str]) -> CycleInfo:
    """What the graph shows: every dependency, and the minimal cycle of the first anomaly."""
    anomaly = verdict.anomalies[0] if verdict.anomalies else None
    cycle = anomaly.cycle if anomaly else ()
    groups: dict[tuple[bool, str, str, DependencyKind], list[str]] = {}
    inside = {(edge.source, edge.target, edge.kind) for edge in cycle}
    for edge in (*cycle, *(edge for edge in verdict.dependencies if edge not in cycle)):
        triple = (edge.source, edge.target, edge.kind)
        texts = groups.setdefault((triple in inside, *triple), [])
        if (text := evidence_text(edge)) not in texts:
            texts.append(text)
    edges = tuple(
        Edge(source, target, kind, tuple(texts), in_cycle) for (in_cycle, source, target, kind), texts in groups.items()
    )
    return CycleInfo(
        sessions=tuple(sessions),
        transactions=_in_order({name for edge in edges for name in (edge.source, edge.target)}, sessions),
        edges=edges,
        anomaly=anomaly.name if anomaly else None,
    )


def known_then(verdict: Verdict, done: Collection[tuple[str, str]]) -> Verdict:
    """What of it could be known when these statements, (transaction, step), had been answered and no others."""

    def known(edge: Dependency) -> bool:
        ends = ((edge.source, edge.evidence.source_step), (edge.target, edge.evidence.target_step))
        return all(step is None or (transaction, step) in done for transaction, step in ends)

    return replace(
        verdict,
        dependencies=tuple(filter(known, verdict.dependencies)),
        anomalies=tuple(anomaly for anomaly in verdict.anomalies if all(map(known, anomaly.cycle))),
    )


def cycle_dot(info: CycleInfo, dark: bool = False) -> str:
    """DOT text; the background is transparent, `dark` chooses text and line colours."""
    return _dot(info, dark, language())


@lru_cache(maxsize=256)
def _dot(info: CycleInfo, dark: bool, _language: str) -> str:
    """Kept, because people in one room run the same few."""
    text = TEXT_ON_DARK if dark else TEXT_ON_LIGHT
    colors = session_colors(info.sessions)
    crowd = len(info.transactions) > 2
    graph = graphviz.Digraph(
        # Flat and narrow: the page fits the picture into its column, and its text with it.
        graph_attr={
            "bgcolor": "transparent", "rankdir": "LR", "ranksep": "0.2", "nodesep": "0.3", "pad": "0.1",
            # Streamlit gives every letter of a graph one size; the page's style gives ours back by this name.
            "class": "tx-cycle-graph tx-crowd" if crowd else "tx-cycle-graph",
        },
        node_attr={
            "shape": "circle", "style": "filled", "fontname": "sans-serif", "fontsize": "24", "penwidth": "0",
            "width": "0.75", "margin": "0.05",
        },
        edge_attr={"fontname": "sans-serif", "fontsize": "22" if crowd else "16", "arrowsize": "0.9"},
    )  # fmt: skip
    for name in info.transactions:
        color = colors.get(session_of(name), GREY)
        graph.node(name, fillcolor=color, fontcolor=text_on(color))
    for edge in info.edges:
        lines = (edge.kind.value, *_some(edge.evidence))
        color = RED if edge.in_cycle else GREY
        graph.edge(
            edge.source,
            edge.target,
            label=r"\n".join(f" {graphviz.escape(line)} " for line in lines),
            color=color,
            fontcolor=text,
            penwidth="3.5" if edge.in_cycle else "1.5",
            style="solid" if edge.in_cycle else "dashed",
        )
    return str(graph.source)


def evidence_text(dependency: Dependency) -> str:
    """Why the source comes first, in a few words: `balance 100 → 120`, `+ booking 2` (a row that came to match)."""
    evidence = dependency.evidence
    if dependency.predicate:
        text = f"{'+' if evidence.entered else '−'} {evidence.subject}"
    elif evidence.created or evidence.deleted:
        text = f"{'+' if evidence.created else '−'} {evidence.subject}"
    elif dependency.kind is DependencyKind.WR and evidence.column:
        text = f"{evidence.column} = {cell(evidence.after)}"
    elif evidence.column and evidence.before != evidence.after:
        text = f"{evidence.column} {cell(evidence.before)} → {cell(evidence.after)}"
    else:
        text = evidence.subject
    return cut(text, 32)


def _some(texts: Sequence[str], most: int = 2) -> Iterable[str]:
    yield from texts[:most]
    if len(texts) > most:
        yield _("and {n} more").format(n=len(texts) - most)


def _in_order(names: set[str], sessions: Sequence[str]) -> tuple[str, ...]:
    lanes = {session: lane for lane, session in enumerate(sessions)}
    return tuple(sorted(names, key=lambda name: (lanes.get(session_of(name), len(lanes)), name)))
