"""The worst and shortest cycle of each component, against all cycles of small graphs one by one."""

from __future__ import annotations

import random
import time
from itertools import pairwise, product

import networkx as nx
import pytest

from simulator.anomalies.cycles import Circle, CycleClass, Graph, Kinds, all_circles, worst_circles

WW, WR, RW, ON_PREDICATE, THROUGH = (int(kind) for kind in Kinds)
Edges = set[tuple[int, int, int]]


def graph(edges: Edges, hubs: tuple[int, ...] = ()) -> Graph:
    successors: dict[int, dict[int, int]] = {}
    for source, target, kind in edges:
        targets = successors.setdefault(source, {})
        targets[target] = targets.get(target, 0) | kind
    return Graph(successors, frozenset(hubs))


def cycle_class(kinds: tuple[int, ...]) -> CycleClass:
    """By the letter of the definitions."""
    rw = [kind in (RW, ON_PREDICATE) for kind in kinds]
    if not any(rw):
        return CycleClass.G0 if set(kinds) == {WW} else CycleClass.G1C
    if sum(rw) == 1:
        return CycleClass.G_SINGLE
    adjacent = any(one and other for one, other in pairwise((*rw, rw[0])))
    return CycleClass.G2 if adjacent else CycleClass.G_NONADJACENT


def worst_by_enumeration(edges: Edges) -> list[tuple[CycleClass, int]]:
    whole = nx.DiGraph([edge[:2] for edge in edges])
    found = []
    for members in nx.strongly_connected_components(whole):
        ranks = [
            (cycle_class(kinds), len(nodes))
            for nodes in nx.simple_cycles(whole.subgraph(members))
            for kinds in product(*([k for s, t, k in edges if (s, t) == pair] for pair in pairwise((*nodes, nodes[0]))))
        ]
        found += [min(ranks)] if ranks else []
    return sorted(found)


def random_edges(randomness: random.Random) -> Edges:
    nodes = randomness.randint(2, 7)
    kinds = randomness.choice(
        [(WW, WR, RW), (RW,), (WR, RW), (WW, RW, RW), (WR, RW, RW, ON_PREDICATE), (WW, WR, RW, RW, RW)]
    )
    forward = randomness.random()
    edges = set()
    for _ in range(randomness.randint(1, 13)):
        source, target = randomness.sample(range(nodes), 2)
        kind = randomness.choice(kinds)
        if kind in (WW, WR) and randomness.random() < forward:
            source, target = sorted((source, target))
        edges.add((source, target, kind))
    return edges


def holds(circle: Circle, edges: Edges) -> bool:
    """It is a cycle of those edges, and of its class whichever kinds are told."""
    pairs = list(pairwise((*circle.nodes, circle.nodes[0])))
    there = all(
        kinds and all((*pair, kind) in edges for kind in Kinds if kinds & kind)
        for pair, kinds in zip(pairs, circle.kinds, strict=True)
    )
    return there and len(set(circle.nodes)) == len(circle.nodes)


def test_the_worst_and_shortest_cycle_of_each_component_is_found() -> None:
    randomness = random.Random(2020)
    seen = set()
    for _ in range(500):
        edges = random_edges(randomness)
        found = list(worst_circles(graph(edges)))
        ranks = sorted((circle.cycle_class, len(circle.nodes)) for circle in found)
        assert ranks == worst_by_enumeration(edges), edges
        assert all(holds(circle, edges) for circle in found), edges
        seen |= {found_class for found_class, _ in ranks}
    assert seen == set(CycleClass)


def test_every_edge_of_a_cycle_is_explained_by_one_that_begins_with_it() -> None:
    randomness = random.Random(7)
    for _ in range(300):
        edges = random_edges(randomness)
        circles = list(all_circles(graph(edges), 100))
        assert all(holds(circle, edges) for circle in circles), edges
        whole = nx.DiGraph([edge[:2] for edge in edges])
        for source, target, kind in edges:
            if kind in (RW, ON_PREDICATE) and nx.has_path(whole, target, source):
                assert any(circle.nodes[:2] == (source, target) and circle.kinds[0] & kind for circle in circles), edges


def test_a_hub_is_all_the_edges_that_it_stands_for() -> None:
    randomness = random.Random(11)
    for _ in range(300):
        edges = random_edges(randomness)
        nodes = range(7)
        members = randomness.sample(nodes, randomness.randint(2, 6))
        cut = randomness.randint(1, len(members) - 1)
        sources, targets = members[:cut], members[cut:]
        spread = edges | {(source, target, RW) for source in sources for target in targets}
        hub = 7
        hubbed = edges | {(source, hub, RW) for source in sources} | {(hub, target, THROUGH) for target in targets}
        found = list(worst_circles(graph(hubbed, (hub,))))
        assert sorted((c.cycle_class, len(c.nodes)) for c in found) == worst_by_enumeration(spread), (edges, members)
        assert all(holds(circle, spread) for circle in found), (edges, members)


def test_one_read_skew_is_found_in_a_sea_of_write_skews() -> None:
    """A hundred transactions long, with one rw edge, among thousands of cycles of two rw edges."""
    length, noise = 100, 1000
    edges = {(n, n + 1, WW) for n in range(length - 1)} | {(length - 1, 0, RW)}
    randomness = random.Random(3)
    for n in range(length, length + noise):
        other = randomness.randrange(n)
        edges |= {(n, other, RW), (other, n, RW)}
    (circle,) = worst_circles(graph(edges))
    assert (circle.cycle_class, len(circle.nodes)) == (CycleClass.G_SINGLE, length)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((WW,), CycleClass.G0),
        ((WW, WR), CycleClass.G1C),
        ((RW, WR), CycleClass.G_NONADJACENT),
        ((RW,), CycleClass.G2),
    ],
)
def test_a_ring_of_ten_thousand_is_one_cycle(kinds: tuple[int, ...], expected: CycleClass) -> None:
    length = 10_000
    edges = {(n, (n + 1) % length, kinds[n % len(kinds)]) for n in range(length)}
    started = time.thread_time()
    (circle,) = worst_circles(graph(edges))
    assert (circle.cycle_class, len(circle.nodes)) == (expected, length)
    assert time.thread_time() - started < 5
