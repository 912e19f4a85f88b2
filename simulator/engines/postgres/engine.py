"""PostgreSQL 14 to 18 as a place for runs: a tenant and a schema a run, guaranteed cleanup.

Whoever starts the engine (embedded or DATABASE_URL) hands over where tenants come from: roles that runs log in as.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import psycopg
from psycopg.conninfo import conninfo_to_dict

from simulator.engines.base import Capabilities, Room, ServerInfo
from simulator.engines.budget import Budget
from simulator.engines.postgres.connection import ServerConnection
from simulator.engines.postgres.room import Layouts, PostgresRoom
from simulator.engines.postgres.statements import statement
from simulator.engines.postgres.tenant import with_options
from simulator.engines.postgres.tenant_source import TenantSource
from simulator.engines.postgres.tenants import Tenants
from simulator.engines.postgres.wire import result_set
from simulator.errors import EngineBusy, EngineError
from simulator.i18n.text import Text
from simulator.model import Row

#: Guard rails of every session. One that the server does not know (an older version) is left out.
#: Without client_connection_check_interval the waiting UPDATE of a killed client commits later. It is short since one
#: wait in a hundred the server forgets to look for a deadlock until its next alarm, and this is the next one.
GUARD_RAILS = MappingProxyType(
    {
        "client_connection_check_interval": "10ms",
        "lock_timeout": "20s",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "6min",
        "transaction_timeout": "15min",
        "client_min_messages": "log",
        "deadlock_timeout": "1ms",
        "log_lock_waits": "on",
        "lc_messages": "C",
    }
)

#: Sessions of a run.
MAX_SESSIONS = 8

#: Connections beside an application's: the one that keeps the process's lock, and two of its run.
_OWN = 3

#: Connections without which no run is possible: the process's, a tenant's two, and two sessions.
LEAST_CONNECTIONS = 5

#: Seconds that a run has, its setup included, where nobody says otherwise.
DEADLINE_S = 10.0


class PostgresEngine:
    """An `Engine` on one PostgreSQL server, which `source` gives tenants of.

    `rooms` runs and `live_rooms` that people drive may go on at once, one more waits `patience_s`; applications under
    observation hold `application_connections` at most, fewer where the role or the server allows fewer. A server that
    is gone is started or connected again by the next run. Raises EngineError where the server cannot be used.
    """

    def __init__(
        self,
        source: TenantSource,
        info: ServerInfo,
        *,
        rooms: int = 16,
        live_rooms: int = 50,
        patience_s: float = 30.0,
        application_connections: int = 30,
    ) -> None:
        self._info = info
        self._tenants = Tenants(source)
        tenant = self._tenants.take()
        settings, self._capabilities, allowed = _probe(tenant.account.session, source)
        if allowed < LEAST_CONNECTIONS:
            self._tenants.close()
            raise EngineError(
                Text.of(
                    "The role {role} may have {allowed} connections at once at {place}, and a run of two sessions "
                    "needs {least}. Raise its CONNECTION LIMIT, or name another role.",
                    role=tenant.account.role,
                    allowed=allowed,
                    place=info.place,
                    least=LEAST_CONNECTIONS,
                )
            )
        self._tenants.options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._tenants.start_anew(tenant)
        self._tenants.stock()
        # Of a server that is not ours runs take no more connections than it gives this role.
        most = (allowed - _OWN) // LEAST_CONNECTIONS if not source.embedded else rooms + live_rooms
        self._places, self._live_places = Budget(max(1, min(rooms, most))), Budget(max(1, min(live_rooms, most)))
        self._patience_s = patience_s
        self._applications = Budget(min(application_connections, allowed - _OWN))
        self._changed = threading.Lock()
        self._rooms: dict[str, PostgresRoom] = {}
        self._open = 0
        self._layouts: Layouts = {}

    def info(self) -> ServerInfo:
        return replace(self._info, notice=self._tenants.source.notice())

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def alive(self, *, surely: bool = False) -> bool:
        return self._tenants.source.alive(surely=surely)

    def heal(self) -> None:
        self._tenants.heal(surely=True)

    def rooms_open(self) -> int:
        return self._open

    def create_room(
        self,
        setup: Sequence[str],
        sessions: int,
        *,
        deadline_s: float = DEADLINE_S,
        live: bool = False,
        opened: Callable[[Room], object] | None = None,
    ) -> PostgresRoom:
        """A tenant's fresh schema with the setup run in it. Raises EngineBusy, EngineError."""
        if sessions > MAX_SESSIONS:
            raise EngineError(
                Text.of(
                    "A run has at most {most} sessions; this one asks for {sessions}.",
                    most=MAX_SESSIONS,
                    sessions=sessions,
                )
            )
        places = self._live_places if live else self._places
        if not places.take(1, self._patience_s):
            sentence = Text.of("All {number} places for runs are taken. Try again in a few seconds.")
            raise EngineBusy(sentence.given(number=places.total))
        self._count(1)
        try:
            room = self._move_in(places, time.monotonic() + deadline_s)
        except BaseException:
            self._count(-1)
            places.give_back(1)
            raise
        try:
            if opened is not None:
                opened(room)
            room.set_up(tuple(setup), self._layouts)
        except BaseException:
            room.close()
            raise
        return room

    @contextmanager
    def reserve(self, connections: int) -> Iterator[None]:
        """So many connections of applications, and one more to end them, until the block ends. Raises EngineBusy."""
        wanted, total = connections + 1, self._applications.total
        if not self._applications.take(wanted, self._patience_s):
            if wanted <= total:
                raise EngineBusy(Text.of("Other runs hold all connections. Try again in a few seconds."))
            sentence = Text.of(
                "This run wants {wanted} connections, and {total} may be open at once. "
                "Choose a smaller pool, or a server and a role that allow more."
            )
            raise EngineBusy(sentence.given(wanted=wanted, total=total))
        try:
            yield
        finally:
            self._applications.give_back(wanted)

    @contextmanager
    def application(self, label: str) -> Iterator[Mapping[str, str]]:
        """Keywords for an application's connections in this schema; whatever is left open is ended.

        Their `application_name` is the label with `:app`. Raises EngineError where there is no such room.
        """
        room = self._rooms.get(label)
        if room is None:
            raise EngineError("This run is over.")
        conninfo = room.tenant.session_conninfo
        keywords = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
        keywords["options"] = f"{keywords['options']} -c search_path={label} -c client_min_messages=notice"
        try:
            yield {**keywords, "application_name": f"{label}:app"}
        finally:
            with suppress(EngineError):
                room.end_application()

    def activity(self, *, everyone: bool) -> tuple[Row, ...]:
        """Rows of `sql/activity.sql` of every run, and for `everyone` those of strangers. Raises EngineError."""
        with self._changed:
            rooms = tuple(self._rooms.values())
        rows = [row for room in rooms for row in _activity_of(room)]
        if everyone:
            tenant = self._tenants.take()
            try:
                rows += result_set(tenant.control.ask("activity", [None])).rows
            finally:
                self._tenants.give_back(tenant, [], ())
        return tuple(rows)

    def close(self) -> None:
        """Close every connection. Rooms must be closed before."""
        self._tenants.close()

    def _move_in(self, places: Budget, deadline: float) -> PostgresRoom:
        tenant = self._tenants.take()
        self._tenants.stock()
        try:
            room = PostgresRoom(
                self._tenants.source.label(),
                tenant,
                partial(self._leave, places),
                deadline=deadline,
                sees_dead_versions=self._tenants.source.embedded,
            )
        except BaseException:
            self._tenants.give_back(tenant, [], ())
            raise
        with self._changed:
            self._rooms[room.label] = room
        return room

    def _leave(self, places: Budget, room: PostgresRoom, connections: list[ServerConnection]) -> None:
        with self._changed:
            self._rooms.pop(room.label, None)
        try:
            self._tenants.give_back(room.tenant, connections, (room.label,))
        finally:
            self._count(-1)
            places.give_back(1)

    def _count(self, change: int) -> None:
        with self._changed:
            self._open += change


def _activity_of(room: PostgresRoom) -> tuple[Row, ...]:
    """A run that ends while it is looked at is not there any more."""
    try:
        return room.activity()
    except EngineError:
        return ()


def _probe(conninfo: str, source: TenantSource) -> tuple[dict[str, str], Capabilities, int]:
    """Guard rails that a tenant may set on this server, what follows for runs, and connections that it may have."""
    try:
        with psycopg.connect(with_options(conninfo, ""), autocommit=True) as connection:
            settings = {name: value for name, value in GUARD_RAILS.items() if _settable(connection, name, value)}
            reports = _shown(connection, "log_lock_waits") == "on" and "client_min_messages" in settings
            timeout = _timeout(connection)
            (allowed,) = connection.execute(statement("connections_allowed")).fetchone() or (0,)
    except psycopg.Error as error:
        raise source.explain(error) from None
    certain = timeout <= 0.05
    capabilities = Capabilities(
        deadlock_timeout_s=timeout if certain else None,
        deadlock_timeout_settable="deadlock_timeout" in settings,
        deadlock_timeout_ms=timeout * 1000,
        reports_deadlock_check=reports and certain,
        isolates_visitors=source.isolated,
    )
    return settings, capabilities, int(allowed)


def _settable(connection: psycopg.Connection, name: str, value: str) -> bool:
    try:
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
    except psycopg.Error:
        return False
    return True


def _shown(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT pg_catalog.current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""


def _timeout(connection: psycopg.Connection) -> float:
    """`deadlock_timeout` in seconds."""
    query = "SELECT setting::pg_catalog.float8 FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) %s"
    row = connection.execute(query, ("deadlock_timeout",)).fetchone()
    return float(row[0]) / 1000 if row else 1.0
