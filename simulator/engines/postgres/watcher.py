"""One look at a room between two steps: two round trips of the observer, beside the second one the inspector's.

The locks come first: a table that somebody holds or wants for himself alone is not looked at, because a look would have
to wait in the queue that it came to show.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from psycopg import pq, sql

from simulator.engines.postgres.connection import Refused, ServerConnection
from simulator.engines.postgres.heap import is_unread
from simulator.engines.postgres.inspector import HeapTable, heap_versions
from simulator.engines.postgres.statements import array, compose, pids
from simulator.engines.postgres.wire import MAX_VALUE, result_set
from simulator.errors import NotObservedError
from simulator.history.observed import Lock, SeenVersion, SessionSeen, TableVersions, Unseen, Watched
from simulator.history.words import BackendState, WriterStatus
from simulator.model import Row, Scalar

#: Versions of a table that are kept in a history; those that somebody touched come first.
MAX_VERSIONS = 60

#: Rows of a table that are asked for.
MAX_ROWS = 500


class Watcher:
    """Looks at one room on behalf of the panel: rows by the reader, locks and pages by the privileged side.

    Without `with_dead` only the versions that a new statement sees are found.
    """

    def __init__(
        self,
        read: Callable[[bytes], list[pq.abc.PGresult]],
        control: ServerConnection,
        schema: str,
        tables: tuple[HeapTable, ...],
        with_dead: bool,
    ) -> None:
        self._read = read
        self._control = control
        self._schema = schema
        self._tables = tables
        self._with_dead = with_dead
        #: values as the server printed them, by (table, ctid, xmin): what a dead version was while it was visible
        self._printed: dict[tuple[str, str, int], Row] = {}

    def look(self, backends: Mapping[int, str], deadline: float) -> Watched:
        """Sessions by process id -> what there is to see. Raises EngineError where a connection broke."""
        sessions, locks = self.held(backends, deadline)
        closed = _closed(locks)
        free = tuple(table for table in self._tables if table.name not in closed)
        unseen = tuple(Unseen(table.name, closed[table.name]) for table in self._tables if table.name in closed)
        try:
            tables = self._versions(free, deadline) if free else ()
        except (Refused, NotObservedError) as error:
            return Watched(sessions, locks, (), (*unseen, *(Unseen(each.name, reason=str(error)) for each in free)))
        return Watched(sessions, locks, tables, unseen, with_dead=self._with_dead)

    def held(self, backends: Mapping[int, str], deadline: float) -> tuple[tuple[SessionSeen, ...], tuple[Lock, ...]]:
        """Sessions by process id -> what they do, and which locks they hold or want. Raises EngineError."""
        found = result_set(self._control.ask("sessions_seen", [array(backends), self._schema.encode()], deadline))
        rows = {int(str(row[0])): row for row in found.rows}
        sessions = tuple(_session(rows[pid], backends) for pid in backends if pid in rows)
        return sessions, _locks({pid: json.loads(str(row[-1] or "[]")) for pid, row in rows.items()}, backends)

    def _versions(self, tables: tuple[HeapTable, ...], deadline: float) -> tuple[TableVersions, ...]:
        names = tuple((table.name, table.columns) for table in tables)
        results = self._read(visible_sql(self._schema, names))
        dead = heap_versions(self._control, self._schema, tables, deadline) if self._with_dead else {}
        visible = [result_set(result, MAX_VALUE).rows for result in results[2:-1]]
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
    return SeenVersion(ctid, _key(table, row), row, int(str(xmin)), int(str(xmax)), xmin_status=WriterStatus.COMMITTED)


def _key(table: HeapTable, values: Row) -> Row:
    return tuple(values[table.columns.index(column)] for column in table.key_columns)


def _place(ctid: str) -> tuple[int, ...]:
    return tuple(map(int, ctid.strip("()").split(",")))


def visible_sql(schema: str, tables: tuple[tuple[str, tuple[str, ...]], ...]) -> bytes:
    """One transaction: a SELECT of the versions that a new statement sees, for each (table, columns)."""
    parts = [b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", b"SET LOCAL lock_timeout = '100ms'"]
    parts += [
        compose(
            "SELECT {columns} FROM {table} LIMIT {limit}",
            columns=sql.SQL(", ").join(map(sql.Identifier, ("ctid", "xmin", "xmax", *columns))),
            table=sql.Identifier(schema, name),
            limit=sql.Literal(MAX_ROWS + 1),
        )
        for name, columns in tables
    ]
    return b";\n".join([*parts, b"COMMIT"])


def _session(row: Row, backends: Mapping[int, str]) -> SessionSeen:
    pid, state, xid, xmin, blockers, _ = row
    return SessionSeen(
        session=backends[int(str(pid))],
        backend=int(str(pid)),
        state=BackendState.told(str(state or "")),
        xid=None if xid is None else int(xid),
        snapshot_xmin=None if xmin is None else int(xmin),
        blockers=tuple(dict.fromkeys(backends[each] for each in pids(blockers) if each in backends)),
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
