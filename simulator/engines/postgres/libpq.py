"""libpq reads this process's environment; what it says is meant for another server than the embedded one."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from functools import cache
from types import MappingProxyType

import psycopg2
from psycopg import pq
from psycopg2.extensions import parse_dsn

#: where nothing is not a value that libpq takes, and none is built in
_VALUES: Mapping[str, str] = MappingProxyType({"sslcertmode": "allow", "client_encoding": "UTF8"})
#: what no parameter overrides: a service that is not defined is an error before anything else is looked at, and the
#: others are sent to the server as they are
_ONLY_IN_ENVIRONMENT = ("PGSERVICE", "PGTZ", "PGDATESTYLE", "PGGEQO")


@cache
def neutral() -> Mapping[str, str]:
    """Each parameter that libpq would take from the environment or from a password file, as if there were neither.

    A password is not among them: a server that asks for none does not look at one. Both drivers know them all.
    """
    values = {name: _VALUES.get(name, built_in) for name, (_, built_in) in _parameters().items() if _both_know(name)}
    # Empty means ~/.pgpass, and libpq complains of one that others can read; this one is never there.
    return MappingProxyType({**values, "passfile": f"{os.devnull}/none"})


def forget(environ: MutableMapping[str, str] = os.environ) -> None:
    """Take out of this process's environment what would still count although `neutral` is given, and only that."""
    newer = (variable for name, (variable, _) in _parameters().items() if not _both_know(name))
    for variable in (*_ONLY_IN_ENVIRONMENT, *newer):
        environ.pop(variable, None)


@cache
def _parameters() -> Mapping[str, tuple[str, str]]:
    """Name -> (the variable that it has in the environment, what is built in)."""
    options = {option.keyword.decode(): option for option in pq.Conninfo.get_defaults() if option.envvar}
    return {
        name: ((option.envvar or b"").decode(), (option.compiled or b"").decode())
        for name, option in options.items()
        if name not in ("service", "password")
    }


@cache
def _both_know(name: str) -> bool:
    """Whether psycopg2 takes it too: its libpq may be an older one, and refuses what it does not know."""
    try:
        parse_dsn(f"{name}=''")
    except psycopg2.ProgrammingError:
        return False
    return True
