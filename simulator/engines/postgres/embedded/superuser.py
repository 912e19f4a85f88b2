"""Sessions of a superuser, on a throw-away server: for what a visitor's role may not do. No page leads here.

isolationtester's files make roles, set what only a superuser sets, and expect a database of their own.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType

from psycopg import sql
from psycopg.conninfo import make_conninfo

from simulator.engines.base import NO_SETTINGS, Block, SessionConnection
from simulator.engines.postgres.connection import ServerConnection
from simulator.engines.postgres.embedded.cluster import SUPERUSER
from simulator.engines.postgres.embedded.private import private_server
from simulator.engines.postgres.libpq import neutral
from simulator.engines.postgres.statements import array, compose, setting_sql
from simulator.engines.postgres.waits import blocks, until_one_answers
from simulator.engines.postgres.wire import WireSession
from simulator.errors import EngineError

#: given to the server when it starts: nothing of it is kept, and nothing happens on it by itself
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "fsync": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "max_connections": "50",
        "max_prepared_transactions": "10",
        "shared_buffers": "32MB",
        "dynamic_shared_memory_type": "mmap",
        "log_checkpoints": "off",
    }
)

#: as pg_isolation_regress calls it: there are files that name it
DATABASE = "isolation_regression"
_SCHEMA = "public"


class SuperuserRoom:
    """A `SessionHost` in a fresh database, that is dropped by `close`; one at a time."""

    def __init__(self, admin: ServerConnection, conninfo: str) -> None:
        self.deadline = math.inf
        self._admin = admin
        #: for another program that works in this database
        self.conninfo = conninfo
        self._database = sql.Identifier(DATABASE)
        self._sessions: dict[str, tuple[WireSession, ServerConnection]] = {}
        admin.query(compose("CREATE DATABASE {name}", name=self._database), self.deadline)
        self._control = ServerConnection(conninfo)

    def open(self, name: str, settings: Mapping[str, str] = NO_SETTINGS, *, verbatim: bool = False) -> WireSession:
        """Open one session in this database. Raises EngineError."""
        connection = ServerConnection(self.conninfo)
        session = WireSession(name, connection, self._cancel, before=setting_sql(settings), verbatim=verbatim)
        self._sessions[name] = (session, connection)
        return session

    def wait(self, sessions: Sequence[SessionConnection], seconds: float) -> None:
        until_one_answers([self._sessions[session.name][0] for session in sessions], seconds)

    def blocks(self, sessions: Collection[SessionConnection]) -> Mapping[str, Block]:
        """For each of these sessions that waits for a lock: why. Raises EngineError."""
        names = {session.backend: name for name, (session, _) in self._sessions.items()}
        return blocks(self._control, _SCHEMA, names, sessions)

    def close(self) -> None:
        """Close every connection and drop the database. Never raises; what is left goes with the server."""
        for _, connection in self._sessions.values():
            connection.close()
        self._control.close()
        with suppress(EngineError):
            self._admin.query(compose("DROP DATABASE {name} WITH (FORCE)", name=self._database), self.deadline)

    def _cancel(self, backend: int) -> None:
        self._control.ask("cancel_backends", [array([backend])])


class SuperuserServer:
    """A place for one room after another; `superuser_server` starts it and takes it away."""

    def __init__(self, socket_dir: str, port: int) -> None:
        self._own = {"host": socket_dir, "port": str(port), "user": SUPERUSER}
        self._admin = ServerConnection(self._conninfo("postgres"))

    def room(self) -> SuperuserRoom:
        """A fresh database. Raises EngineError."""
        return SuperuserRoom(self._admin, self._conninfo(DATABASE))

    def close(self) -> None:
        """Close the server's own connection."""
        self._admin.close()

    def _conninfo(self, database: str) -> str:
        return make_conninfo("", **{**neutral(), **self._own, "dbname": database, "connect_timeout": "10"})


@contextmanager
def superuser_server() -> Iterator[SuperuserServer]:
    """A server in a temporary folder, gone when the block ends; one at a time. Raises EngineBusy, EngineError."""
    with private_server(SETTINGS, purpose="superuser") as private:
        server = SuperuserServer(str(private.postmaster.socket_dir), private.postmaster.port)
        try:
            yield server
        finally:
            server.close()
