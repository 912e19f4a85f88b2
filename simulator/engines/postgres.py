"""PostgreSQL 14 to 18 as a place for runs: a pool of plain-role connections, a schema a run, guaranteed cleanup.

Whoever starts the engine (embedded or DATABASE_URL) hands over a conninfo that logs in as the plain role that
schedules run as. Connections come from a SQLAlchemy pool; `room.PostgresRoom` uses their libpq connection.
"""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import MappingProxyType

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from simulator.engines.base import Capabilities, ServerInfo
from simulator.engines.budget import Budget
from simulator.engines.inspector import Inspector
from simulator.engines.room import PostgresRoom, TableLayouts, pgconn_of, reset_checkout
from simulator.engines.statements import compose, execute, statement
from simulator.errors import EngineBusy, EngineError
from simulator.history import Row
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.model import Isolation
from simulator.wire import result_set

#: Guard rails of every session. One that the server does not know (an older version) is left out.
#: Without client_connection_check_interval the waiting UPDATE of a killed client commits later.
GUARD_RAILS = MappingProxyType(
    {
        "client_connection_check_interval": "200ms",
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

NO_DEAD_VERSIONS = N_(
    "Dead and uncommitted row versions are not shown: reading heap pages (pageinspect) takes a superuser, "
    "and on this server Txscope has none."
)

#: First half of the advisory lock that says "the process with this number is alive".
ALIVE = 0x54585343

#: Connections a run needs at most: its sessions and its observer. One more, for all runs, watches the server.
_PER_ROOM = 9

#: Connections beside an application's: the one that keeps the process's lock, and the observer of its run.
_OWN = 2


class PostgresEngine:
    """An `Engine` on one PostgreSQL database.

    `conninfo` logs in as the role that schedules run as; `rooms` runs may go on at once, one more waits `patience_s`;
    applications under observation hold `application_connections` at most, fewer where the role or the server allows
    fewer. `on_close` is called once, after the last connection closed. `inspector_conninfo` logs in as a superuser, and
    only to read the heap pages of a run's tables; without it dead row versions are not seen.
    Raises EngineError where the server cannot be used.
    """

    def __init__(
        self,
        conninfo: str,
        info: ServerInfo,
        *,
        rooms: int = 16,
        patience_s: float = 30.0,
        application_connections: int = 30,
        on_close: Callable[[], None] | None = None,
        inspector_conninfo: str | None = None,
    ) -> None:
        self._info = info
        self._on_close = on_close
        self._settings, capabilities, allowed = _probe(conninfo)
        self._inspector = Inspector(inspector_conninfo) if inspector_conninfo else None
        self._capabilities = replace(
            capabilities,
            sees_dead_versions=self._inspector is not None,
            no_dead_versions="" if self._inspector else NO_DEAD_VERSIONS,
        )
        self._conninfo = _with_options(conninfo, self._settings)
        self._pool = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=rooms * _PER_ROOM + 1,
            max_overflow=0,
            pool_reset_on_return=None,
            pool_use_lifo=True,
            pool_timeout=10,
        )
        self._places = Budget(rooms)
        self._patience_s = patience_s
        self._open = 0
        self._applications = Budget(min(application_connections, allowed - _OWN))
        self._counter_lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._layouts: TableLayouts = {}
        self._number = secrets.randbelow(2**31)
        self._keeper = self._connect()
        self._keep_alive_lock()
        self.gc_stale_rooms()

    def info(self) -> ServerInfo:
        return self._info

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def rooms_open(self) -> int:
        return self._open

    def create_room(self, setup: Sequence[str], sessions: int) -> PostgresRoom:
        """A fresh schema with the setup run in it. Raises EngineBusy, EngineError."""
        if sessions >= _PER_ROOM:
            raise EngineError(
                _("A run has at most {most} sessions; this one asks for {sessions}.").format(
                    most=_PER_ROOM - 1, sessions=sessions
                )
            )
        if not self._places.take(1, self._patience_s):
            sentence = _("All {number} places for runs are taken. Try again in a few seconds.")
            raise EngineBusy(sentence.format(number=self._places.total))
        self._count(1)
        try:
            name = f"txscope_run_{self._number:08x}_{next(self._numbers)}"
            return PostgresRoom.create(name, tuple(setup), self.checkout, self._layouts, self._leave, self._inspector)
        except BaseException:
            self._leave()
            raise

    def checkout(self) -> PoolProxiedConnection:
        """A connection from the pool, fresh or used; the caller resets it. Raises EngineError."""
        try:
            return self._pool.raw_connection()
        except (SQLAlchemyError, psycopg.Error) as error:
            raise EngineError(_unreachable(self._info, error)) from None

    @contextmanager
    def reserve(self, connections: int) -> Iterator[None]:
        """So many connections of applications, and one more to end them, until the block ends. Raises EngineBusy."""
        wanted, total = connections + 1, self._applications.total
        if not self._applications.take(wanted, self._patience_s):
            if wanted <= total:
                raise EngineBusy(_("Other runs hold all connections. Try again in a few seconds."))
            sentence = _(
                "This run wants {wanted} connections, and {total} may be open at once. "
                "Choose a smaller pool, or a server and a role that allow more."
            )
            raise EngineBusy(sentence.format(wanted=wanted, total=total))
        try:
            yield
        finally:
            self._applications.give_back(wanted)

    @contextmanager
    def application(self, label: str) -> Iterator[Mapping[str, str]]:
        """Keywords for an application's connections in this schema; whatever is left open is ended.

        Their `application_name` is the label with `:app`.
        """
        keywords = {name: str(value) for name, value in conninfo_to_dict(self._conninfo).items() if value is not None}
        keywords["options"] = f"{keywords['options']} -c search_path={label} -c client_min_messages=notice"
        try:
            yield {**keywords, "application_name": f"{label}:app"}
        finally:
            with suppress(psycopg.Error), self._connect() as connection:
                connection.execute(statement("end_application"), (f"{label}:",))

    def activity(self, *, everyone: bool) -> tuple[Row, ...]:
        """Rows of `sql/activity.sql`, over a connection from the pool. Raises EngineError."""
        query = compose(statement("activity").decode(), everyone=sql.Literal(everyone))
        connection = reset_checkout(self.checkout, b"")
        try:
            return result_set(execute(pgconn_of(connection), query)[0]).rows
        except (EngineError, psycopg.Error) as error:
            connection.invalidate()
            raise EngineError(_unreachable(self._info, error)) from None
        finally:
            connection.close()

    def gc_stale_rooms(self) -> int:
        """Drop schemas of processes that are gone: those whose advisory lock is free. Returns how many."""
        pgconn = self._keeper.pgconn
        found = execute(pgconn, statement("stale_rooms"))[0]
        names = [(found.get_value(i, 0) or b"").decode() for i in range(found.ntuples)]
        dropped = 0
        for number, group in itertools.groupby(sorted(names), key=_process_number):
            if number is None or number == self._number or not self._lock(number, "pg_try_advisory_lock"):
                continue
            for name in group:
                execute(pgconn, compose("DROP SCHEMA IF EXISTS {name} CASCADE", name=sql.Identifier(name)))
                dropped += 1
            self._lock(number, "pg_advisory_unlock")
        return dropped

    def close(self) -> None:
        """Close every connection. Rooms must be closed before."""
        self._pool.dispose()
        if self._inspector is not None:
            self._inspector.close()
        with suppress(psycopg.Error):
            self._keeper.close()
        if self._on_close is not None:
            self._on_close()

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self._conninfo, autocommit=True)

    def _keep_alive_lock(self) -> None:
        self._lock(self._number, "pg_try_advisory_lock")

    def _lock(self, number: int, function: str) -> bool:
        query = compose(
            "SELECT {function}({alive}, {number})",
            function=sql.Identifier(function),
            alive=sql.Literal(ALIVE),
            number=sql.Literal(number),
        )
        return execute(self._keeper.pgconn, query)[0].get_value(0, 0) == b"t"

    def _leave(self) -> None:
        self._count(-1)
        self._places.give_back(1)

    def _count(self, change: int) -> None:
        with self._counter_lock:
            self._open += change


def _process_number(schema: str) -> int | None:
    parts = schema.split("_")
    try:
        return int(parts[2], 16)
    except (IndexError, ValueError):
        return None


def _probe(conninfo: str) -> tuple[dict[str, str], Capabilities, int]:
    """Guard rails that this role may set on this server, what follows for runs, and connections that it may have."""
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            settings = {name: value for name, value in GUARD_RAILS.items() if _settable(connection, name, value)}
            reports = _shown(connection, "log_lock_waits") == "on" and "client_min_messages" in settings
            row = connection.execute(
                "SELECT setting::int / 1000.0 FROM pg_settings WHERE name = 'deadlock_timeout'"
            ).fetchone()
            (allowed,) = connection.execute(statement("connections_allowed")).fetchone() or (0,)
    except psycopg.Error as error:
        raise EngineError(" ".join(str(error).split())) from None
    timeout = float(row[0]) if row else 1.0
    certain = timeout <= 0.05
    capabilities = Capabilities(
        levels=tuple(Isolation),
        deadlock_victim_certain=certain,
        deadlock_timeout_s=timeout if certain else None,
        deadlock_timeout_ms=timeout * 1000 if row else None,
        reports_deadlock_check=reports and certain,
    )
    return settings, capabilities, int(allowed)


def _settable(connection: psycopg.Connection, name: str, value: str) -> bool:
    try:
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    except psycopg.Error:
        return False
    return True


def _shown(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return str(row[0]) if row else ""


def _with_options(conninfo: str, settings: dict[str, str]) -> str:
    # Session defaults rather than SET: RESET ALL goes back to them, whatever a scenario did.
    own = str(conninfo_to_dict(conninfo).get("options") or "")
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return make_conninfo(conninfo, options=f"{own} {options}".strip(), application_name="txscope")


def _unreachable(info: ServerInfo, error: Exception) -> str:
    first = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return _("The database ({place}) does not answer: {report}").format(place=info.place, report=first)
