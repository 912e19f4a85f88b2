"""SQL that Txscope itself sends: by name from the `.sql` files beside this module, or filled with quoted parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql

#: Begins what opens a session: a look at the server tells by it that the session has done nothing of its own.
OPENING = "/* Txscope opens a session */ "


@cache
def statement(name: str) -> bytes:
    """The text of `sql/<name>.sql`."""
    return files("simulator.engines.postgres").joinpath("sql", f"{name}.sql").read_bytes()


def asked(connection: psycopg.Connection[Any], name: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of `sql/<name>.sql` on a connection of psycopg's, with values for its `$1`s. Raises psycopg.Error."""
    return psycopg.RawCursor(connection).execute(statement(name), values).fetchall()


def compose(template: str, **parts: sql.Composable) -> bytes:
    """Fill `{names}` of a template with identifiers and literals, quoted by psycopg."""
    return sql.SQL(template).format(**parts).as_bytes(None)


def setting_sql(settings: Mapping[str, str]) -> bytes:
    """`;SET name = value` for each, to follow other statements."""
    return b"".join(
        compose(";SET {setting} = {value}", setting=sql.Identifier(setting), value=sql.Literal(value))
        for setting, value in settings.items()
    )


def array(values: Iterable[object]) -> bytes:
    r"""An array as the server reads it, for a `$1`.

    >>> array(["a", 'b "c"', 3])
    b'{"a","b \\"c\\"","3"}'
    """
    quoted = ('"' + str(value).replace("\\", r"\\").replace('"', r"\"") + '"' for value in values)
    return ("{" + ",".join(quoted) + "}").encode()


def quoted(name: str) -> str:
    """An SQL identifier, quoted, for people."""
    return sql.Identifier(name).as_string(None)


def pids(value: object) -> tuple[int, ...]:
    """The processes of an array that the server sent as text, each once; none for NULL.

    >>> pids("{7,8,7}"), pids(None)
    ((7, 8), ())
    """
    return tuple(dict.fromkeys(int(pid) for pid in str(value or "").strip("{}").split(",") if pid))
