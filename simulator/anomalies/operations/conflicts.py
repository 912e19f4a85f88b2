"""Conflicts between transactions, of which lists and registers tell different ones, and the graph that they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from simulator.anomalies.cycles import Graph, Kinds
from simulator.anomalies.operations.types import Data, Name, Transaction
from simulator.anomalies.types import DependencyKind

#: A product up to this is made of single edges; beyond it is a hub.
_FEW = 64


@dataclass(frozen=True, slots=True)
class Conflict:
    """`source` must come before `target` (numbers of transactions), because of what they did with `key`.

    ww: the target appended `after` when the source had appended `before`. wr: the target read the source's `after`. rw:
    the source read a state that ended with `before` (None: nothing yet), and the target's `after` was not in it.
    """

    source: int
    target: int
    kind: DependencyKind
    key: Name
    before: Name | None = None
    after: Name | None = None


@dataclass(frozen=True, slots=True)
class Overtaken:
    """rw conflicts: each reader of one state of `key` with each writer of what was to come. Nobody with himself."""

    key: Name
    #: the state ended with this; None: nothing yet
    before: Name | None
    readers: frozenset[int]
    #: writer -> what he wrote
    writers: Mapping[int, Name]

    def between(self, reader: int, writer: int) -> Conflict:
        """The one of these two."""
        return Conflict(reader, writer, DependencyKind.RW, self.key, self.before, self.writers[writer])


@dataclass(frozen=True, slots=True)
class Finding:
    """An anomaly that is no cycle, seen once; what it holds is for its sentence."""

    name: str
    #: role -> number of the transaction: `reader`, `writer`, `second`
    transactions: Mapping[str, int]
    values: Mapping[str, Name]


class Evidence(Protocol):
    """What all transactions of a history say together.

    Transactions are numbers, in the order in which they were added. What is asked for is found anew each time: a
    history is large.
    """

    data: Data

    def add(self, transaction: Transaction) -> None:
        """Before anything is asked. Raises HistoryError where it works on other data, or writes what was written."""

    @property
    def committed(self) -> frozenset[int]:
        """Those that completed, and those of unknown outcome whose writes were read."""

    @property
    def unread(self) -> int:
        """What committed transactions wrote and nobody has read."""

    def findings(self) -> Iterator[Finding]:
        """Anomalies that are no cycles."""

    def conflicts(self) -> Iterator[Conflict | Overtaken]:
        """Between committed transactions."""


def conflict_graph(found: Iterable[Conflict | Overtaken], nodes: int) -> Graph:
    """The graph of all conflicts; hubs are numbered from `nodes` on."""
    successors: dict[int, dict[int, int]] = {}
    hubs: set[int] = set()
    for conflict in found:
        if isinstance(conflict, Conflict):
            _add(successors, conflict.source, conflict.target, _KINDS[conflict.kind])
        elif len(conflict.readers) * len(conflict.writers) <= _FEW:
            for reader in conflict.readers:
                for writer in conflict.writers:
                    _add(successors, reader, writer, _KINDS[DependencyKind.RW])
        else:
            _add_many(successors, hubs, conflict, nodes + len(hubs))
    return Graph(successors, frozenset(hubs))


_KINDS = {kind: int(Kinds[kind.name]) for kind in DependencyKind}


def _add(successors: dict[int, dict[int, int]], source: int, target: int, kind: int) -> None:
    if source != target:
        targets = successors.setdefault(source, {})
        targets[target] = targets.get(target, 0) | kind


def _add_many(successors: dict[int, dict[int, int]], hubs: set[int], overtaken: Overtaken, hub: int) -> None:
    """By a hub, which must not lead back to its reader.

    Readers that wrote, too, are in a cycle as soon as there are two of them (a lost update), and in no worse one by
    edges to all the others: the first two lead to everybody, the rest to those two.
    """
    rw = _KINDS[DependencyKind.RW]
    writing = sorted(overtaken.readers & overtaken.writers.keys())
    for place, reader in enumerate(writing):
        for writer in overtaken.writers if place < 2 else writing[:2]:
            _add(successors, reader, writer, rw)
    reading = overtaken.readers - overtaken.writers.keys()
    if reading:
        hubs.add(hub)
        for reader in reading:
            _add(successors, reader, hub, rw)
        for writer in overtaken.writers:
            _add(successors, hub, writer, int(Kinds.THROUGH))
