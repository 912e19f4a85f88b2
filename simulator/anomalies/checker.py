"""The verdict on a history: its dependency graph, the cycles in it, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, pairwise, product
from math import inf
from operator import itemgetter

import networkx as nx

from simulator.anomalies.anomalies import PHENOMENA, Cycle, classify
from simulator.anomalies.dependencies import dependencies, dirty_reads
from simulator.anomalies.observations import observe
from simulator.anomalies.states import NoVerdictError
from simulator.anomalies.types import Anomaly, Dependency, DependencyKind, Verdict
from simulator.anomalies.versions import Observations
from simulator.history import History

#: Longer cycles, and more of them, are beyond what a person would look at.
MAX_LENGTH = 6
MAX_CYCLES = 200
#: Ways to choose the edges of one cycle, and of all of them, that are compared.
MAX_CHOICES = 512
MAX_WAYS = 4096

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
    between: dict[tuple[str, str], list[Dependency]] = {}
    for edge in found:
        between.setdefault((edge.source, edge.target), []).append(edge)
    graph = nx.DiGraph(list(between))
    graph.add_nodes_from(observations.committed)
    dirty = tuple(_dirty_reads(observations))
    place = {name: place for place, name in enumerate(observations.committed)}
    try:
        order = tuple(nx.lexicographical_topological_sort(graph, key=place.__getitem__))
    except nx.NetworkXUnfeasible:
        named = _named(islice(_cycles(graph, between, observations), MAX_WAYS), observations)
        worst_first = sorted((*dirty, *named), key=lambda anomaly: _SEVERITY[anomaly.name])
        return Verdict(found, tuple(worst_first))
    return Verdict(found, dirty, None if dirty else order)


def _dirty_reads(observations: Observations) -> Iterator[Anomaly]:
    reported = set()
    for name, edge in dirty_reads(observations):
        if (name, edge.source, edge.target) not in reported:
            reported.add((name, edge.source, edge.target))
            yield Anomaly(name, (edge,), edge.evidence.target_step)


def _cycles(
    graph: nx.DiGraph, between: Mapping[tuple[str, str], list[Dependency]], observations: Observations
) -> Iterator[Cycle]:
    """Every way around every elementary cycle, the shortest first."""
    writers = observations.writers
    saw = {
        (edge.source, edge.target, edge.evidence.item, edge.evidence.target_step)
        for edges in between.values()
        for edge in edges
        if edge.kind is DependencyKind.WR
    }
    for nodes in sorted(islice(nx.simple_cycles(graph, length_bound=MAX_LENGTH), MAX_CYCLES), key=len):
        parallel = [between[pair] for pair in pairwise((*nodes, nodes[0]))]
        for edges in islice(product(*parallel), MAX_CHOICES):
            yield Cycle(edges, writers, observations.places, saw)


def _named(cycles: Iterable[Cycle], observations: Observations) -> Iterator[Anomaly]:
    """Each rw edge is explained once, by the worst and shortest cycle that it is part of."""
    explained: set[Dependency] = set()
    reported: set[tuple[str, frozenset[str]]] = set()
    for _, name, cycle in sorted((_rank(cycle, observations) for cycle in cycles), key=itemgetter(0)):
        group = (name, frozenset(edge.source for edge in cycle.edges))
        if cycle.rw and explained.issuperset(cycle.rw):
            continue
        explained.update(cycle.rw)
        if group not in reported:
            reported.add(group)
            yield Anomaly(name, _rotated(cycle, observations), _closing_step(cycle, observations))


def _rank(cycle: Cycle, observations: Observations) -> tuple[tuple[int, ...], str, Cycle]:
    """Worst first, then shortest, then the one that closed earliest; with the cycle's name."""
    name = classify(cycle).name
    return (min(len(cycle.rw), 2), len(cycle.edges), _SEVERITY[name], _closed_at(cycle, observations)), name, cycle


def _rotated(cycle: Cycle, observations: Observations) -> tuple[Dependency, ...]:
    """Told from the first read that was overtaken."""

    def order(place: int) -> tuple[bool, float]:
        edge = cycle.edges[place]
        step = edge.evidence.source_step or ""
        return edge.kind is not DependencyKind.RW, observations.places.get((edge.source, step), inf)

    start = min(range(len(cycle.edges)), key=order)
    return cycle.edges[start:] + cycle.edges[:start]


def _places(cycle: Cycle, observations: Observations) -> Iterator[tuple[int, str]]:
    for edge in cycle.edges:
        for transaction, step in ((edge.source, edge.evidence.source_step), (edge.target, edge.evidence.target_step)):
            if step is not None and (transaction, step) in observations.places:
                yield observations.places[transaction, step], step


def _closed_at(cycle: Cycle, observations: Observations) -> int:
    return max((place for place, _ in _places(cycle, observations)), default=0)


def _closing_step(cycle: Cycle, observations: Observations) -> str | None:
    return max(_places(cycle, observations), default=(0, None))[1]
