"""What runs left on the embedded server, beside the tenants that wait for the next ones: it should be nothing.

Two looks are compared by what is there and not by how much: what others made before may go away meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import psycopg

from benchmarks.attack import settled
from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.postgres.engine import PostgresEngine
from simulator.labs.place import Place

#: Things by what nothing that comes later shares with them.
Things = frozenset[tuple[str, object]]

#: Seconds for what is washed behind the scenes.
PATIENCE_S = 20.0


def left_behind(server: EmbeddedServer) -> list[str]:
    """Schemas, objects, settings, roles, databases of runs, and backends that are still in one.

    What is washed behind the scenes is waited for, and a backend that was told to end.
    """
    wait_for("txscope-washer")
    return settled(server.admin_conninfo)


def wait_for(name: str) -> None:
    """Until no thread of this name goes on."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def left_since(before: Things, look: Callable[[], Things], patience_s: float = PATIENCE_S) -> Things:
    """What is there, was not before, and stays: what is being closed or washed has a while to be gone."""
    until = monotonic() + patience_s
    while (left := look() - before) and monotonic() < until:
        threading.Event().wait(0.01)
    return left


def backends_at_rest(place: Place, wanted: int) -> int:
    """How many backends the application has: `wanted`, or what it still is after a while.

    The server needs a moment after a client has closed its end.
    """
    until = monotonic() + PATIENCE_S
    while (found := len(place.application_backends())) != wanted and monotonic() < until:
        threading.Event().wait(0.01)
    return found


def in_process(engine: Engine | None = None) -> Things:
    """Threads and open sockets, without the connections that the engine keeps for the next run."""
    kept = _kept(engine) if engine is not None else set()
    threads = {("thread", each) for each in threading.enumerate()}
    return frozenset(threads | {("socket", link) for number, link in _files() if number not in kept})


def of_runs(server: EmbeddedServer) -> Things:
    """Runs' schemas, and the backends that bear a run's label; one of a tenant that waits bears none."""
    # It may drop the database that is about to be looked into.
    wait_for("txscope-washer")
    with psycopg.connect(server.admin_conninfo(), autocommit=True) as admin:
        backends = admin.execute(
            "SELECT pid, backend_start, application_name FROM pg_stat_activity WHERE application_name LIKE 'txscope%:%'"
        ).fetchall()
        tenants = admin.execute("SELECT datname FROM pg_database WHERE datname ~ '^txscope_[0-9]+$'").fetchall()
    found: set[tuple[str, object]] = {("backend", each) for each in backends}
    for (database,) in tenants:
        with psycopg.connect(server.admin_conninfo(database), autocommit=True) as admin:
            schemas = admin.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'txscope_run_%'").fetchall()
        found |= {("schema", each) for each in schemas}
    return frozenset(found)


def _kept(engine: Engine) -> set[int]:
    """File numbers of the connections that wait with their tenants."""
    assert isinstance(engine, PostgresEngine)
    tenants = tuple(engine._tenants._waiting)
    connections = [each for tenant in tenants for each in (tenant._control, *tenant._kept) if each is not None]
    return {each.pgconn.socket for each in connections if each.usable}


def _files() -> Iterator[tuple[int, str]]:
    """The process's open sockets: (file number, a name that the system gives once); where it does not tell, none."""
    folder = Path("/proc/self/fd")
    for each in folder.iterdir() if folder.exists() else ():
        try:
            link = each.readlink().as_posix()
        except FileNotFoundError:
            continue  # closed meanwhile, as the file with which the folder is read
        if link.startswith("socket:"):
            yield int(each.name), link


def end_backend(server: EmbeddedServer, pid: int) -> None:
    """The server ends this process; it is gone afterwards."""
    with psycopg.connect(server.admin_conninfo(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
