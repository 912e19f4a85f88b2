"""One run's place on PostgreSQL: a tenant, its schema, its sessions, and two connections that are no session.

The *reader* logs in as the run's role: it runs the setup and reads rows, so whatever a visitor hid in a table (a
policy, a view, a function in an index) runs with the visitor's own rights. The tenant's *control* connection is the
privileged side: it makes and drops the schema, reads catalogues and heap pages, cancels, and touches nothing that runs
a visitor's code.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from psycopg import sql

from simulator.engines.base import (
    NO_SETTINGS,
    STOPPED,
    Ask,
    Block,
    Positions,
    Probes,
    Relation,
    SessionConnection,
    StateObservation,
)
from simulator.engines.postgres.connection import Refused, ServerConnection
from simulator.engines.postgres.consumption import Consumption
from simulator.engines.postgres.content import Tables, pins, positions, read_content, read_rows, sequences_sql
from simulator.engines.postgres.exchange import Meter, in_time
from simulator.engines.postgres.inspector import HeapTable, heap_table
from simulator.engines.postgres.observation import Observer
from simulator.engines.postgres.reader import Reader
from simulator.engines.postgres.statements import OPENING, array, compose, setting_sql
from simulator.engines.postgres.tenant import Tenant
from simulator.engines.postgres.vacate import vacate
from simulator.engines.postgres.waits import blocks, until_one_answers
from simulator.engines.postgres.watcher import Watcher
from simulator.engines.postgres.wire import MAX_VALUE, WireSession, result_set
from simulator.engines.replies import ResultSet
from simulator.errors import DeadlinePassed, EngineError, LimitReached
from simulator.history.observed import Watched
from simulator.history.schedule import Matches, TableState
from simulator.history.sqlstates import SqlState
from simulator.i18n.text import Text
from simulator.model import Isolation, Row
from simulator.sql.transactions import Control, controls, stands_alone, with_prefix
from simulator.sql.words import statements

#: Tables of a run that are looked at; a setup may make more.
MAX_TABLES = 100

#: Transactions that a run may prepare; `max_prepared_transactions` is one number for all.
MAX_PREPARED = 10

#: Seconds for clearing away what a run did before its transactions are run again.
RENEW_S = 0.5

#: Layouts by the setup that made them: the same setup makes the same tables.
Layouts = dict[tuple[str, ...], tuple[HeapTable, ...]]
_MAX_LAYOUTS = 500


class PostgresRoom:
    """A `Room` on PostgreSQL. `leave(room, connections)` is called exactly once, by `close`: the tenant goes back."""

    def __init__(
        self,
        label: str,
        tenant: Tenant,
        leave: Callable[[PostgresRoom, list[ServerConnection]], None],
        *,
        deadline: float,
        sees_dead_versions: bool,
    ) -> None:
        self._label = label
        self.tenant = tenant
        self._control = tenant.control
        self._leave = leave
        #: monotonic seconds; whoever uses the room over a long time sets it anew
        self.deadline = deadline
        self._sees_dead_versions = sees_dead_versions
        self._meter = Meter()
        self._consumption = Consumption(tenant, embedded=sees_dead_versions)
        self._reader = self._new_reader()
        self._observer = Observer(self._reader.look, label, ())
        self._watcher: Watcher | None = None
        self._sessions: dict[str, tuple[WireSession, ServerConnection]] = {}
        self._tables: tuple[HeapTable, ...] = ()
        self._setup: tuple[str, ...] = ()
        self._layouts: Layouts = {}
        #: tables that were there when the content was read last
        self._content_tables: Tables = ()
        self._prepared = 0
        self._closed = False

    xid_sql = "SELECT pg_catalog.pg_current_xact_id_if_assigned()"

    @property
    def label(self) -> str:
        return self._label

    def set_up(self, setup: tuple[str, ...], layouts: Layouts) -> None:
        """Make the schema and run the setup. Raises EngineError; the caller closes the room."""
        self._setup, self._layouts = setup, layouts
        role, schema = sql.Identifier(self.tenant.account.role), sql.Identifier(self._label)
        grant = "CREATE SCHEMA {schema}; GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"
        path = compose("SET search_path = {schema};", schema=schema)
        try:
            self._control.query(compose(grant, schema=schema, role=role), self.deadline)
            self._run_setup(path, "\n;".join(setup))
            if not self._reader.idle:
                raise EngineError(Text.of("The setup leaves a transaction open; end it with COMMIT."))
            if setup not in layouts:
                if len(layouts) >= _MAX_LAYOUTS:
                    layouts.clear()
                found = self._control.ask("tables", [self._label.encode()], self.deadline)
                layouts[setup] = tuple(map(heap_table, result_set(found).rows[:MAX_TABLES]))
        except DeadlinePassed:
            raise EngineError(Text.of("The setup did not end in time and was stopped.")) from None
        self._tables = layouts[setup]
        self._observer = Observer(self._reader.look, self._label, self._tables)

    def _run_setup(self, path: bytes, setup: str) -> None:
        """As one query, and one statement after another where one refuses to be part of it. Raises EngineError."""
        alone = stands_alone(setup)
        self._read_setup(path, path if alone else path + setup.encode(), setup, 0)
        for statement in statements(setup) if alone else ():
            self._read_setup(b"", statement.text.encode(), setup, statement.tokens[0].start)

    def _read_setup(self, path: bytes, query: bytes, setup: str, place: int) -> None:
        try:
            self._reader.read(query)
        except Refused as error:
            raise EngineError(_in_setup(error, setup, place - len(path))) from None

    def open(self, name: str, settings: Mapping[str, str] = NO_SETTINGS, *, verbatim: bool = False) -> WireSession:
        """Open one session in this schema. Raises EngineError."""
        place = compose(
            # Nothing else takes away what the run before did to the generator of random numbers.
            f"{OPENING}SET search_path = {{schema}}; SET application_name = {{name}}; "
            "SELECT pg_catalog.setseed({seed})",
            seed=sql.Literal(random.random()),
            schema=sql.Identifier(self._label),
            name=sql.Literal(f"{self._label}:{name}"),
        )
        in_time(self.deadline)
        connection = self.tenant.connect()
        before = place + setting_sql(settings)
        session = WireSession(name, connection, self._cancel, self._meter, before, self._own_names, verbatim=verbatim)
        self._sessions[name] = (session, connection)
        return session

    def begin_sql(self, isolation: Isolation, read_only: bool = False, deferrable: bool = False) -> str:
        return f"BEGIN {_modes(isolation, read_only, deferrable)}"

    def defaults_sql(self, isolation: Isolation, read_only: bool = False, deferrable: bool = False) -> str:
        return f"SET SESSION CHARACTERISTICS AS TRANSACTION {_modes(isolation, read_only, deferrable)}"

    def wait(self, sessions: Sequence[SessionConnection], seconds: float) -> None:
        until_one_answers([self._sessions[session.name][0] for session in sessions], seconds)

    def blocks(self, sessions: Collection[SessionConnection]) -> Mapping[str, Block]:
        """For each of these sessions that waits for a lock: why. Raises EngineError, LimitReached."""
        if self._consumption.due:
            self._patrol()
        return blocks(self._control, self._label, self._backends(), sessions)

    def observe(self, probes: Probes) -> StateObservation:
        """Every table and probe, in one snapshot and one round trip. Raises NotObservedError, EngineError."""
        return self._observer.observe(probes)

    def watch(self) -> Watched:
        """Sessions, locks and row versions. Raises EngineError."""
        return self._watching().look(self._backends(), self.deadline)

    def held(self) -> Watched:
        """Sessions and locks. Raises EngineError."""
        return Watched(*self._watching().held(self._backends(), self.deadline), ())

    def stop(self) -> None:
        """From any thread: what runs is cancelled, and nothing more has time to run. Never raises."""
        self.deadline = STOPPED
        with suppress(EngineError):  # the room's end closes what cannot be cancelled
            self._control.ask("cancel_backends", [array([*self._backends(), self._reader.pid])])

    def match(
        self, states: Sequence[Sequence[TableState]], conditions: Sequence[tuple[str, str]]
    ) -> tuple[tuple[Matches, ...], ...]:
        """Conditions that became known during the run, on the recorded rows of earlier states, by the server itself."""
        return self._observer.match(states, conditions, self.deadline)

    def ask(self, query: str) -> tuple[Row, ...]:
        """Rows of one query, a single statement, on the committed state. Raises EngineError."""
        results = self._reader.transaction(b"BEGIN READ ONLY;" + query.encode() + b"\n;ROLLBACK")
        return result_set(results[1], MAX_VALUE).rows

    def content(self, within: Ask | None = None, known: tuple[Relation, ...] = ()) -> tuple[Relation, ...]:
        """All that the schema holds, by name. Raises NotObservedError, EngineError, and what `within` does."""

        def by_reader(queries: Sequence[bytes]) -> Sequence[ResultSet]:
            # A session that is left open may hold a table against every reader.
            begin = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;SET LOCAL lock_timeout = '100ms';"
            return [
                result_set(each, MAX_VALUE)
                for each in self._reader.look(begin + b"\n;".join(queries) + b"\n;COMMIT")[2:-1]
            ]

        ask = by_reader if within is None else lambda queries: within([each.decode() for each in queries])
        if known:
            return read_rows(self._label, ask, known)
        found = read_content(self._label, ask, self._content_tables)
        self._content_tables = tuple(each.name for each in found if each.keeps_rows)
        return found

    def sequences(self) -> Positions:
        """Where the run's sequences stand; nothing where a session holds one. Raises EngineError."""
        begin = b"BEGIN READ ONLY;SET LOCAL lock_timeout = '100ms';"
        try:
            results = self._reader.transaction(begin + sequences_sql(self._label) + b"\n;COMMIT")
        except Refused as error:
            if error.sqlstate != SqlState.LOCK_NOT_AVAILABLE:
                raise
            return ()
        return positions(result_set(results[2]))

    def pins(self, positions: Positions) -> tuple[str, ...]:
        return tuple(statement.decode() for statement in pins(self._label, positions))

    def set_sequences(self, positions: Positions) -> None:
        """Put sequences where they stood; where a session holds one, they stay where they are. Raises EngineError."""
        begin = b"BEGIN;SET LOCAL lock_timeout = '100ms'"
        try:
            self._reader.transaction(b";".join([begin, *pins(self._label, positions), b"COMMIT"]))
        except Refused as error:
            if error.sqlstate != SqlState.LOCK_NOT_AVAILABLE:
                raise

    def renew(self) -> None:
        """As it was before sessions were opened, with the setup run again. Raises EngineError."""
        connections = self._vacated()
        self._sessions, self._watcher, self._tables = {}, None, ()
        if not self.tenant.take_back(connections, (self._label,), min(self.deadline, time.monotonic() + RENEW_S)):
            raise EngineError(Text.of("What the run left could not be cleared away in time."))
        self._reader = self._new_reader()
        self.set_up(self._setup, self._layouts)

    def activity(self) -> tuple[Row, ...]:
        """Rows of `sql/activity.sql` for this run; may be asked by another thread. Raises EngineError."""
        return result_set(self._control.ask("activity", [f"{self._label}:".encode()])).rows

    def end_application(self) -> None:
        """End the connections that an application of this run left open. Raises EngineError."""
        self._control.ask("end_application", [f"{self._label}:".encode()])

    def close(self) -> None:
        """Cancel, roll back, give the connections back, drop the schema. Never raises; may be called twice."""
        if self._closed:
            return
        self._closed = True
        idle: list[ServerConnection] = []
        try:
            idle = self._vacated()
        finally:
            self._leave(self, idle)

    def _own_names(self, text: str) -> str:
        """With names of prepared transactions that are this run's. Raises LimitReached: they are few for all runs."""
        if "PREPARE" not in text.upper():
            return text  # most texts: to cut them into words takes longer than to send them
        self._prepared += controls(text).count(Control.PREPARE)
        if self._prepared > MAX_PREPARED:
            raise LimitReached(Text.of("A run prepares at most {most} transactions.", most=MAX_PREPARED))
        return with_prefix(text, f"{self._label}:")

    def _cancel(self, backend: int) -> None:
        self._control.ask("cancel_backends", [array([backend])])

    def _backends(self) -> dict[int, str]:
        return {session.backend: name for name, (session, _) in tuple(self._sessions.items())}

    def _watching(self) -> Watcher:
        if self._watcher is None:
            self._watcher = Watcher(
                self._reader.look, self._control, self._label, self._tables, self._sees_dead_versions
            )
        return self._watcher

    def _patrol(self) -> None:
        """Whether this run takes too much of what all runs share. Raises LimitReached, EngineError."""
        self._consumption.check([session.backend for session, _ in self._sessions.values()] + [self._reader.pid])

    def _vacated(self) -> list[ServerConnection]:
        """Every connection that can be used again, out of its transaction."""
        return vacate(self._control, self._sessions.values(), self._reader)

    def _new_reader(self) -> Reader:
        return Reader(self.tenant.connect(), self._meter, lambda: self.deadline, self._patrol, self._cancel)


def _in_setup(error: Refused, setup: str, place: int) -> Text:
    """What the server said, and at which line of the setup where it names a character; the first is at `place`."""
    if error.position is None:
        return Text.of("In the setup: {report}.", report=error.text)
    before = setup[: max(0, place + error.position - 1)]
    line = before.lstrip("\n").count("\n") + 1
    return Text.of("In the setup, line {line}: {report}.", line=line, report=error.text)


def _modes(isolation: Isolation, read_only: bool, deferrable: bool) -> str:
    return f"ISOLATION LEVEL {isolation.value}{', READ ONLY' * read_only}{', DEFERRABLE' * deferrable}"
