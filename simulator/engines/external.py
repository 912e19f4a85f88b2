"""The server that DATABASE_URL names: looked at before the first run, left as it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

from simulator.engines.address import NEWEST, OLDEST, Address, parse, refusal
from simulator.engines.statements import statement
from simulator.engines.throwaway import ThrowawayRole, quoted
from simulator.i18n import gettext as _


class _Facts(NamedTuple):
    """A row of external_facts.sql."""

    role: str
    database: str
    superuser: bool
    powerful: bool
    may_create: bool
    read_only: bool


@dataclass(frozen=True, slots=True)
class ExternalServer:
    """A server that runs may use, as a role that may not do more than runs need."""

    #: as DATABASE_URL says
    address: Address
    #: `16.4`, with a remark where it is newer than what was tested
    version: str
    throwaway: ThrowawayRole | None = None

    @classmethod
    def open(cls, url: str) -> ExternalServer:
        """Connect and look. Raises EngineError: unreachable, refused, too old, not PostgreSQL, a privilege missing."""
        address = parse(url)
        connection = address.connect()
        throwaway = None
        try:
            version = _version(address, connection.info.server_version)
            throwaway = _plain_role(address, connection)
            return cls(address, version, throwaway)
        except psycopg.Error as error:
            raise address.explain(error) from None
        finally:
            if throwaway is None:
                connection.close()

    @property
    def role(self) -> str:
        """The role that schedules log in as."""
        return self.address.user if self.throwaway is None else self.throwaway.name

    def lab_conninfo(self) -> str:
        """Log in as that role."""
        return (self.address if self.throwaway is None else self.throwaway.address).conninfo

    def close(self) -> None:
        """Drop the throw-away role, if there is one."""
        if self.throwaway is not None:
            self.throwaway.drop()
            self.throwaway.keeper.close()


def _version(address: Address, number: int) -> str:
    major = number // 10_000
    text = f"{major}.{number % 10_000 if major >= 10 else number // 100 % 100}"
    if major < OLDEST:
        raise refusal(
            _("the server {place} is PostgreSQL {version}, and Txscope needs {oldest} or newer").format(
                place=address.place, version=text, oldest=OLDEST
            )
        )
    if major > NEWEST:
        return _("{version} (newer than {newest}, the newest that was tested)").format(version=text, newest=NEWEST)
    return text


def _plain_role(address: Address, connection: psycopg.Connection) -> ThrowawayRole | None:
    """The role to use instead of one that may do too much; None where the given one is plain. Raises EngineError."""
    facts = connection.cursor(row_factory=class_row(_Facts)).execute(statement("external_facts")).fetchone()
    if facts is None:
        raise refusal(_("what answers at {place} does not know itself").format(place=address.place))
    if facts.read_only:
        raise refusal(_("the server {place} is read-only, and runs write").format(place=address.place))
    if facts.powerful:
        return ThrowawayRole.create(connection, address, superuser=facts.superuser)
    if not facts.may_create:
        raise refusal(
            _(
                "the role {role} may not create schemas in {place}; "
                "run GRANT CREATE ON DATABASE {database} TO {grantee}"
            ).format(role=facts.role, place=address.place, database=quoted(facts.database), grantee=quoted(facts.role))
        )
    return None
