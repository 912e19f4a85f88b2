"""One run's place on PostgreSQL: its schema, its sessions, and an observer with a connection of its own."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

import psycopg
from psycopg import pq, sql
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import PoolProxiedConnection

from simulator.engines.base import NO_SETTINGS, Block, Probes, SessionConnection, StateObservation
from simulator.engines.inspector import Inspector
from simulator.engines.statements import compose, drain, execute, execute_with, statement
from simulator.engines.watching import Watcher
from simulator.errors import EngineError, NotObservedError, RunError
from simulator.history import Answer, Matches, Row, RowVersion, TableState
from simulator.model import Isolation
from simulator.seen import Watched
from simulator.wire import WireSession, result_set

#: How long an answer is looked for before the thread sleeps until it comes, in seconds: most are there by then.
AWAKE = 0.0002

#: Rows of a table that are kept in a history; lab tables have a handful.
MAX_TABLE_ROWS = 500

#: Marks a pooled connection whose reset was sent.
_RESETTING = "txscope_resetting"

#: (table, columns, primary key) of each table
TableLayout = tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]

#: Layouts by the setup that made them: the same setup makes the same tables.
TableLayouts = dict[tuple[str, ...], TableLayout]


class PostgresRoom:
    """A `Room` on PostgreSQL. `leave` is called exactly once, by `close`."""

    def __init__(
        self,
        label: str,
        observer: PoolProxiedConnection,
        checkout: Callable[[], PoolProxiedConnection],
        leave: Callable[[], None],
        inspector: Inspector | None = None,
    ) -> None:
        self._label = label
        self._inspector = inspector
        self._watcher: Watcher | None = None
        self._checkout = checkout
        self._leave = leave
        self._observer = observer
        self._sessions: dict[str, tuple[WireSession, PoolProxiedConnection]] = {}
        self._tables: TableLayout = ()
        self._closed = False

    @classmethod
    def create(
        cls,
        label: str,
        setup: tuple[str, ...],
        checkout: Callable[[], PoolProxiedConnection],
        layouts: TableLayouts,
        leave: Callable[[], None],
        inspector: Inspector | None = None,
    ) -> PostgresRoom:
        """Make the schema and run the setup. Raises EngineError; then nothing is left and `leave` was not called."""
        room = cls(label, reset_checkout(checkout, b""), checkout, leave, inspector)
        try:
            room._run_setup(setup, layouts)
        except BaseException:
            room._leave = lambda: None
            room.close()
            raise
        return room

    xid_sql = "SELECT pg_current_xact_id_if_assigned()"

    @property
    def label(self) -> str:
        return self._label

    def open(self, name: str, settings: Mapping[str, str] = NO_SETTINGS) -> WireSession:
        """Open one session in this schema. Raises EngineError."""
        place = compose(
            "SET search_path = {schema}; SET application_name = {name}",
            schema=sql.Identifier(self._label),
            name=sql.Literal(f"{self._label}:{name}"),
        )
        own = b"".join(
            compose(";SET {setting} = {value}", setting=sql.Identifier(setting), value=sql.Literal(value))
            for setting, value in settings.items()
        )
        connection = reset_checkout(self._checkout, place + own)
        session = WireSession(name, pgconn_of(connection))
        self._sessions[name] = (session, connection)
        return session

    def begin_sql(self, isolation: Isolation) -> str:
        return f"BEGIN ISOLATION LEVEL {isolation.value}"

    def wait(self, sessions: Sequence[SessionConnection], seconds: float) -> None:
        waiting = [self._sessions[session.name][0] for session in sessions]
        until = time.perf_counter() + min(seconds, AWAKE)
        while time.perf_counter() < until:
            if select.select(waiting, (), (), 0)[0]:
                return
        if seconds > AWAKE:
            # select and not poll: poll counts in whole milliseconds.
            select.select(waiting, (), (), seconds - AWAKE)

    def blocks(self, sessions: Collection[SessionConnection]) -> Mapping[str, Block]:
        """For each of these sessions that waits for a lock: why. Raises EngineError."""
        names = {session.backend: name for name, (session, _) in self._sessions.items()}
        waiting = self._of_backends("blockers", [session.backend for session in sessions])
        if not waiting:
            return {}
        found = self._of_backends("blocks", [int(str(row[0])) for row in waiting])
        return {names[int(str(row[0]))]: block for row in found if (block := _block(row, names)) is not None}

    def _of_backends(self, name: str, backends: list[int]) -> tuple[Row, ...]:
        array = "{" + ",".join(map(str, backends)) + "}"
        return result_set(execute_with(pgconn_of(self._observer), statement(name), [array.encode()])).rows

    def observe(self, probes: Probes) -> StateObservation:
        """Every table, every probe, in one snapshot and one round trip. Raises NotObservedError, EngineError."""
        results = iter(self._query(_observation_sql(self._tables, probes))[2:-1])
        tables = tuple(_table_state(table, columns, key, next(results)) for table, columns, key in self._tables)
        matches = tuple(
            Matches(table, condition, result_set(next(results)).rows) for table, condition in probes.conditions
        )
        answers = tuple(Answer(text, result_set(next(results)).rows) for text in probes.selects)
        return StateObservation(tables, matches, answers)

    def watch(self) -> Watched:
        """Sessions, locks and row versions. Raises EngineError."""
        try:
            if self._watcher is None:
                self._watcher = Watcher(pgconn_of(self._observer), self._label, self._tables, self._inspector)
            return self._watcher.look({session.backend: name for name, (session, _) in self._sessions.items()})
        except psycopg.Error as error:
            raise EngineError(" ".join(str(error).split())) from None

    def match(
        self, states: Sequence[Sequence[TableState]], conditions: Sequence[tuple[str, str]]
    ) -> tuple[tuple[Matches, ...], ...]:
        """Conditions that became known during the run, on the recorded rows of earlier states, by the server itself."""
        queries = [_recorded_sql(state, *condition) for state in states for condition in conditions]
        results = iter(self._query(b";\n".join([b"BEGIN READ ONLY", *queries, b"COMMIT"]))[1:-1])
        return tuple(
            tuple(Matches(table, condition, result_set(next(results)).rows) for table, condition in conditions)
            for _ in states
        )

    def ask(self, query: str) -> tuple[Row, ...]:
        results = self._query(b"BEGIN READ ONLY;" + query.encode() + b";COMMIT")
        return result_set(results[1]).rows

    def _query(self, query: bytes) -> list[pq.abc.PGresult]:
        """The observer's question, as a transaction of its own that a failure does not leave open."""
        pgconn = pgconn_of(self._observer)
        try:
            return execute(pgconn, query)
        except EngineError as error:
            if pgconn.transaction_status != pq.TransactionStatus.INERROR:
                raise
            execute(pgconn, b"ROLLBACK")
            raise NotObservedError(str(error)) from None

    def close(self) -> None:
        """Cancel, roll back, give the connections back, drop the schema. Never raises; may be called twice."""
        if self._closed:
            return
        self._closed = True
        try:
            for session, connection in self._sessions.values():
                _release(session, connection)
            self._drop()
        finally:
            self._leave()

    def _run_setup(self, setup: tuple[str, ...], layouts: TableLayouts) -> None:
        create = compose("CREATE SCHEMA {schema}; SET search_path = {schema};", schema=sql.Identifier(self._label))
        execute(pgconn_of(self._observer), create + "\n;".join(setup).encode())
        if setup not in layouts:
            found = result_set(execute(pgconn_of(self._observer), statement("tables"))[0])
            layouts[setup] = tuple(
                (str(name), tuple(json.loads(str(columns))), tuple(json.loads(str(key))))
                for name, columns, key in found.rows
            )
        self._tables = layouts[setup]

    def _drop(self) -> None:
        drop = compose("ROLLBACK; DROP SCHEMA IF EXISTS {schema} CASCADE", schema=sql.Identifier(self._label))
        for _ in range(2):
            try:
                execute(pgconn_of(self._observer), drop)
            except (EngineError, psycopg.Error):
                # The observer's connection is gone or broken: once more on a new one.
                _invalidate(self._observer)
                with suppress(EngineError):
                    self._observer = reset_checkout(self._checkout, b"")
            else:
                break
        _give_back(self._observer)


def pgconn_of(connection: PoolProxiedConnection) -> pq.abc.PGconn:
    driver: psycopg.Connection | None = connection.driver_connection
    if driver is None:
        raise EngineError("The connection is gone.")
    return driver.pgconn


def reset_checkout(checkout: Callable[[], PoolProxiedConnection], settings: bytes) -> PoolProxiedConnection:
    """A pool connection in a known state. One that died in the pool is replaced."""
    while True:
        connection = checkout()
        pgconn = pgconn_of(connection)
        used = connection.info.pop(_RESETTING, False)
        pgconn.notice_handler = None
        try:
            if used:
                drain(pgconn)
            if settings:
                execute(pgconn, settings)
        except EngineError:
            connection.invalidate()
            connection.close()
            if not used:
                raise EngineError("The database refused a new connection.") from None
        else:
            return connection


def _give_back(connection: PoolProxiedConnection) -> None:
    """To the pool, as new: the reset is sent here and its answer read by the next user, who need not wait for it."""
    try:
        pgconn_of(connection).send_query(statement("reset"))
        connection.info[_RESETTING] = True
    except (EngineError, psycopg.Error):
        _invalidate(connection)
    with suppress(SQLAlchemyError):
        connection.close()


def _invalidate(connection: PoolProxiedConnection) -> None:
    # SQLAlchemy warns where it was done before.
    if connection.is_valid:
        connection.invalidate()


def _release(session: WireSession, connection: PoolProxiedConnection) -> None:
    """Give a session's connection back idle, or close it where that is not possible."""
    try:
        if session.busy:
            session.cancel()
            session.finish()
        if session.in_transaction:
            session.send("ROLLBACK", {})
            session.finish()
    except (RunError, psycopg.Error):
        connection.invalidate()
    _give_back(connection)


def _block(row: Row, names: Mapping[int, str]) -> Block | None:
    _, blockers, snapshot_blockers, locktype, mode, target, since = row
    locks = _pids(blockers)
    pids = locks or _pids(snapshot_blockers)
    if not pids:
        return None
    ours = tuple(dict.fromkeys(names[pid] for pid in pids if pid in names))
    lock = f"{locktype} {target} ({mode})" if locktype else "a safe snapshot"
    return Block(
        ours, lock, foreign=any(pid not in names for pid in pids), deadlock_checked=bool(locks), since=str(since)
    )


def _pids(value: object) -> list[int]:
    return [int(pid) for pid in str(value).strip("{}").split(",") if pid]


@lru_cache(maxsize=512)
def _observation_sql(tables: TableLayout, probes: Probes) -> bytes:
    layout = {table: (columns, key) for table, columns, key in tables}
    # A session may hold a table against every reader: better no observation than a run that hangs.
    parts = [b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", b"SET LOCAL lock_timeout = '100ms'"]
    parts += [_table_sql(table, columns, key) for table, columns, key in tables]
    for table, condition in probes.conditions:
        columns, key = layout.get(table, ((), ()))
        parts.append(_matches_sql(table, condition, key or columns))
    parts += [text.encode() for text in probes.selects]
    return b";\n".join([*parts, b"COMMIT"])


def _table_sql(table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> bytes:
    return compose(
        "SELECT xmin, {columns} FROM {table} ORDER BY {key} LIMIT {limit}",
        columns=_names(columns),
        table=sql.Identifier(table),
        key=_names(key or columns),
        limit=sql.Literal(MAX_TABLE_ROWS + 1),
    )


def _matches_sql(table: str, condition: str, key: tuple[str, ...]) -> bytes:
    select_keys = compose(
        "SELECT {key} FROM {table}", key=_names(key) if key else sql.SQL(""), table=sql.Identifier(table)
    )
    where = f" WHERE {condition}".encode() if condition else b""
    return select_keys + where + compose(" ORDER BY {key}", key=_names(key)) if key else select_keys + where


def _recorded_sql(state: Sequence[TableState], table: str, condition: str) -> bytes:
    recorded = next((known for known in state if known.table == table), None)
    if recorded is None:
        raise EngineError(f"There is no table {table}.")
    rows = json.dumps([dict(zip(recorded.columns, row.values, strict=True)) for row in recorded.rows])
    keys = compose(
        "SELECT {key} FROM json_populate_recordset(NULL::{table}, {rows}) AS {table} WHERE ",
        key=_names(recorded.key_columns or recorded.columns),
        table=sql.Identifier(table),
        rows=sql.Literal(rows),
    )
    return keys + (condition or "true").encode()


def _names(columns: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _table_state(table: str, columns: tuple[str, ...], key: tuple[str, ...], result: pq.abc.PGresult) -> TableState:
    found = result_set(result)
    places = [columns.index(name) for name in key]
    rows = tuple(
        RowVersion(tuple(values[place] for place in places), int(str(xmin)), tuple(values))
        for xmin, *values in found.rows[:MAX_TABLE_ROWS]
    )
    return TableState(table, columns, key, rows, truncated=len(found.rows) > MAX_TABLE_ROWS)
