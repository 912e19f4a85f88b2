"""The privileged side's look into the heap pages of a run's plain tables: bytes, and never a visitor's code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from simulator.engines.postgres.connection import ServerConnection
from simulator.engines.postgres.heap import (
    MULTI_MODES,
    MULTI_UPDATES,
    XMAX_INVALID,
    XMIN_FROZEN,
    XMIN_INVALID,
    lock_mode,
    only_locks,
    read_value,
)
from simulator.engines.postgres.statements import array
from simulator.engines.postgres.wire import result_set
from simulator.history.observed import RowLock, SeenVersion
from simulator.history.schedule import ForeignKey, TableRules
from simulator.history.words import WriterStatus
from simulator.model import Row, Scalar

#: Pages of a table that are looked at; lab tables have one.
MAX_PAGES = 8

#: (name or None where it was dropped, type) of each column as it lies in the heap
HeapColumns = tuple[tuple[str | None, int], ...]


class HeapTable(NamedTuple):
    """How to read one table's tuples."""

    name: str
    columns: tuple[str, ...]
    key_columns: tuple[str, ...]
    heap: HeapColumns
    rules: TableRules = TableRules()


def heap_table(row: Row) -> HeapTable:
    """From a row of `sql/tables.sql`."""
    name, *lists = row
    columns, key, heap, unique, foreign, hidden = (json.loads(str(each or "[]")) for each in lists)
    types = tuple((column, int(oid)) for column, oid in heap)
    references = tuple(ForeignKey(tuple(own), parent, tuple(theirs)) for own, parent, theirs in foreign)
    rules = TableRules(tuple(map(tuple, unique)), references, tuple(hidden))
    return HeapTable(str(name), tuple(columns), tuple(key), types, rules)


def heap_versions(
    control: ServerConnection, schema: str, tables: Sequence[HeapTable], deadline: float
) -> Mapping[str, tuple[SeenVersion, ...]]:
    """Every version in the first pages of these tables, in the order of their places. Raises EngineError."""
    values = [schema.encode(), array(table.name for table in tables), str(MAX_PAGES).encode()]
    found = result_set(control.ask("heap_versions", values, deadline))
    layouts = {table.name: table for table in tables}
    versions: dict[str, list[SeenVersion]] = {table.name: [] for table in tables}
    for name, *row in found.rows:
        versions[str(name)].append(_version(row, layouts[str(name)]))
    return {name: tuple(each) for name, each in versions.items()}


def _version(row: Sequence[Scalar], table: HeapTable) -> SeenVersion:
    page, place, xmin, xmax, infomask, infomask2, attributes, xmin_status, xmax_status, members = row
    values = _values(json.loads(str(attributes)), table)
    mask = int(str(infomask))
    end = _xmax(int(str(xmax)), mask, int(str(infomask2)), xmax_status, members)
    status = _xmin_status(mask, xmin_status)
    return SeenVersion(
        ctid=f"({page},{place})",
        key=tuple(values[column] for column in table.key_columns),
        values=tuple(values[column] for column in table.columns),
        xmin=int(str(xmin)),
        xmax=int(str(xmax)),
        xmin_status=status,
        xmax_status=end.status,
        visible=status == WriterStatus.COMMITTED and not (end.replaced_by and end.status == WriterStatus.COMMITTED),
        replaced_by=end.replaced_by,
        # Its own writer's lock on a new version says nothing: nobody else sees that version.
        row_locks=tuple(lock for lock in end.row_locks if lock.xid != int(str(xmin))),
    )


def _values(attributes: list[str | None], table: HeapTable) -> dict[str, Scalar]:
    """By column; one that was added after the tuple had been written is NULL."""
    padded = attributes + [None] * (len(table.heap) - len(attributes))
    return {
        name: read_value(attribute, oid)
        for (name, oid), attribute in zip(table.heap, padded, strict=False)
        if name is not None
    }


def _xmin_status(infomask: int, status: Scalar) -> WriterStatus:
    if infomask & XMIN_FROZEN == XMIN_FROZEN:
        return WriterStatus.COMMITTED
    return WriterStatus.ABORTED if infomask & XMIN_FROZEN == XMIN_INVALID else _told(status)


def _told(status: object) -> WriterStatus:
    return WriterStatus(str(status)) if status else WriterStatus.UNKNOWN


class _End(NamedTuple):
    """What xmax says: `replaced_by` 0 where nobody replaced or deleted the row; `status` that of who did, or locks."""

    replaced_by: int
    status: WriterStatus
    row_locks: tuple[RowLock, ...]


def _xmax(xmax: int, infomask: int, infomask2: int, status: Scalar, members: Scalar) -> _End:
    if xmax == 0 or infomask & XMAX_INVALID:
        return _End(0, _told(status), ())
    if members is not None:
        return _multi(json.loads(str(members)))
    held = (RowLock(xmax, lock_mode(infomask, infomask2)),) if status == WriterStatus.IN_PROGRESS else ()
    return _End(0 if only_locks(infomask) else xmax, _told(status), held)


def _multi(members: list[list[Any]]) -> _End:
    going = ((int(xid), mode) for xid, mode, status in members if status == WriterStatus.IN_PROGRESS)
    held = tuple(RowLock(xid, MULTI_MODES[mode]) for xid, mode in going)
    updates = [(int(xid), status) for xid, mode, status in members if mode in MULTI_UPDATES]
    if updates:
        return _End(updates[0][0], _told(updates[0][1]), held)
    return _End(0, WriterStatus.IN_PROGRESS if held else WriterStatus.COMMITTED, held)
