"""Rows as a session sees them, cell by cell beside the committed ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from simulator.history.observed import SeenVersion
from simulator.history.schedule import TableState
from simulator.model import Row, Scalar
from simulator.state.snapshots import OpenTransaction, Writers


class Difference(StrEnum):
    """How a row that a session sees differs from the committed one."""

    SAME = "same"
    CHANGED = "changed"
    #: the session sees a row that is not committed, or no longer
    ONLY_HERE = "only here"
    #: the committed row is not visible to the session; its values are those that are committed
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Cell:
    """One value; `changed` where the committed state has another."""

    value: Scalar
    changed: bool = False
    committed: Scalar = None


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One row as a session sees it; `writer`: the transaction that wrote this version (`T0` is the setup)."""

    key: Row
    cells: tuple[Cell, ...]
    difference: Difference
    writer: str | None


@dataclass(frozen=True, slots=True)
class TableView:
    """One table, rows in the order of their keys. In the committed state every row is the `SAME`."""

    table: str
    columns: tuple[str, ...]
    key_columns: tuple[str, ...]
    rows: tuple[ViewRow, ...]
    truncated: bool = False

    @property
    def differs(self) -> bool:
        return any(row.difference is not Difference.SAME for row in self.rows)


@dataclass(frozen=True, slots=True)
class KnownRow:
    """A row before it is compared; `xmin` tells its version from others."""

    key: Row
    values: Row
    xmin: int
    writer: str | None


@dataclass(frozen=True, slots=True)
class OwnVersion:
    """A version and what the session's open transaction did with it."""

    version: SeenVersion
    made: bool
    ended: bool


def known(state: TableState, writers: Writers) -> tuple[KnownRow, ...]:
    """The rows of an observed state with their writers; without a primary key the whole row stands for it."""
    return tuple(KnownRow(row.key or row.values, row.values, row.xmin, writers.name(row.xmin)) for row in state.rows)


def with_own(
    rows: Sequence[KnownRow], own: Iterable[OwnVersion], transaction: OpenTransaction | None, state: TableState
) -> tuple[KnownRow, ...]:
    """What a snapshot shows, and over it what the transaction has made, replaced and deleted itself."""
    if transaction is None:
        return tuple(rows)
    versions = tuple(own)
    gone = {(_identity(each.version), each.version.xmin) for each in versions if each.ended}
    made = [
        KnownRow(_identity(each.version), each.version.values, each.version.xmin, transaction.name)
        for each in versions
        if each.made and not each.ended and len(each.version.values) == len(state.columns)
    ]
    return (*(row for row in rows if (row.key, row.xmin) not in gone), *made)


def compared(state: TableState, rows: Sequence[KnownRow], committed: Sequence[KnownRow]) -> TableView:
    """`rows` beside the committed ones, in the order of their keys; `state` gives the table's columns.

    A snapshot may show a key twice: the old row, and the session's own after another had deleted the old one.
    """
    here: dict[Row, list[KnownRow]] = {}
    for row in rows:
        here.setdefault(row.key, []).append(row)
    there = {row.key: row for row in committed}
    keys = sorted(here.keys() | there.keys(), key=_sortable)
    found = tuple(each for key in keys for each in _rows(here.get(key, []), there.get(key)))
    return TableView(state.table, state.columns, state.key_columns, found, state.truncated)


def _rows(here: Sequence[KnownRow], there: KnownRow | None) -> Iterator[ViewRow]:
    """The rows of one key; the committed one stands beside its own version, else beside the last."""
    same = next((row for row in here if there is not None and row.xmin == there.xmin), here[-1] if here else None)
    yield from (_row(row, None) for row in here if row is not same)
    yield _row(same, there)


def _row(here: KnownRow | None, there: KnownRow | None) -> ViewRow:
    if here is None or there is None:
        row = here or there
        if row is None:
            raise ValueError("a key without a row")
        difference = Difference.ONLY_HERE if there is None else Difference.MISSING
        return ViewRow(row.key, tuple(map(Cell, row.values)), difference, row.writer)
    cells = tuple(Cell(value, value != other, other) for value, other in zip(here.values, there.values, strict=True))
    changed = any(cell.changed for cell in cells)
    return ViewRow(here.key, cells, Difference.CHANGED if changed else Difference.SAME, here.writer)


def _identity(version: SeenVersion) -> Row:
    return version.key or version.values


def _sortable(key: Row) -> tuple[tuple[bool, float, str], ...]:
    """Numbers by value and before everything else, which is in the order of its text."""
    return tuple(
        (False, float(value), "") if isinstance(value, int | float) else (True, 0.0, str(value)) for value in key
    )
