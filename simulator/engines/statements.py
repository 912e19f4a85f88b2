"""SQL that Txscope itself sends, by name, from the `.sql` files beside this module."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import psycopg
from psycopg import pq, sql

from simulator.errors import EngineError

_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE)


@cache
def statement(name: str) -> bytes:
    """The text of `sql/<name>.sql`."""
    return files("simulator.engines").joinpath("sql", f"{name}.sql").read_bytes()


def execute(connection: pq.abc.PGconn, query: bytes) -> list[pq.abc.PGresult]:
    """Every result of one round trip, in order. Raises EngineError with the server's message."""
    with _told():
        connection.send_query(query)
        return _results(connection)


def drain(connection: pq.abc.PGconn) -> None:
    """Read the answer to what was sent earlier. Raises EngineError."""
    with _told():
        _results(connection)


def execute_with(connection: pq.abc.PGconn, query: bytes, values: list[bytes | None]) -> pq.abc.PGresult:
    """The result of one statement with values for its `$1`s. Raises EngineError."""
    with _told():
        connection.send_query_params(query, values)
        return _results(connection)[0]


def execute_prepared(connection: pq.abc.PGconn, name: bytes, values: list[bytes | None]) -> pq.abc.PGresult:
    """The result of a prepared statement. Raises EngineError."""
    with _told():
        connection.send_query_prepared(name, values)
        return _results(connection)[0]


def prepare(connection: pq.abc.PGconn, name: bytes, query: bytes) -> None:
    """Prepare a statement on this connection. Raises EngineError."""
    with _told():
        connection.send_prepare(name, query)
        _results(connection)


def compose(template: str, **parts: sql.Composable) -> bytes:
    """Fill `{names}` of a template with identifiers and literals, quoted by psycopg."""
    return sql.SQL(template).format(**parts).as_bytes(None)


@contextmanager
def _told() -> Iterator[None]:
    """A connection that is gone is an EngineError too."""
    try:
        yield
    except psycopg.Error as error:
        raise EngineError(" ".join(str(error).split())) from None


def _results(connection: pq.abc.PGconn) -> list[pq.abc.PGresult]:
    results = []
    while (result := connection.get_result()) is not None:
        results.append(result)
    for result in results:
        if result.status in _FAILED:
            raise EngineError(" ".join(result.get_error_message().split()))
    return results
