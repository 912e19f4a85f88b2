"""A superuser's look into the heap pages of a run's tables, and nothing else: no visitor's SQL ever comes here."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import psycopg

from simulator.engines.heap import (
    MULTI_MODES,
    MULTI_UPDATES,
    XMAX_INVALID,
    XMIN_FROZEN,
    XMIN_INVALID,
    lock_mode,
    only_locks,
    read_value,
)
from simulator.engines.statements import execute, execute_prepared, prepare, statement
from simulator.errors import EngineError
from simulator.model import Scalar
from simulator.seen import ABORTED, COMMITTED, IN_PROGRESS, UNKNOWN, RowLock, SeenVersion
from simulator.wire import result_set

#: Pages of a table that are looked at; lab tables have one.
MAX_PAGES = 8

#: A run's exclusive lock must not stop the look for long; no name may come from a run's schema; planning takes longer
#: than looking.
_SETTINGS = b"""
SET lock_timeout = '100ms'; SET statement_timeout = '2s'; SET search_path = pg_catalog;
SET plan_cache_mode = force_generic_plan
"""

#: (name or None where it was dropped, type) of each column as it lies in the heap
HeapColumns = tuple[tuple[str | None, int], ...]


class HeapTable(NamedTuple):
    """How to read one table's tuples."""

    name: str
    columns: tuple[str, ...]
    key_columns: tuple[str, ...]
    heap: HeapColumns


class Inspector:
    """One connection for all runs of the process; it connects when it is first asked, and again when it broke."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None

    def versions(self, schema: str, tables: Sequence[HeapTable]) -> Mapping[str, tuple[SeenVersion, ...]]:
        """Every version in the first pages of these tables, in the order of their places. Raises EngineError."""
        values = [schema.encode(), _array([table.name for table in tables]), str(MAX_PAGES).encode()]
        with self._lock:
            try:
                found = result_set(execute_prepared(self._connected().pgconn, b"heap_versions", [*values]))
            except (EngineError, psycopg.Error) as error:
                self._disconnect()
                raise EngineError(" ".join(str(error).split())) from None
        layouts = {table.name: table for table in tables}
        versions: dict[str, list[SeenVersion]] = {table.name: [] for table in tables}
        for name, *row in found.rows:
            versions[str(name)].append(_version(row, layouts[str(name)]))
        return {name: tuple(each) for name, each in versions.items()}

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._conninfo, autocommit=True, application_name="txscope inspector")
            execute(self._connection.pgconn, _SETTINGS)
            prepare(self._connection.pgconn, b"heap_versions", statement("heap_versions"))
        return self._connection

    def _disconnect(self) -> None:
        with suppress(psycopg.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None


def _array(names: Sequence[str]) -> bytes:
    quoted = ('"' + name.replace("\\", r"\\").replace('"', r"\"") + '"' for name in names)
    return ("{" + ",".join(quoted) + "}").encode()


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
        visible=status == COMMITTED and not (end.replaced_by and end.status == COMMITTED),
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


def _xmin_status(infomask: int, status: Scalar) -> str:
    if infomask & XMIN_FROZEN == XMIN_FROZEN:
        return COMMITTED
    return ABORTED if infomask & XMIN_FROZEN == XMIN_INVALID else str(status or UNKNOWN)


class _End(NamedTuple):
    """What xmax says: `replaced_by` 0 where nobody replaced or deleted the row; `status` that of who did, or locks."""

    replaced_by: int
    status: str
    row_locks: tuple[RowLock, ...]


def _xmax(xmax: int, infomask: int, infomask2: int, status: Scalar, members: Scalar) -> _End:
    if xmax == 0 or infomask & XMAX_INVALID:
        return _End(0, str(status or UNKNOWN), ())
    if members is not None:
        return _multi(json.loads(str(members)))
    held = (RowLock(xmax, lock_mode(infomask, infomask2)),) if status == IN_PROGRESS else ()
    return _End(0 if only_locks(infomask) else xmax, str(status or UNKNOWN), held)


def _multi(members: list[list[Any]]) -> _End:
    held = tuple(RowLock(int(xid), MULTI_MODES[mode]) for xid, mode, status in members if status == IN_PROGRESS)
    updates = [(int(xid), status) for xid, mode, status in members if mode in MULTI_UPDATES]
    if updates:
        return _End(updates[0][0], str(updates[0][1] or UNKNOWN), held)
    return _End(0, IN_PROGRESS if held else COMMITTED, held)
