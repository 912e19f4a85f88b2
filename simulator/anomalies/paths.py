"""Shortest paths in a part of a graph of dependencies, its components, and an order of its nodes.

Nodes are numbers; `successors` gives for each node its targets, with the kinds of the dependency as a number (bits).
Components and orders are rustworkx's work. The search is here: it must be able to end early.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import rustworkx as rx

Successors = Mapping[int, Mapping[int, int]]

#: Paths whose existence is asked for in one go: bits of a number that is kept for each node.
_AT_ONCE = 1024


def strong_components(successors: Successors) -> list[set[int]]:
    """Strongly connected components of two nodes or more, by their first nodes."""
    graph, nodes = _library_graph(successors)
    found = [{nodes[number] for number in members} for members in rx.strongly_connected_components(graph)]
    return sorted((members for members in found if len(members) > 1), key=min)


def topological_order(successors: Successors, nodes: Iterable[int]) -> list[int]:
    """The nodes, each before its targets, small numbers as early as that allows. Raises ValueError for a cycle."""
    graph, _ = _library_graph({node: successors.get(node, {}) for node in nodes})
    try:
        # It sorts texts; padded, numbers sort like themselves.
        return list(rx.lexicographical_topological_sort(graph, key=lambda node: f"{node:012}"))
    except rx.DAGHasCycle as error:
        raise ValueError("a cycle has no topological order") from error


def having_paths(
    successors: Successors, order: Sequence[int], wanted: Iterable[tuple[int, Sequence[int]]]
) -> Iterator[tuple[int, Sequence[int]]]:
    """Of these goals with their starts those that have a path, from any of the starts. `order` is a topological one.

    Many are followed at once, each as one bit of a number: their time is that of the stretch of the order between them.
    """
    places = {node: place for place, node in enumerate(order)}
    sorted_by_start = sorted(wanted, key=lambda one: min(places[start] for start in one[1]))
    for first in range(0, len(sorted_by_start), _AT_ONCE):
        some = sorted_by_start[first : first + _AT_ONCE]
        bits: dict[int, int] = {}
        for number, (_, starts) in enumerate(some):
            for start in starts:
                bits[start] = bits.get(start, 0) | 1 << number
        begin, end = min(places[start] for start in bits), max(places[goal] for goal, _ in some)
        for node in order[begin : end + 1]:
            if arrived := bits.get(node):
                for target in successors.get(node, ()):
                    bits[target] = bits.get(target, 0) | arrived
        yield from (one for number, one in enumerate(some) if bits.get(one[0], 0) >> number & 1)


def within(successors: Successors, members: Collection[int], allowed: int) -> dict[int, dict[int, int]]:
    """Edges of allowed kinds from members to members."""
    inside: dict[int, dict[int, int]] = {}
    for source in members:
        targets = {
            target: kinds & allowed
            for target, kinds in successors.get(source, {}).items()
            if kinds & allowed and target in members
        }
        if targets:
            inside[source] = targets
    return inside


def size(successors: Successors) -> int:
    """How many edges there are (several kinds from one node to another are one)."""
    return sum(map(len, successors.values()))


def _library_graph(successors: Successors) -> tuple[rx.PyDiGraph[int, None], list[int]]:
    """For rustworkx, which numbers nodes itself; the list gives ours back."""
    graph: rx.PyDiGraph[int, None] = rx.PyDiGraph()
    nodes = list(dict.fromkeys(node for source, targets in successors.items() for node in (source, *targets)))
    numbers = dict(zip(nodes, graph.add_nodes_from(nodes), strict=True))
    graph.add_edges_from_no_data(
        [(numbers[source], numbers[target]) for source, targets in successors.items() for target in targets]
    )
    return graph, nodes


@dataclass(slots=True)
class Search:
    """Shortest paths in one graph. A hub is passed through: it is no node of a path and takes no step."""

    successors: Successors
    hubs: Collection[int] = frozenset()
    #: where edges lead to later places only: a path keeps between the places of its ends
    places: Mapping[int, int] | None = None
    #: edges that were looked at so far
    effort: int = 0
    _predecessors: dict[int, dict[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for source, targets in self.successors.items():
            for target, kinds in targets.items():
                self._predecessors.setdefault(target, {})[source] = kinds

    def path(self, starts: Sequence[int], goal: int, most: int | None = None) -> list[int]:
        """Nodes of a shortest path from any of the starts to the goal, of at most `most` edges; empty where none is.

        Both ends are searched from, a step each time from the one that has fewer nodes to go on from.
        """
        if goal in starts:
            return [goal]
        ahead = _Front(self.successors, self.hubs, dict.fromkeys(starts, goal))
        behind = _Front(self._predecessors, self.hubs, {goal: goal})
        window = self._window(starts, goal)
        steps = len(self.successors) if most is None else most
        while steps > 0 and ahead.edge and behind.edge:
            steps -= 1
            near, far = (ahead, behind) if len(ahead.edge) <= len(behind.edge) else (behind, ahead)
            met = near.step(far.reached, window)
            if met is not None:
                self.effort += ahead.effort + behind.effort
                return [*reversed(ahead.way(met, frozenset(starts))), *behind.way(met, {goal})[1:]]
        self.effort += ahead.effort + behind.effort
        return []

    def _window(self, starts: Sequence[int], goal: int) -> _Window | None:
        if self.places is None:
            return None
        return _Window(self.places, min(self.places[start] for start in starts), self.places[goal])


@dataclass(frozen=True, slots=True)
class _Window:
    places: Mapping[int, int]
    first: int
    last: int


@dataclass(slots=True)
class _Front:
    """What a breadth-first search from one end has reached: node -> the node that it was reached from."""

    neighbours: Successors
    hubs: Collection[int]
    reached: dict[int, int]
    edge: list[int] = field(default_factory=list)
    effort: int = 0
    _passed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.edge = list(self.reached)

    def step(self, others: Mapping[int, int], window: _Window | None) -> int | None:
        """Go one edge further; the node where that meets the others, if it does."""
        grown: list[int] = []
        for node in self.edge:
            for neighbour in self._from(node):
                self.effort += 1
                if neighbour in self.reached:
                    continue
                if window is not None and not window.first <= window.places[neighbour] <= window.last:
                    continue
                self.reached[neighbour] = node
                if neighbour in others:
                    return neighbour
                grown.append(neighbour)
        self.edge = grown
        return None

    def way(self, node: int, ends: Collection[int]) -> list[int]:
        """From this node back to the end that was searched from."""
        nodes = [node]
        while nodes[-1] not in ends:
            nodes.append(self.reached[nodes[-1]])
        return nodes

    def _from(self, node: int) -> Iterator[int]:
        for neighbour in self.neighbours.get(node, ()):
            if neighbour not in self.hubs:
                yield neighbour
            elif neighbour not in self._passed:
                self._passed.add(neighbour)
                yield from self.neighbours.get(neighbour, ())
