"""The verdict on a history: its dependency graph, the cycles in it, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, product

import networkx as nx

from simulator.anomalies.anomalies import PHENOMENA, Cycle, classify
from simulator.anomalies.dependencies import dependencies
from simulator.anomalies.observations import observe
from simulator.anomalies.states import NoVerdictError
from simulator.anomalies.types import Anomaly, Dependency, DependencyKind, Verdict
from simulator.anomalies.versions import Observations
from simulator.history import History

#: Longer cycles, and more of them, are beyond what a person would look at.
MAX_LENGTH = 6
MAX_CYCLES = 200
#: Ways to choose the edges of one cycle that are compared.
MAX_CHOICES = 512

_SEVERITY = {phenomenon.name: place for place, phenomenon in enumerate(PHENOMENA)}


def check(history: History) -> Verdict:
    """The verdict on what was observed; `no_verdict` says why where there is none."""
    try:
        return judge(observe(history))
    except NoVerdictError as reason:
        return Verdict(no_verdict=str(reason))


def judge(observations: Observations) -> Verdict:
    """The verdict on observations that are complete."""
    found = dependencies(observations)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(observations.committed)
    graph.add_edges_from((edge.source, edge.target, {"edge": edge}) for edge in found)
    if nx.is_directed_acyclic_graph(graph):
        rank = {name: place for place, name in enumerate(observations.committed)}
        order = tuple(nx.lexicographical_topological_sort(graph, key=rank.__getitem__))
        return Verdict(found, _dirty_reads(observations), order)
    anomalies = [*_dirty_reads(observations), *_named(graph, observations, found)]
    return Verdict(found, tuple(sorted(anomalies, key=lambda anomaly: _SEVERITY[anomaly.name])))


def _dirty_reads(observations: Observations) -> tuple[Anomaly, ...]:
    return ()


def _named(graph: nx.MultiDiGraph, observations: Observations, found: Iterable[Dependency]) -> Iterator[Anomaly]:
    """Each rw edge is explained once, by the worst and shortest cycle that it is part of."""
    writers = observations.writers
    saw = {
        (edge.source, edge.target, edge.evidence.item, edge.evidence.target_step)
        for edge in found
        if edge.kind is DependencyKind.WR
    }
    cycles = [
        Cycle(edges, writers, observations.places, saw)
        for nodes in islice(nx.simple_cycles(nx.DiGraph(graph), length_bound=MAX_LENGTH), MAX_CYCLES)
        for edges in _choices(graph, nodes)
    ]
    explained: set[Dependency] = set()
    reported: set[tuple[str, frozenset[str]]] = set()
    for cycle in sorted(cycles, key=lambda cycle: _rank(cycle, observations)):
        name = classify(cycle).name
        group = (name, frozenset(edge.source for edge in cycle.edges))
        if cycle.rw and explained.issuperset(cycle.rw):
            continue
        explained.update(cycle.rw)
        if group in reported:
            continue
        reported.add(group)
        yield Anomaly(name, cycle.edges, _closing_step(cycle, observations))


def _choices(graph: nx.MultiDiGraph, nodes: list[str]) -> Iterator[tuple[Dependency, ...]]:
    """The ways to go around through these transactions, rotated so that the first to commit stands first."""
    steps = zip(nodes, [*nodes[1:], nodes[0]], strict=True)
    parallel = [[data["edge"] for data in graph.get_edge_data(*pair).values()] for pair in steps]
    yield from islice(product(*parallel), MAX_CHOICES)


def _rank(cycle: Cycle, observations: Observations) -> tuple[int, int, int, int]:
    """Worst first, then shortest, then the one that closed earliest."""
    return (min(len(cycle.rw), 2), len(cycle.edges), _SEVERITY[classify(cycle).name], _closed_at(cycle, observations))


def _places(cycle: Cycle, observations: Observations) -> Iterator[tuple[int, str]]:
    for edge in cycle.edges:
        for transaction, step in ((edge.source, edge.evidence.source_step), (edge.target, edge.evidence.target_step)):
            if step is not None and (transaction, step) in observations.places:
                yield observations.places[transaction, step], step


def _closed_at(cycle: Cycle, observations: Observations) -> int:
    return max((place for place, _ in _places(cycle, observations)), default=0)


def _closing_step(cycle: Cycle, observations: Observations) -> str | None:
    return max(_places(cycle, observations), default=(0, None))[1]
