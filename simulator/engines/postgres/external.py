"""The server that DATABASE_URL names: looked at before the first run, left as it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

from simulator.engines.postgres.address import NEWEST, OLDEST, Address, parse, refusal
from simulator.engines.postgres.statements import quoted, statement
from simulator.i18n.text import Text


class _Facts(NamedTuple):
    """A row of external_facts.sql."""

    role: str
    database: str
    superuser: bool
    powerful: bool
    makes_roles: bool
    may_create: bool
    read_only: bool


@dataclass(frozen=True, slots=True)
class ExternalServer:
    """A server that runs may use, and what the role of the address may do there."""

    #: as DATABASE_URL says
    address: Address
    #: `16.4`, with a remark where it is newer than what was tested
    version: str | Text
    superuser: bool
    #: it may read and write files or start programs on the server's machine: nobody's schedule runs as it
    powerful: bool
    #: it may make a role for each run
    makes_roles: bool

    @classmethod
    def open(cls, url: str) -> ExternalServer:
        """Connect and look. Raises EngineError: unreachable, refused, too old, not PostgreSQL, a privilege missing."""
        address = parse(url)
        with address.connect() as connection:
            try:
                version = _version(address, connection.info.server_version)
                facts = _facts(address, connection)
            except psycopg.Error as error:
                raise address.explain(error) from None
        return cls(address, version, facts.superuser, facts.powerful, facts.makes_roles)


def _version(address: Address, number: int) -> str | Text:
    major = number // 10_000
    text = f"{major}.{number % 10_000 if major >= 10 else number // 100 % 100}"
    if major < OLDEST:
        raise refusal(
            Text.of(
                "the server {place} is PostgreSQL {version}, and Txscope needs {oldest} or newer",
                place=address.place,
                version=text,
                oldest=OLDEST,
            )
        )
    if major > NEWEST:
        return Text.of("{version} (newer than {newest}, the newest that was tested)", version=text, newest=NEWEST)
    return text


def _facts(address: Address, connection: psycopg.Connection) -> _Facts:
    """What the role may do. Raises EngineError where that is not enough."""
    facts = connection.cursor(row_factory=class_row(_Facts)).execute(statement("external_facts")).fetchone()
    if facts is None:
        raise refusal(Text.of("what answers at {place} does not know itself", place=address.place))
    if facts.read_only:
        raise refusal(Text.of("the server {place} is read-only, and runs write", place=address.place))
    if facts.powerful and not facts.makes_roles:
        raise by_hand(address, Text.of("it may not make a plain role"))
    if not facts.may_create:
        raise refusal(
            Text.of(
                "the role {role} may not create schemas in {place}; "
                "run GRANT CREATE ON DATABASE {database} TO {grantee}",
                role=facts.role,
                place=address.place,
                database=quoted(facts.database),
                grantee=quoted(facts.role),
            )
        )
    return facts


def by_hand(address: Address, reason: Text) -> Exception:
    """The refusal of a role that may do too much, with the SQL to make a plain one."""
    return refusal(
        Text.of(
            "schedules must not run as {role}, which may read and write files on the server's machine, and {reason} "
            "at {place}; run CREATE ROLE txscope LOGIN PASSWORD '...' and GRANT CREATE ON DATABASE {database} TO "
            "txscope there and name that role in DATABASE_URL",
            role=address.user,
            reason=reason,
            place=address.place,
            database=quoted(address.database),
        )
    )
