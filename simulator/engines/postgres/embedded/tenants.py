"""Tenants of the embedded server: a role and a database for each, both called `txscope_<number>`.

A database of its own keeps apart what a schema cannot: advisory locks, LISTEN and NOTIFY, large objects, catalogues,
the horizon of VACUUM. Databases stay when the application ends, since making one takes as long as ten runs; nothing in
them does. Which process a tenant belongs to is told by an advisory lock in the database `postgres`, where no tenant
gets in.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection
from contextlib import suppress

import psycopg
from psycopg import pq, sql

from simulator.engines.postgres.connection import PATIENCE_S, Refused, ServerConnection, can_connect, connect_again
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.postgres.settings import CLAIM, CONNECTIONS, TENANT_SETTINGS
from simulator.engines.postgres.statements import compose, statement
from simulator.engines.postgres.tenant_source import Account
from simulator.engines.postgres.washing import forget, is_clean, roll_back_prepared, traces
from simulator.errors import EngineError, one_line
from simulator.history.sqlstates import SqlState
from simulator.i18n.text import Text

#: Seconds that a server needs at most to recover from a crash; it has little to recover.
RECOVERY_S = 30.0

#: Seconds after which it is looked again whether the server has to be started.
LOOK_AGAIN_S = 0.2

#: SQLSTATE of a role or a database that is there already, and of one that is not.
_PRESENT = (SqlState.DUPLICATE_OBJECT, SqlState.DUPLICATE_DATABASE)
_ABSENT = (SqlState.UNDEFINED_OBJECT, SqlState.INVALID_CATALOG_NAME)


class EmbeddedTenants:
    """A `TenantSource`. Closing it stops this process's share of the server."""

    isolated = True
    embedded = True
    #: most runs have two or three sessions and one that looks; making a tenant takes as long as ten runs
    kept, stock = 5, 4

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self._keeper = ServerConnection(server.admin_conninfo(), self.explain)
        self._claimed: set[int] = set()
        self._traces: dict[int, str] = {}
        self._drop_strangers()
        self._sweep()

    def claim(self, number: int) -> Account | None:
        if not self._lock(number):
            return None
        name = _name(number)
        role, database = sql.Identifier(name), sql.Identifier(name)
        self._unless(_PRESENT, compose("CREATE ROLE {role} NOLOGIN", role=role))
        create = compose("CREATE DATABASE {database} TEMPLATE template0", database=database)
        self._unless(_PRESENT, create)
        if name in self._half_dropped():
            self._keeper.query(compose("DROP DATABASE {database}", database=database))
            self._keeper.query(create)
        settings = b"".join(
            compose(
                "ALTER DATABASE {database} SET {setting} = {value};",
                database=database,
                setting=sql.Identifier(setting),
                value=sql.Literal(value),
            )
            for setting, value in TENANT_SETTINGS.items()
        )
        once = "REVOKE ALL ON DATABASE {database} FROM PUBLIC; COMMENT ON DATABASE {database} IS 'in use'"
        self._keeper.query(settings + compose(once, database=database))
        self._claimed.add(number)
        return Account(number, name, self._server.conninfo(name, name), self._server.admin_conninfo(name))

    def prepare(self, account: Account, control: ServerConnection, deadline: float) -> None:
        if account.number not in self._claimed:
            raise EngineError("Another process has this place on the server now.")
        role, database = sql.Identifier(account.role), sql.Identifier(account.role)
        control.query(
            compose(
                "ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT"
                " CONNECTION LIMIT {limit} PASSWORD NULL VALID UNTIL 'infinity'",
                role=role,
                limit=sql.Literal(CONNECTIONS),
            ),
            deadline,
        )
        forget(account, control, deadline)
        grant = compose("GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role};", database=database, role=role)
        control.query(grant + statement("embedded_inspection"), deadline)
        self._traces[account.number] = traces(account, control, deadline)
        # With a patience of its own: a run's deadline that has passed would close the connection that holds our claims.
        self._keeper.query(statement("vacuum_shared"))

    def clean(self, account: Account, control: ServerConnection, schemas: tuple[str, ...], deadline: float) -> bool:
        return is_clean(account, control, schemas, self._traces.get(account.number), deadline)

    def remove(self, account: Account) -> None:
        name = sql.Identifier(account.role)
        if account.number not in self._claimed:
            return
        self._roll_back_prepared(account)
        self._unless(_ABSENT, compose("DROP DATABASE {name} WITH (FORCE)", name=name))
        self._unless(_ABSENT, compose("DROP OWNED BY {name}", name=name))
        self._unless(_ABSENT, compose("DROP ROLE {name}", name=name))
        self._claimed.discard(account.number)
        self._unlock(account.number)

    def label(self) -> str:
        return f"txscope_run_{secrets.token_hex(6)}"

    def notice(self) -> Text:
        return self._server.notice

    def explain(self, error: psycopg.Error) -> EngineError:
        return EngineError(Text.of("The embedded server does not answer as expected: {report}", report=one_line(error)))

    def alive(self, *, surely: bool = False) -> bool:
        return self._keeper.usable and (not surely or can_connect(self._server.admin_conninfo()))

    def heal(self) -> None:
        self._keeper.close()
        deadline = time.monotonic() + RECOVERY_S
        while True:
            # A server that was killed a moment ago may not be gone yet: then it is started at the next look.
            self._server.ensure()
            try:
                self._keeper = connect_again(self._server.admin_conninfo(), self.explain, LOOK_AGAIN_S)
                break
            except EngineError:
                if time.monotonic() > deadline:
                    raise
        # The locks went with the connection; a tenant that another process took meanwhile is its own now.
        self._claimed = {number for number in self._claimed if self._lock(number)}

    def close(self) -> None:
        with suppress(EngineError):  # else the next start sweeps
            self._say_clean(self._claimed)
        self._keeper.close()
        self._server.stop()

    def _say_clean(self, numbers: Collection[int]) -> None:
        template = "COMMENT ON DATABASE {name} IS NULL"
        if numbers:
            self._keeper.query(b";".join(compose(template, name=sql.Identifier(_name(each))) for each in numbers))

    def _sweep(self) -> None:
        """What processes left that were killed: the tenants that nobody has any more, and nobody has called clean."""
        found = self._keeper.ask("left_in_use")
        for number in [int(found.get_value(row, 0) or 0) for row in range(found.ntuples)]:
            account = self.claim(number)
            if account is None:
                continue
            try:
                control = ServerConnection(account.control, self.explain)
                try:
                    self.prepare(account, control, time.monotonic() + PATIENCE_S)
                finally:
                    control.close()
                self._say_clean([number])
                self._claimed.discard(number)
                self._unlock(number)
            except EngineError:
                self.remove(account)

    def _roll_back_prepared(self, account: Account) -> None:
        """They would keep their database, whatever FORCE says, and only in it can they be ended."""
        with suppress(EngineError):  # it cannot be entered any more: then the server says why it cannot be dropped
            control = ServerConnection(account.control, self.explain)
            try:
                roll_back_prepared(account, control, (), time.monotonic() + PATIENCE_S)
            finally:
                control.close()

    def _half_dropped(self) -> tuple[str, ...]:
        found = self._keeper.ask("half_dropped")
        return tuple((found.get_value(row, 0) or b"").decode() for row in range(found.ntuples))

    def _drop_strangers(self) -> None:
        """Databases and roles that are no tenant's: whoever made them is not there, and nothing here outlives a run."""
        found = self._keeper.ask("strangers_of_server")
        for kind, name in ((found.get_value(row, 0), found.get_value(row, 1)) for row in range(found.ntuples)):
            named = sql.Identifier((name or b"").decode())
            if kind == b"database":
                self._unless(_ABSENT, compose("DROP DATABASE {name} WITH (FORCE)", name=named))
            else:
                self._unless(_ABSENT, compose("DROP OWNED BY {name}; DROP ROLE {name}", name=named))

    def _unless(self, sqlstates: tuple[str, ...], query: bytes) -> None:
        try:
            self._keeper.query(query)
        except Refused as error:
            if error.sqlstate not in sqlstates:
                raise

    def _lock(self, number: int) -> bool:
        return _first(self._keeper.ask("claim", [str(CLAIM).encode(), str(number).encode()])) == b"t"

    def _unlock(self, number: int) -> None:
        self._keeper.ask("give_up", [str(CLAIM).encode(), str(number).encode()])


def _name(number: int) -> str:
    return f"txscope_{number}"


def _first(result: pq.abc.PGresult) -> bytes | None:
    return result.get_value(0, 0)
