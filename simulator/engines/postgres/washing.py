"""What a run leaves behind, and how it goes: the same for every server on which each run has a role of its own."""

from __future__ import annotations

import threading

from psycopg import pq, sql

from simulator.engines.postgres.connection import Refused, ServerConnection
from simulator.engines.postgres.statements import array, compose
from simulator.engines.postgres.tenant_source import Account
from simulator.history.sqlstates import SqlState

#: PostgreSQL refuses one of two that change the same row of a catalogue at once ("tuple concurrently updated"): it may
#: try again. A lock to keep them apart could be taken by a visitor, too.
CONCURRENTLY_UPDATED, ATTEMPTS, PAUSE_S = "XX000", 8, 0.02


def insist(control: ServerConnection, query: bytes, deadline: float | None = None) -> None:
    """Change who may do what; again where somebody else changed it at the same moment. Raises EngineError."""
    for left in reversed(range(ATTEMPTS)):
        try:
            control.query(query, deadline)
            return
        except Refused as error:
            if error.sqlstate != CONCURRENTLY_UPDATED or not left:
                raise
        threading.Event().wait(PAUSE_S)


def is_clean(
    account: Account, control: ServerConnection, schemas: tuple[str, ...], before: str | None, deadline: float
) -> bool:
    """Drop a run's schemas; whether its role has nothing else that it had not before. Raises EngineError."""
    roll_back_prepared(account, control, schemas, deadline)
    drop_schemas(control, schemas, deadline)
    return before is not None and traces(account, control, deadline) == before


def roll_back_prepared(
    account: Account, control: ServerConnection, schemas: tuple[str, ...], deadline: float, *, shared: bool = False
) -> None:
    """Prepared transactions of the role and of these runs; where others `share` the role, of the runs alone.

    First of all, for whatever needs their locks would wait. Raises EngineError.
    """
    role = None if shared else account.role.encode()
    found = control.ask("prepared", [role, array(schemas)], deadline)
    for gid in [_text(found, row, 0) for row in range(found.ntuples)]:
        query = compose("ROLLBACK PREPARED {gid}", gid=sql.Literal(gid))
        try:
            control.query(query, deadline)
        except Refused as error:
            if error.sqlstate != SqlState.INSUFFICIENT_PRIVILEGE:
                raise
            # Without a superuser's rights only who prepared it may.
            control.query(compose("SET ROLE {role}", role=sql.Identifier(account.role)), deadline)
            try:
                control.query(query, deadline)
            finally:
                control.query(b"RESET ROLE", deadline)


def drop_schemas(control: ServerConnection, schemas: tuple[str, ...], deadline: float) -> None:
    """Drop these schemas with all that is in them. Raises EngineError."""
    if schemas:
        template = "DROP SCHEMA IF EXISTS {name} CASCADE"
        control.query(b";".join(compose(template, name=sql.Identifier(name)) for name in schemas), deadline)


def traces(account: Account, control: ServerConnection, deadline: float) -> str:
    """Objects, privileges, settings and memberships of the role, as one text to compare. Raises EngineError."""
    return (control.ask("traces", [account.role.encode()], deadline).get_value(0, 0) or b"").decode(errors="replace")


def forget(account: Account, control: ServerConnection, deadline: float) -> None:
    """End the role's sessions; drop what it owns, its privileges, settings and memberships. Raises EngineError."""
    role = sql.Identifier(account.role)
    control.ask("end_role", [account.role.encode()], deadline)
    roll_back_prepared(account, control, (), deadline)
    foreign = control.ask("foreign_schemas", [account.role.encode()], deadline)
    drop_schemas(control, tuple(_text(foreign, row, 0) for row in range(foreign.ntuples)), deadline)
    settings = control.ask("role_settings", [account.role.encode()], deadline)
    undo = [compose("DROP OWNED BY {role} CASCADE", role=role), compose("ALTER ROLE {role} RESET ALL", role=role)]
    for row in range(settings.ntuples):
        database, group, member = (_text(settings, row, column) for column in range(3))
        if database:
            template = "ALTER ROLE {role} IN DATABASE {database} RESET ALL"
            undo.append(compose(template, role=role, database=sql.Identifier(database)))
        elif group:
            template = "REVOKE {group} FROM {member} CASCADE"
            undo.append(compose(template, group=sql.Identifier(group), member=sql.Identifier(member)))
    insist(control, b";".join(undo), deadline)


def _text(result: pq.abc.PGresult, row: int, column: int) -> str:
    return (result.get_value(row, column) or b"").decode(errors="replace")
