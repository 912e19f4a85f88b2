"""A plain role for schedules, on a server where DATABASE_URL logs in as one that may do too much.

A superuser's `COPY ... TO PROGRAM` is a shell on the server's machine, and `SET ROLE` is undone by `RESET ROLE`: what
visitors type has to run on a login of its own. The role lives as long as the connection that made it; what a killed
process left is dropped at the next start.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import errors, sql

from simulator.engines.address import Address, refusal
from simulator.engines.embedded import ROLE_SETTINGS
from simulator.engines.statements import compose, statement
from simulator.errors import EngineError
from simulator.i18n import gettext as _

#: first half of the advisory lock that says "the process that made this role is alive"; also in dead_roles.sql
_ALIVE = 1415074372


@dataclass(frozen=True, slots=True)
class ThrowawayRole:
    """The role, its login, and the connection that keeps it: when that ends, the role may be swept away."""

    name: str
    address: Address
    keeper: psycopg.Connection

    @classmethod
    def create(cls, keeper: psycopg.Connection, address: Address, *, superuser: bool) -> ThrowawayRole:
        """Make the role and log in as it, once. Raises EngineError with the SQL to make a plain role by hand."""
        number, password = secrets.randbits(31), secrets.token_urlsafe(24)
        role = cls(f"txscope_lab_{number:08x}", address.login(f"txscope_lab_{number:08x}", password), keeper)
        try:
            _sweep(keeper)
            keeper.execute("SELECT pg_advisory_lock(%s, %s)", (_ALIVE, number))
            role._make(password, superuser=superuser)
        except errors.InsufficientPrivilege:
            raise _by_hand(address, _("it may not make a plain role")) from None
        except psycopg.Error as error:
            raise address.explain(error) from None
        try:
            role.address.connect().close()
        except EngineError:
            role.drop()
            raise _by_hand(address, _("the server does not let a new role log in with a password")) from None
        return role

    def drop(self) -> None:
        """Drop the role and all that it owns; where the server is gone, the next start does."""
        with suppress(psycopg.Error):
            self.keeper.execute(
                "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE usename = %s", (self.name,)
            )
            _drop(self.keeper, self.name)

    def _make(self, password: str, *, superuser: bool) -> None:
        # Hashed here, so that the server's log does not get to see it.
        hashed = self.keeper.pgconn.encrypt_password(password.encode(), self.name.encode(), b"scram-sha-256")
        name = sql.Identifier(self.name)
        self.keeper.execute(
            compose("CREATE ROLE {name} LOGIN PASSWORD {hashed}", name=name, hashed=sql.Literal(hashed.decode()))
        )
        database = sql.Identifier(self.address.database)
        self.keeper.execute(
            compose("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {database} TO {name}", database=database, name=name)
        )
        if not superuser:
            # Who made the role may not yet drop what it owns.
            self.keeper.execute(compose("GRANT {name} TO CURRENT_USER", name=name))
            return
        for setting, value in ROLE_SETTINGS.items():
            self.keeper.execute(
                compose(
                    "ALTER ROLE {name} SET {setting} = {value}",
                    name=name,
                    setting=sql.Identifier(setting),
                    value=sql.Literal(value),
                )
            )


def _sweep(keeper: psycopg.Connection) -> None:
    for (name,) in keeper.execute(statement("dead_roles")).fetchall():
        # It may own something in another database, or another process may be sweeping too.
        with suppress(errors.DependentObjectsStillExist, errors.UndefinedObject, errors.InsufficientPrivilege):
            _drop(keeper, name)


def _drop(keeper: psycopg.Connection, role: str) -> None:
    for template in ("DROP OWNED BY {name} CASCADE", "DROP ROLE {name}"):
        keeper.execute(compose(template, name=sql.Identifier(role)))


def _by_hand(address: Address, reason: str) -> EngineError:
    return refusal(
        _(
            "schedules must not run as {role}, which may read and write files on the server's machine, and {reason} "
            "at {place}; run CREATE ROLE txscope LOGIN PASSWORD '...' and GRANT CREATE ON DATABASE {database} TO "
            "txscope there and name that role in DATABASE_URL"
        ).format(role=address.user, reason=reason, place=address.place, database=quoted(address.database))
    )


def quoted(name: str) -> str:
    """An SQL identifier, quoted."""
    return sql.Identifier(name).as_string(None)
