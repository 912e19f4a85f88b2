"""Versions of rows, the reads that saw them, and what they add up to: the observations that a verdict is made from.

The words are Adya's (thesis, 1999, chapter 4): an item has a version order; a transaction installs one version of an
item when it commits; a predicate read selects a version of every row of a table, whether it matches or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from simulator.model import Row, Scalar

#: The setup, as the pseudo transaction that wrote every initial version. It is never part of a cycle.
SETUP = "T0"


@dataclass(frozen=True, slots=True)
class Item:
    """One row, by its primary key."""

    table: str
    key: Row

    def __str__(self) -> str:
        return " ".join(filter(None, (self.table, ", ".join(map(str, self.key)))))


@dataclass(frozen=True, slots=True)
class Version:
    """What one transaction left of one row: `values` by `columns`, or None where the row does not exist."""

    item: Item
    writer: str
    columns: tuple[str, ...] = ()
    values: Row | None = ()
    #: step keys of the writer's first and last statement that wrote the row, where known
    first_step: str | None = None
    last_step: str | None = None
    #: False for a version that its own writer overwrote before it committed
    final: bool = True

    @property
    def exists(self) -> bool:
        return self.values is not None

    def value(self, column: str) -> Scalar:
        """The column's value; None where the row does not exist."""
        return None if self.values is None else dict(zip(self.columns, self.values, strict=True)).get(column)


@dataclass(frozen=True, slots=True)
class Read:
    """A transaction saw this version of a row."""

    transaction: str
    step: str
    version: Version
    #: columns that it asked for; empty means the whole row
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A version that made its row match a predicate (`entered`), or cease to."""

    before: Version
    after: Version
    entered: bool


@dataclass(frozen=True, slots=True)
class PredicateRead:
    """A transaction asked which rows match. Changes of rows that it read one by one are left out."""

    transaction: str
    #: "" where the server asked by itself, in a statement that is not known
    step: str
    #: in words: `doctors WHERE on_call`
    predicate: str
    #: for each row, the latest change by another transaction that the read saw
    seen: tuple[Change, ...] = ()
    #: changes by other transactions that the read did not see
    missed: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Observations:
    """Everything that a verdict rests on."""

    #: committed transactions in the order of their commits
    committed: tuple[str, ...]
    #: for each item its committed versions in their order, the initial one first
    versions: Mapping[Item, tuple[Version, ...]] = field(default_factory=lambda: MappingProxyType({}))
    reads: tuple[Read, ...] = ()
    predicate_reads: tuple[PredicateRead, ...] = ()
    #: (transaction, step key) -> place in the history's order
    places: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def writers(self) -> frozenset[str]:
        """Committed transactions that wrote anything."""
        return frozenset(version.writer for order in self.versions.values() for version in order)
