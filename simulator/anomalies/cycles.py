"""Cycles in a graph of dependencies: components first, in each the worst class that it holds, of that the shortest one.

Elle's way (Kingsbury, Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", VLDB 2020): a class
restricts the kinds of the edges, so its cycles are those of the subgraph that has only these. A cycle may have any
length, and where a component holds a class, a cycle of that class is found.

Nodes are numbers, best in an order near that of the commits: a cycle has an edge that leads back, few edges then do,
and it is enough to search from those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from simulator.anomalies.paths import (
    Search,
    Successors,
    having_paths,
    size,
    strong_components,
    topological_order,
    within,
)

#: Edges that the search for a class's shortest cycle may look at, for each edge of the component. After that the
#: shortest that was found is told, which is of its class all the same.
EFFORT = 40


class Kinds(IntFlag):
    """What leads from one node to another, several at once. A graph holds them as plain numbers: it is large."""

    WW = 1
    WR = 2
    #: rw, on an item and on a predicate
    RW = 4
    PREDICATE_RW = 8
    #: from a hub to its targets: of the kind of the edge that leads to the hub
    THROUGH = 16


# An operation on members of an enumeration costs many times one on numbers.
_WW = int(Kinds.WW)
_WR = int(Kinds.WR)
_FLOW = int(Kinds.WW | Kinds.WR)
_ITEM_RW = int(Kinds.RW)
_RW = int(Kinds.RW | Kinds.PREDICATE_RW)
_ANY = _FLOW | _RW
_EVERYTHING = _ANY | int(Kinds.THROUGH)


class CycleClass(IntEnum):
    """Worst first: a cycle is of the first class whose restriction it meets."""

    #: ww edges only
    G0 = 0
    #: no rw edge
    G1C = 1
    #: exactly one rw edge
    G_SINGLE = 2
    #: rw edges, none of which follows another
    G_NONADJACENT = 3
    #: any
    G2 = 4


@dataclass(frozen=True, slots=True)
class Graph:
    """`successors`: node -> target -> Kinds as a number. No node leads to itself.

    A hub stands for the edges from each of some sources to each of some targets, of which there can be very many:
    source -> hub is rw, hub -> target is THROUGH. No source of a hub is one of its targets.
    """

    successors: Successors
    hubs: Collection[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Circle:
    """One cycle: its nodes, all different and no hubs. `kinds[i]` are those that lead from `nodes[i]` to the next (at
    last to the first) and are of the class; whichever is told of each, it stays a cycle of that class."""

    cycle_class: CycleClass
    nodes: tuple[int, ...]
    kinds: tuple[int, ...]


def worst_circles(graph: Graph) -> Iterator[Circle]:
    """For each component with a cycle: of the worst class that it holds, the shortest."""
    for component in _components(graph):
        yield from _worst(component)


def all_circles(graph: Graph, most: int) -> Iterator[Circle]:
    """For each kind of each edge in a cycle: of the worst class of cycles that begin with it, the shortest.

    A component with more than `most` edges gives its worst cycle alone. There are no hubs.
    """
    for component in _components(graph):
        yield from _through_each(component) if size(component.successors) <= most else _worst(component)


def _components(graph: Graph) -> Iterator[Graph]:
    for members in strong_components(graph.successors):
        yield Graph(within(graph.successors, members, _EVERYTHING), graph.hubs)


def _worst(component: Graph) -> tuple[Circle, ...]:
    """The one cycle, or none where a component's only cycles are no cycles of nodes but of hubs."""
    return _closed(component, CycleClass.G0, _WW) or _closed(component, CycleClass.G1C, _FLOW) or _with_rw(component)


def _closed(component: Graph, cycle_class: CycleClass, allowed: int) -> tuple[Circle, ...]:
    """The shortest cycle of edges of these kinds, none of which is rw."""
    successors = component.successors
    shortest = _Shortest(EFFORT * size(successors))
    for members in strong_components(within(successors, successors, allowed)):
        search = Search(within(successors, members, allowed))
        back = [(source, target) for source in members for target in search.successors[source] if target < source]
        for source, target in sorted(back, key=lambda edge: edge[0] - edge[1]):
            shortest.look(search, source, (target,))
    return _circles(component, cycle_class, shortest.nodes, allowed, allowed)


def _with_rw(component: Graph) -> tuple[Circle, ...]:
    """The same in a component whose cycles all have rw edges.

    Without those it has an order, and each cycle an rw edge that leads back in that order.
    """
    successors = component.successors
    flow = within(successors, successors, _FLOW)
    order = topological_order(flow, successors)
    places = {node: place for place, node in enumerate(order)}
    back = _leading_back(component, places)
    search = Search(flow, places=places)
    shortest = _Shortest(EFFORT * size(successors))
    for source, targets in sorted(having_paths(flow, order, back), key=lambda edge: _stretch(edge, places)):
        shortest.look(search, source, targets)
    return (
        _circles(component, CycleClass.G_SINGLE, shortest.nodes, _RW, _FLOW)
        or _nonadjacent(component, back)
        or _any(component, back)
    )


def _leading_back(component: Graph, places: Mapping[int, int]) -> list[tuple[int, tuple[int, ...]]]:
    """rw edges that lead back, as a source and its targets (several behind a hub), the least far back first."""
    back: list[tuple[int, tuple[int, ...]]] = []
    for source, heads in component.successors.items():
        for head, kinds in heads.items():
            if not kinds & _RW:
                continue
            behind = component.successors.get(head, {}) if head in component.hubs else (head,)
            targets = tuple(target for target in behind if places[target] < places[source])
            if targets:
                back.append((source, targets))
    return sorted(back, key=lambda edge: _stretch(edge, places))


def _stretch(edge: tuple[int, Sequence[int]], places: Mapping[int, int]) -> int:
    """How far the edge leads back, to the nearest target."""
    source, targets = edge
    return places[source] - max(places[target] for target in targets)


def _nonadjacent(component: Graph, back: list[tuple[int, tuple[int, ...]]]) -> tuple[Circle, ...]:
    """The same among cycles in which no rw edge follows another, in a component where none has fewer than two."""
    doubled = _doubled(component)
    shortest = _Shortest(EFFORT * size(doubled.successors))
    for members in strong_components(doubled.successors):
        search = Search(within(doubled.successors, members, _EVERYTHING), doubled.hubs)
        for source, targets in back:
            entered = tuple(_by_rw(target) for target in targets if _by_rw(target) in members)
            if entered and _by_flow(source) in members:
                shortest.look(search, _by_flow(source), entered)
    return _of_doubled(component, _simple(shortest.nodes))


def _any(component: Graph, back: list[tuple[int, tuple[int, ...]]]) -> tuple[Circle, ...]:
    shortest = _Shortest(EFFORT * size(component.successors))
    search = Search(component.successors, component.hubs)
    for source, targets in back:
        shortest.look(search, source, targets)
    return _circles(component, CycleClass.G2, shortest.nodes, _ANY, _ANY)


def _through_each(component: Graph) -> Iterator[Circle]:
    successors = component.successors
    ww, flow, items, everything = (
        Search(within(successors, successors, kinds)) for kinds in (_WW, _FLOW, _FLOW | _ITEM_RW, _ANY)
    )
    apart = Search(_doubled(component).successors)
    for source, targets in successors.items():
        for target, kinds in targets.items():
            if kinds & _WW:
                yield from _begun_with(component, CycleClass.G0, ww.path((target,), source), _WW, _WW)
            if kinds & _WR:
                yield from _begun_with(component, CycleClass.G1C, flow.path((target,), source), _WR, _FLOW)
            if not kinds & _RW:
                continue
            if single := flow.path((target,), source):
                yield from _begun_with(component, CycleClass.G_SINGLE, single, _RW, _FLOW)
                continue
            walk = apart.path((_by_rw(target),), _by_flow(source))
            if walk and _simple(walk) == walk:
                yield from _of_doubled(component, [walk[-1], *walk[:-1]])
                continue
            if kinds & _ITEM_RW:
                without = items.path((target,), source)
                yield from _begun_with(component, CycleClass.G2, without, _ITEM_RW, _FLOW | _ITEM_RW)
            yield from _begun_with(component, CycleClass.G2, everything.path((target,), source), _RW, _ANY)


def _begun_with(
    component: Graph, cycle_class: CycleClass, path: Sequence[int], first: int, others: int
) -> tuple[Circle, ...]:
    """The cycle of the edge from the path's last node to its first one, and the path."""
    return _circles(component, cycle_class, [*path[-1:], *path[:-1]], first, others)


def _circles(
    component: Graph, cycle_class: CycleClass, nodes: Sequence[int], first: int, others: int
) -> tuple[Circle, ...]:
    """The cycle of these nodes, whose first edge is of one and whose others are of other kinds; none of none."""
    if not nodes:
        return ()
    allowed = (first, *(others,) * (len(nodes) - 1))
    hops = zip(nodes, (*nodes[1:], nodes[0]), allowed, strict=True)
    return (Circle(cycle_class, tuple(nodes), tuple(_kinds(component, *hop) for hop in hops)),)


def _kinds(component: Graph, source: int, target: int, allowed: int) -> int:
    """Those that lead from the source to the target, directly and through hubs."""
    heads = component.successors[source]
    kinds = heads.get(target, 0)
    for head in component.hubs and heads:
        if head in component.hubs and target in component.successors.get(head, ()):
            kinds |= heads[head]
    return kinds & allowed


# Each node twice, once as entered by an rw edge and once by another: a path of these never goes by two rw edges on end.


def _by_flow(node: int) -> int:
    return 2 * node


def _by_rw(node: int) -> int:
    return 2 * node + 1


def _doubled(component: Graph) -> Graph:
    doubled: dict[int, dict[int, int]] = {}
    for source, targets in component.successors.items():
        plain: dict[int, int] = {}
        entered: dict[int, int] = {}
        for target, kinds in targets.items():
            if source in component.hubs:
                entered[_by_rw(target)] = kinds
                continue
            if kinds & _FLOW:
                plain[_by_flow(target)] = entered[_by_flow(target)] = kinds & _FLOW
            if kinds & _RW:
                plain[_by_rw(target)] = kinds & _RW
        doubled |= {_by_flow(source): plain, _by_rw(source): entered}
    return Graph(doubled, frozenset(map(_by_rw, component.hubs)))


def _simple(walk: list[int]) -> list[int]:
    """Of a closed walk without two rw edges on end a part that goes to no node twice, and is as closed and as apart.

    Where it is at a node twice it falls into two closed walks. If in both that node had an rw edge before and one after
    it, each of the walk's two ways through the node would have two on end.
    """
    seen: dict[int, int] = {}
    for place, node in enumerate(walk):
        before = seen.setdefault(node // 2, place)
        if before < place:
            inner = [node, *walk[before + 1 : place]]
            outer = [*walk[: before + 1], *walk[place + 1 :]]
            return _simple(outer if node % 2 and inner[1] % 2 else inner)
    return walk


def _of_doubled(component: Graph, walk: Sequence[int]) -> tuple[Circle, ...]:
    """The cycle of a closed walk, told from its first rw edge."""
    if not walk:
        return ()
    last = next((place for place, node in enumerate(walk) if walk[(place + 1) % len(walk)] % 2), 0)
    walk = [*walk[last:], *walk[:last]]
    nodes = [node // 2 for node in walk]
    following = [*walk[1:], walk[0]]
    kinds = tuple(
        _kinds(component, source, target // 2, _RW if target % 2 else _FLOW)
        for source, target in zip(nodes, following, strict=True)
    )
    return (Circle(CycleClass.G_NONADJACENT, tuple(nodes), kinds),)


@dataclass(slots=True)
class _Shortest:
    """The shortest cycle so far, as nodes in their order."""

    effort: int
    nodes: list[int] = field(default_factory=list)

    def look(self, search: Search, source: int, targets: Sequence[int]) -> None:
        """Whether an edge from the source to one of the targets closes a shorter one."""
        if self.nodes and (len(self.nodes) == 2 or search.effort > self.effort):
            return
        path = search.path(targets, source, len(self.nodes) - 2 if self.nodes else None)
        if path:
            self.nodes = [source, *path[:-1]]
