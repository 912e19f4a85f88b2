"""Which of the parallel dependencies between two transactions a cycle is told by.

Two transactions often conflict on many rows at once, and the name that a cycle bears depends on which of these
dependencies it is made of. They are not tried in all combinations: for each name of the table (`phenomena`) there is a
preference that chooses, for each place in the cycle apart, what makes the name most likely to fit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import inf

from simulator.anomalies.types import Dependency, DependencyKind

Places = Mapping[tuple[str, str], int]
#: less is better
Preference = Callable[[Dependency], tuple[float, ...]]
Hop = Sequence[Dependency]


@dataclass(frozen=True)
class Parallels:
    """All dependencies by which one cycle of transactions could be told: for each of its hops at least one."""

    hops: tuple[Hop, ...]
    places: Places
    #: (writer, reader, row, step): the reader's step saw what the writer had written
    saw: Collection[tuple[str, str, str, str | None]]

    def tellings(self) -> Iterator[tuple[Dependency, ...]]:
        """Cycles, each of one dependency a hop: every rw dependency of the first hop begins some."""
        firsts = [edge for edge in self.hops[0] if edge.kind is DependencyKind.RW]
        begun = (telling for first in firsts for telling in self._begun_with(first))
        yield from dict.fromkeys(begun if firsts else chain.from_iterable(self._choices.values()))

    def _begun_with(self, first: Dependency) -> Iterator[tuple[Dependency, ...]]:
        for row in (None, first.evidence.subject):
            for chosen in self._choices.get(row, ()):
                yield first, *chosen[1:]

    @cached_property
    def _choices(self) -> Mapping[str | None, tuple[tuple[Dependency, ...], ...]]:
        """What each preference chooses: among all, and for each row that every hop is about among those on the row."""
        on_rows: list[dict[str, list[Dependency]]] = []
        for hop in self.hops:
            on_row: dict[str, list[Dependency]] = {}
            for edge in hop:
                on_row.setdefault(edge.evidence.subject, []).append(edge)
            on_rows.append(on_row)
        shared = set.intersection(*map(set, on_rows))
        groups: dict[str | None, list[Hop]] = {None: list(self.hops)}
        groups |= {row: [on_row[row] for on_row in on_rows] for row in on_rows[0] if row in shared}
        return {
            row: tuple(tuple(min(hop, key=preference) for hop in hops) for preference in self._preferences)
            for row, hops in groups.items()
        }

    @property
    def _preferences(self) -> tuple[Preference, ...]:
        return (
            self._closed,
            lambda edge: (edge.predicate, self._closed(edge)[0]),
            lambda edge: (edge.kind is not DependencyKind.WR, self._closed(edge)[0]),
            lambda edge: (edge.kind is not DependencyKind.WR, self._place(edge.target, edge.evidence.target_step)),
            lambda edge: (self._overwrites(edge), self._closed(edge)[0]),
        )

    def _closed(self, edge: Dependency) -> tuple[float, ...]:
        """When it was complete."""
        evidence = edge.evidence
        ends = ((edge.source, evidence.source_step), (edge.target, evidence.target_step))
        return (max(self._place(*end, unknown=-inf) for end in ends),)

    def _overwrites(self, edge: Dependency) -> int:
        """For a lost update: an overwriting without a look is best, and one after a look is worst."""
        if edge.kind is not DependencyKind.WW:
            return 1
        evidence = edge.evidence
        seen = (edge.source, edge.target, evidence.item, evidence.target_step) in self.saw
        return 2 if seen or evidence.created else 0

    def _place(self, transaction: str, step: str | None, unknown: float = inf) -> float:
        return unknown if step is None else self.places.get((transaction, step), unknown)
