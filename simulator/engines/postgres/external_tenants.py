"""Tenants of the server that DATABASE_URL names: a role for each where the address's role may make roles.

A superuser's `COPY ... TO PROGRAM` is a shell on the server's machine, and `SET ROLE` is undone by `RESET ROLE`: what
visitors type has to run on a login of its own. Where no role can be made, every run is the address's own plain role,
and its SQL could reach another run's: `isolated` says so. Roles and schemas carry their process's number; those of a
process that is gone are dropped at the next start.
"""

from __future__ import annotations

import re
import secrets
import time
from contextlib import suppress

import psycopg
from psycopg import pq, sql

from simulator.engines.postgres.address import Address
from simulator.engines.postgres.connection import PATIENCE_S, Refused, ServerConnection, can_connect, connect_again
from simulator.engines.postgres.external import ExternalServer, by_hand
from simulator.engines.postgres.settings import CLAIM, CONNECTIONS, TENANT_SETTINGS
from simulator.engines.postgres.statements import compose
from simulator.engines.postgres.tenant import with_options
from simulator.engines.postgres.tenant_source import Account
from simulator.engines.postgres.washing import drop_schemas, forget, insist, is_clean, roll_back_prepared, traces
from simulator.errors import EngineError
from simulator.history.sqlstates import SqlState
from simulator.i18n.text import NOTHING, Text

#: Of every connection of the privileged side; it sets no limit that the server's owner did not.
ADMIN_OPTIONS = "-c search_path=pg_catalog -c lock_timeout=300ms -c client_min_messages=warning"

#: Settings of its role's that a superuser's tenant gets: those of the embedded server that are no limits.
_ROLE_SETTINGS = ("deadlock_timeout", "log_lock_waits", "lc_messages", "synchronous_commit")

#: Seconds for which a server that is gone is looked for: a restart takes about as long.
RESTART_S = 3.0

#: SQLSTATEs: not allowed; the role is not there any more, or something in another database still depends on it
_DENIED = SqlState.INSUFFICIENT_PRIVILEGE
_GONE_OR_USED = (SqlState.UNDEFINED_OBJECT, SqlState.DEPENDENT_OBJECTS_STILL_EXIST, _DENIED)


class ExternalTenants:
    """A `TenantSource`."""

    embedded = False
    #: connections are somebody else's, and may be few
    kept, stock = 2, 0

    def __init__(self, server: ExternalServer) -> None:
        self._server = server
        self._address = server.address
        self.isolated = server.makes_roles
        self._control = with_options(self._address.conninfo, ADMIN_OPTIONS)
        self._process = secrets.randbits(31)
        self._traces: dict[int, str] = {}
        self._accounts: dict[int, Account] = {}
        #: what the server keeps of the roles' passwords
        self._hashes: dict[int, str] = {}
        self._keeper = self._keep()
        self._sweep()

    def claim(self, number: int) -> Account:
        if not self.isolated:
            return Account(number, self._address.user, self._address.conninfo, self._control)
        name, password = f"txscope_lab_{self._process:08x}_{number}", secrets.token_urlsafe(24)
        # Hashed here, so that the server's log does not get to see it.
        hashed = self._keeper.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
        self._hashes[number] = hashed.decode()
        try:
            self._make(name, self._hashes[number])
        except Refused as error:
            if error.sqlstate != _DENIED or not self._server.powerful:
                raise
            raise by_hand(self._address, Text.of("it may not make a plain role")) from None
        login = self._address.login(name, password)
        account = Account(number, name, login.conninfo, self._control)
        self._accounts[number] = account
        self._try(login, account)
        return account

    def prepare(self, account: Account, control: ServerConnection, deadline: float) -> None:
        if not self.isolated:
            return
        forget(account, control, deadline)
        self._set_password(account, control, deadline)
        if self._server.superuser:
            template = "ALTER ROLE {role} SET {setting} = {value}"
            control.query(
                b";".join(
                    compose(
                        template,
                        role=sql.Identifier(account.role),
                        setting=sql.Identifier(setting),
                        value=sql.Literal(TENANT_SETTINGS[setting]),
                    )
                    for setting in _ROLE_SETTINGS
                ),
                deadline,
            )
        self._grant(account.role, control)
        self._traces[account.number] = traces(account, control, deadline)

    def clean(self, account: Account, control: ServerConnection, schemas: tuple[str, ...], deadline: float) -> bool:
        if self.isolated:
            # A role may change its password, and nobody but a superuser could see whether it has.
            self._set_password(account, control, deadline)
            return is_clean(account, control, schemas, self._traces.get(account.number), deadline)
        roll_back_prepared(account, control, schemas, deadline, shared=True)
        drop_schemas(control, schemas, deadline)
        return True

    def remove(self, account: Account) -> None:
        if account.number in self._accounts:
            self._drop(account)
            self._accounts.pop(account.number, None)

    def label(self) -> str:
        return f"txscope_run_{self._process:08x}_{secrets.token_hex(6)}"

    def notice(self) -> Text:
        return NOTHING

    def explain(self, error: psycopg.Error) -> EngineError:
        return self._address.explain(error)

    def alive(self, *, surely: bool = False) -> bool:
        return self._keeper.usable and (not surely or can_connect(self._control))

    def heal(self) -> None:
        self._keeper.close()
        self._keeper = connect_again(self._control, self.explain, RESTART_S)
        self._lock(self._keeper, self._process)

    def close(self) -> None:
        for account in tuple(self._accounts.values()):
            # What cannot be dropped now, because the server is gone or somebody uses it, the next start drops.
            with suppress(EngineError):
                self.remove(account)
        self._keeper.close()

    def _keep(self) -> ServerConnection:
        keeper = ServerConnection(self._control, self.explain)
        self._lock(keeper, self._process)
        return keeper

    def _set_password(self, account: Account, control: ServerConnection, deadline: float) -> None:
        template = "ALTER ROLE {role} PASSWORD {hashed}"
        role, hashed = sql.Identifier(account.role), sql.Literal(self._hashes[account.number])
        control.query(compose(template, role=role, hashed=hashed), deadline)

    def _make(self, name: str, hashed: str) -> None:
        role = sql.Identifier(name)
        self._keeper.query(
            compose(
                "CREATE ROLE {role} LOGIN PASSWORD {hashed} CONNECTION LIMIT {limit}",
                role=role,
                hashed=sql.Literal(hashed),
                limit=sql.Literal(CONNECTIONS),
            )
        )
        if not self._server.superuser:
            # Who made the role may not yet drop what it owns, nor end its sessions.
            self._keeper.query(compose("GRANT {role} TO CURRENT_USER", role=role))
        self._grant(name, self._keeper)

    def _grant(self, name: str, connection: ServerConnection) -> None:
        """What PUBLIC may do on most servers, and this role needs on the others."""
        if connection.ask("may_enter", [name.encode()]).get_value(0, 0) == b"t":
            return
        grant = "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}"
        database = sql.Identifier(self._address.database)
        try:
            insist(connection, compose(grant, database=database, role=sql.Identifier(name)))
        except Refused as error:
            if error.sqlstate != _DENIED:
                raise

    def _try(self, login: Address, account: Account) -> None:
        try:
            ServerConnection(login.conninfo).close()
        except EngineError:
            self.remove(account)
            raise by_hand(self._address, Text.of("the server does not let a new role log in with a password")) from None

    def _drop(self, account: Account) -> None:
        self._keeper.ask("end_role", [account.role.encode()])
        roll_back_prepared(account, self._keeper, (), time.monotonic() + PATIENCE_S)
        for template in ("DROP OWNED BY {role} CASCADE", "DROP ROLE {role}"):
            try:
                insist(self._keeper, compose(template, role=sql.Identifier(account.role)))
            except Refused as error:
                # Another process sweeps too, or it owns something in a database where we are not.
                if error.sqlstate not in _GONE_OR_USED:
                    raise

    def _sweep(self) -> None:
        """Schemas and roles of processes that are gone: those whose advisory lock is free."""
        found = self._keeper.ask("left_by_processes")
        left = [tuple(_text(found, row, column) for column in range(2)) for row in range(found.ntuples)]
        for kind, name in left:
            number = _process_number(name)
            if number is None or number == self._process or not self._lock(self._keeper, number):
                continue
            try:
                left_by = Account(number, name, self._address.conninfo, self._control)
                if kind == "schema":
                    deadline = time.monotonic() + PATIENCE_S
                    roll_back_prepared(left_by, self._keeper, (name,), deadline, shared=True)
                    drop_schemas(self._keeper, (name,), deadline)
                elif self.isolated:
                    self._drop(left_by)
            except Refused:
                continue  # somebody still uses it, or it is another role's; the next start looks again
            finally:
                self._keeper.ask("give_up", [str(CLAIM).encode(), str(number).encode()])

    @staticmethod
    def _lock(keeper: ServerConnection, number: int) -> bool:
        return keeper.ask("claim", [str(CLAIM).encode(), str(number).encode()]).get_value(0, 0) == b"t"


_OURS = re.compile(r"txscope_(?:run|lab)_([0-9a-f]{8})_")


def _process_number(name: str) -> int | None:
    found = _OURS.match(name)
    return int(found[1], 16) if found else None


def _text(result: pq.abc.PGresult, row: int, column: int) -> str:
    return (result.get_value(row, column) or b"").decode(errors="replace")
