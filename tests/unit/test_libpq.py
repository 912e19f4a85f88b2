"""What the environment says about another server does not reach a connection that names every parameter itself."""

from __future__ import annotations

from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg2.extensions import parse_dsn

from simulator.engines.postgres.libpq import forget, neutral


def test_every_parameter_of_the_environment_is_named_or_taken_out() -> None:
    variables = {option.keyword.decode(): (option.envvar or b"").decode() for option in pq.Conninfo.get_defaults()}
    environ = {variable: "x" for variable in variables.values() if variable}
    forget(environ)
    named = {variables[name] for name in neutral()}
    assert set(environ) <= named | {"PGPASSWORD"}


def test_both_drivers_know_what_is_named() -> None:
    given = dict(neutral())
    parse_dsn(make_conninfo("", **given))
    assert pq.Conninfo.parse(make_conninfo("", **given).encode())


def test_nothing_else_is_taken_out_of_the_environment() -> None:
    environ = {"PGHOST": "db", "PGSSLMODE": "require", "PATH": "/bin", "PGSERVICE": "nowhere", "PGTZ": "nowhere"}
    forget(environ)
    assert environ == {"PGHOST": "db", "PGSSLMODE": "require", "PATH": "/bin"}
