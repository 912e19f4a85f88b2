"""One look at a room between two steps: two round trips of the observer, beside the second one the inspector's.

The locks come first: a table that somebody holds or wants for himself alone is not looked at, because a look would have
to wait in the queue that it came to show.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from psycopg import pq, sql

from simulator.engines.heap import is_unread
from simulator.engines.inspector import HeapTable, Inspector
from simulator.engines.statements import compose, execute, execute_prepared, prepare, statement
from simulator.errors import EngineError
from simulator.history import Row
from simulator.model import Scalar
from simulator.seen import COMMITTED, Lock, SeenVersion, SessionSeen, TableVersions, Unseen, Watched
from simulator.wire import result_set

#: Versions of a table that are kept in a history; those that somebody touched come first.
MAX_VERSIONS = 60

#: Rows of a table that are asked for.
MAX_ROWS = 500

#: (table, columns, primary key) of each table
Layout = tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]


class Watcher:
    """Looks at one room on behalf of the panel. `observer` is the room's own connection, its schema first in its path.

    Without an inspector only the versions that a new statement sees are found.
    """

    def __init__(self, observer: pq.abc.PGconn, schema: str, layout: Layout, inspector: Inspector | None) -> None:
        self._observer = observer
        self._schema = schema
        self._layout = layout
        self._inspector = inspector
        #: values as the server printed them, by (table, ctid, xmin): what a dead version was while it was visible
        self._printed: dict[tuple[str, str, int], Row] = {}
        prepare(observer, b"sessions_seen", statement("sessions_seen"))
        # The plan does not depend on which processes they are, and to make it takes longer than to run it.
        setting = b"SET plan_cache_mode = force_generic_plan;"
        found = result_set(execute(observer, setting + statement("table_types"))[1])
        heaps = {str(name): tuple((column, int(oid)) for column, oid in json.loads(str(c))) for name, c in found.rows}
        self._tables = tuple(HeapTable(name, columns, key, heaps.get(name, ())) for name, columns, key in layout)

    def look(self, backends: Mapping[int, str]) -> Watched:
        """Sessions by process id -> what there is to see. Raises EngineError where the observer's connection broke."""
        pids = "{" + ",".join(map(str, backends)) + "}"
        found = result_set(execute_prepared(self._observer, b"sessions_seen", [pids.encode()]))
        rows = {int(str(row[0])): row for row in found.rows}
        sessions = tuple(_session(rows[pid], backends) for pid in backends if pid in rows)
        locks = _locks({pid: json.loads(str(row[-1] or "[]")) for pid, row in rows.items()}, backends)
        closed = _closed(locks)
        free = tuple(table for table in self._tables if table.name not in closed)
        unseen = tuple(Unseen(table.name, closed[table.name]) for table in self._tables if table.name in closed)
        try:
            tables = self._versions(free) if free else ()
        except EngineError as error:
            execute(self._observer, b"ROLLBACK")
            return Watched(sessions, locks, (), (*unseen, *(Unseen(each.name, reason=str(error)) for each in free)))
        return Watched(sessions, locks, tables, unseen, with_dead=self._inspector is not None)

    def _versions(self, tables: tuple[HeapTable, ...]) -> tuple[TableVersions, ...]:
        self._observer.send_query(_visible_sql(tuple((table.name, table.columns) for table in tables)))
        try:
            # Meanwhile, on the other connection: the pages as they are.
            dead = self._inspector.versions(self._schema, tables) if self._inspector is not None else {}
        finally:
            results = _all_results(self._observer)
        visible = [result_set(result).rows for result in results[2:-1]]
        return tuple(
            self._merged(table, rows, dead.get(table.name, ())) for table, rows in zip(tables, visible, strict=True)
        )

    def _merged(self, table: HeapTable, rows: Sequence[Row], heap: Sequence[SeenVersion]) -> TableVersions:
        """What the server printed is right; the pages add what it does not show."""
        printed = {str(ctid): _printed(table, str(ctid), xmin, xmax, values) for ctid, xmin, xmax, *values in rows}
        self._printed.update(((table.name, each.ctid, each.xmin), each.values) for each in printed.values())
        found = [self._known(table, version, printed) for version in heap] or list(printed.values())
        oldest = min((version.xmin for version in found), default=0)
        found.sort(key=lambda version: (version.xmin == oldest and not version.xmax, _place(version.ctid)))
        kept = sorted(found[:MAX_VERSIONS], key=lambda version: _place(version.ctid))
        return TableVersions(
            table.name,
            table.columns,
            table.key_columns,
            tuple(kept),
            truncated=len(found) > MAX_VERSIONS or len(rows) > MAX_ROWS,
        )

    def _known(self, table: HeapTable, version: SeenVersion, printed: Mapping[str, SeenVersion]) -> SeenVersion:
        visible = printed.get(version.ctid)
        values = self._printed.get((table.name, version.ctid, version.xmin))
        if values is None and not any(map(is_unread, version.values)):
            values = version.values
        values = values or version.values
        return replace(version, values=values, key=_key(table, values), visible=visible is not None)


def _printed(table: HeapTable, ctid: str, xmin: Scalar, xmax: Scalar, values: list[Scalar]) -> SeenVersion:
    row = tuple(values)
    return SeenVersion(ctid, _key(table, row), row, int(str(xmin)), int(str(xmax)), xmin_status=COMMITTED)


def _key(table: HeapTable, values: Row) -> Row:
    return tuple(values[table.columns.index(column)] for column in table.key_columns)


def _place(ctid: str) -> tuple[int, ...]:
    return tuple(map(int, ctid.strip("()").split(",")))


@lru_cache(maxsize=256)
def _visible_sql(tables: tuple[tuple[str, tuple[str, ...]], ...]) -> bytes:
    parts = [b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", b"SET LOCAL lock_timeout = '100ms'"]
    parts += [
        compose(
            "SELECT ctid, xmin, xmax, {columns} FROM {table} LIMIT {limit}",
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            table=sql.Identifier(name),
            limit=sql.Literal(MAX_ROWS + 1),
        )
        for name, columns in tables
    ]
    return b";\n".join([*parts, b"COMMIT"])


def _session(row: Row, backends: Mapping[int, str]) -> SessionSeen:
    pid, state, xid, xmin, blockers, _ = row
    waits_for = (int(each) for each in str(blockers or "{}").strip("{}").split(",") if each)
    return SessionSeen(
        session=backends[int(str(pid))],
        backend=int(str(pid)),
        state=str(state or ""),
        xid=None if xid is None else int(xid),
        snapshot_xmin=None if xmin is None else int(xmin),
        blockers=tuple(dict.fromkeys(backends[each] for each in waits_for if each in backends)),
    )


class _Ids(NamedTuple):
    """Who holds which transaction id, and which virtual one."""

    real: Mapping[str, str]
    virtual: Mapping[str, str]


def _locks(found: Mapping[int, list[dict[str, Any]]], backends: Mapping[int, str]) -> tuple[Lock, ...]:
    """In the order of the sessions; what is waited for comes last."""
    rows = [(backends[pid], row) for pid, rows in found.items() for row in rows]
    held = [(name, row) for name, row in rows if row["granted"] and row["mode"] == "ExclusiveLock"]
    ids = _Ids(
        {row["transactionid"]: name for name, row in held if row["locktype"] == "transactionid"},
        {row["virtualxid"]: name for name, row in held if row["locktype"] == "virtualxid"},
    )
    order = {name: place for place, name in enumerate(backends.values())}
    locks = (_lock(name, row, ids) for name, row in rows)
    return tuple(
        sorted(locks, key=lambda lock: (order[lock.session], not lock.granted, lock.locktype, lock.relation or ""))
    )


def _lock(session: str, row: dict[str, Any], ids: _Ids) -> Lock:
    named, table, _ = row.pop("named"), row.pop("of_table"), row.pop("of_run")
    xid = row["transactionid"]
    return Lock(
        session=session,
        locktype=row["locktype"],
        mode=row["mode"],
        granted=row["granted"],
        relation=named,
        table=table,
        page=row["page"],
        place=row["tuple"],
        xid=None if xid is None else int(xid),
        owner=ids.real.get(xid) or ids.virtual.get(row["virtualxid"]),
        raw=tuple((name, value) for name, value in row.items() if value is not None),
    )


def _closed(locks: Collection[Lock]) -> dict[str, tuple[str, ...]]:
    """Tables that a reader would have to wait for, and who is in its way."""
    found: dict[str, dict[str, None]] = {}
    for lock in locks:
        if lock.mode == "AccessExclusiveLock" and lock.locktype == "relation" and lock.relation is not None:
            found.setdefault(lock.relation, {})[lock.session] = None
    return {table: tuple(names) for table, names in found.items()}


def _all_results(connection: pq.abc.PGconn) -> list[pq.abc.PGresult]:
    found = list(_results(connection))
    for result in found:
        if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
            raise EngineError(" ".join(result.get_error_message().split()))
    return found


def _results(connection: pq.abc.PGconn) -> Iterator[pq.abc.PGresult]:
    while (result := connection.get_result()) is not None:
        yield result
