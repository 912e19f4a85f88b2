"""The verdict on a history: its dependency graph, the cycles in it, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from operator import itemgetter

from simulator.anomalies.cycles import Circle, CycleClass, Graph, Kinds, all_circles
from simulator.anomalies.dependencies import dependencies, dirty_reads
from simulator.anomalies.parallel import Parallels
from simulator.anomalies.paths import Successors, topological_order
from simulator.anomalies.phenomena import PHENOMENA, Cycle, classify
from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.observations import observe
from simulator.anomalies.recover.session_order import in_session_order
from simulator.anomalies.types import Anomaly, Dependency, DependencyKind, Verdict
from simulator.anomalies.versions import Observations
from simulator.history.schedule import History

#: Pairs of transactions that depend on each other, in one tangle: with more, only its worst cycle is told.
MOST_EXPLAINED = 1_000

_SEVERITY = {phenomenon.name: place for place, phenomenon in enumerate(PHENOMENA)}


def check(history: History) -> Verdict:
    """The verdict on what was observed; `no_verdict` says why where there is none."""
    try:
        return in_session_order(judge(observe(history)), history)
    except NoVerdictError as reason:
        return Verdict(no_verdict=reason.text)


def judge(observations: Observations) -> Verdict:
    """The verdict on observations that are complete."""
    found = dependencies(observations)
    successors = _successors(found, observations.committed)
    dirty = tuple(_dirty_reads(observations))
    circles = tuple(all_circles(Graph(successors), MOST_EXPLAINED))
    if circles:
        named = _named(_ranked(circles, found, observations), observations)
        worst_first = sorted((*dirty, *named), key=lambda anomaly: _SEVERITY[anomaly.name])
        return Verdict(found, tuple(worst_first))
    return Verdict(found, dirty, None if dirty else _serial_order(successors, observations.committed))


def _successors(found: Iterable[Dependency], committed: Sequence[str]) -> Successors:
    """The graph, with transactions as numbers in the order of their commits."""
    number = {name: number for number, name in enumerate(committed)}
    successors: dict[int, dict[int, int]] = {}
    for edge in found:
        targets = successors.setdefault(number[edge.source], {})
        targets[number[edge.target]] = targets.get(number[edge.target], 0) | _kind(edge)
    return successors


def _kind(edge: Dependency) -> int:
    return Kinds.PREDICATE_RW if edge.predicate and edge.kind is DependencyKind.RW else Kinds[edge.kind.name]


def _serial_order(successors: Successors, committed: Sequence[str]) -> tuple[str, ...]:
    return tuple(committed[node] for node in topological_order(successors, range(len(committed))))


def _dirty_reads(observations: Observations) -> Iterator[Anomaly]:
    reported = set()
    for name, edge in dirty_reads(observations):
        if (name, edge.source, edge.target) not in reported:
            reported.add((name, edge.source, edge.target))
            yield Anomaly(name, (edge,), edge.evidence.target_step)


def _ranked(
    circles: Iterable[Circle], found: Iterable[Dependency], observations: Observations
) -> list[tuple[tuple[int, ...], str, Cycle]]:
    """Every way in which the cycles are told: its rank, its name, and the cycle; the worst first."""
    between: dict[tuple[str, str], list[Dependency]] = {}
    saw = set()
    for edge in found:
        between.setdefault((edge.source, edge.target), []).append(edge)
        if edge.kind is DependencyKind.WR:
            saw.add((edge.source, edge.target, edge.evidence.item, edge.evidence.target_step))
    writers = observations.writers
    ranked = []
    for circle in circles:
        parallels = Parallels(_hops(circle, between, observations.committed), observations.places, saw)
        for edges in parallels.tellings():
            cycle = Cycle(edges, writers, observations.places, saw)
            ranked.append(_rank(circle.cycle_class, cycle, observations))
    return sorted(ranked, key=itemgetter(0))


def _hops(
    circle: Circle, between: Mapping[tuple[str, str], Sequence[Dependency]], committed: Sequence[str]
) -> tuple[tuple[Dependency, ...], ...]:
    names = [committed[node] for node in circle.nodes]
    pairs = zip(names, (*names[1:], names[0]), circle.kinds, strict=True)
    return tuple(
        tuple(edge for edge in between[source, target] if _kind(edge) & kinds) for source, target, kinds in pairs
    )


def _named(ranked: Iterable[tuple[tuple[int, ...], str, Cycle]], observations: Observations) -> Iterator[Anomaly]:
    """Each rw edge is explained once, by the worst and shortest cycle that it is part of."""
    explained: set[Dependency] = set()
    reported: set[tuple[str, frozenset[str]]] = set()
    for _, name, cycle in ranked:
        group = (name, frozenset(edge.source for edge in cycle.edges))
        if cycle.rw and explained.issuperset(cycle.rw):
            continue
        explained.update(cycle.rw)
        if group not in reported:
            reported.add(group)
            yield Anomaly(name, _rotated(cycle, observations), _closing_step(cycle, observations))


def _rank(cycle_class: CycleClass, cycle: Cycle, observations: Observations) -> tuple[tuple[int, ...], str, Cycle]:
    """Worst first, then shortest, then the one that closed earliest; with the cycle's name."""
    name = classify(cycle).name
    return (cycle_class, len(cycle.edges), _SEVERITY[name], _closed_at(cycle, observations)), name, cycle


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
