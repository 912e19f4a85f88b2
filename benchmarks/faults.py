"""What is killed, full or broken: seconds until the next run works, clicks that failed meanwhile, and what is left.

A click is one run by the page's own `Manager.using`. What is left is counted by a superuser, against what a server has
after a run without faults: when the next run is over and its application has ended ("left"), and once more after the
next start, which sweeps.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from simulator.engines.postgres.embedded.cluster import SUPERUSER, Cluster
from simulator.engines.postgres.embedded.postmaster import Postmaster, end, workers
from simulator.engines.postgres.embedded.server import EmbeddedServer, default_data_dir
from simulator.errors import TxscopeError
from simulator.model import Isolation
from simulator.scenarios.loader import find
from simulator.ui.app.manager import Manager
from simulator.verdict.judge import Finding
from simulator.verdict.run import run_scenario

#: a click that does not help within that time never does; then "Try again" is clicked, for as long
PATIENCE_S = 8.0
LIMIT_S = 3.0
RC = Isolation.READ_COMMITTED
#: runs and runs, and says so after the first
APP = """
import os, sys
from simulator.model import Isolation; from simulator.verdict.run import run_scenario
from simulator.scenarios.loader import find; from simulator.ui.app.manager import Manager
manager, scenario = Manager(os.environ), find("lost_update")
while True:
    manager.using(lambda engine: run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED))
    print("ran", flush=True)
"""
#: in every database; not counted is what PostgreSQL brings, and tenants, whose role and database wait for the next run
LEFT = {
    "schemas": "SELECT nspname::text FROM pg_namespace "
    "WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema', 'txscope_inspect')",
    "tables": "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND oid >= 16384",
    "objects": "SELECT oid::text FROM pg_largeobject_metadata",
}
#: in all of them together
SHARED = {
    "roles": "SELECT rolname::text FROM pg_roles WHERE rolname !~ '^txscope_[0-9]+$'",
    "backends": "SELECT pid::text FROM pg_stat_activity WHERE backend_type = 'client backend' "
    "AND pid <> pg_backend_pid()",
    "prepared": "SELECT gid FROM pg_prepared_xacts",
}
Left = dict[str, set[str]]


@dataclass
class Place:
    """Where the application runs; `login` gives a superuser's keywords."""

    environ: dict[str, str]
    login: Callable[[], Mapping[str, object]]
    normal: Left = field(default_factory=dict)

    def left(self) -> Left:
        """What is on the server at this moment, each thing with its database's name."""
        found: Left = {kind: set() for kind in (*LEFT, *SHARED)}
        with self._connect("postgres") as admin:
            databases = [name for (name,) in admin.execute("SELECT datname::text FROM pg_database WHERE datallowconn")]
            for kind, query in SHARED.items():
                found[kind] = {name for (name,) in admin.execute(query)}
        for database in databases:
            with self._connect(database) as admin:
                for kind, query in LEFT.items():
                    found[kind] |= {f"{database}.{name}" for (name,) in admin.execute(query)}
        return found

    def more(self) -> str:
        """What is more than normal, as `2 schemas, 1 roles`."""
        deadline = time.monotonic() + PATIENCE_S
        counts: dict[str, int] = {}
        while time.monotonic() < deadline:
            counts = {kind: len(names - self.normal[kind]) for kind, names in self.left().items()}
            if not counts["backends"]:
                break
        return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "nothing"

    def settle(self) -> None:
        """Start, run and end once without a fault; what is there then is normal."""
        manager = Manager(self.environ)
        click(manager)
        manager.stop()
        self.normal = self.left()
        self.normal["backends"] = set()

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(**{**self.login(), "dbname": database}, autocommit=True)  # type: ignore[arg-type]


def main() -> bool:
    print(f"{'fault':34} {'next run':>10} {'failed':>6}   left; at the next start")
    reached = [scenario() for scenario in FAULTS]
    return all(reached)


def click(manager: Manager) -> None:
    """One run, as a page asks for it."""
    scenario = find("lost_update")
    result = manager.using(lambda engine: run_scenario(engine, scenario, scenario.variants[0], RC))
    if result.finding is Finding.UNCONFIRMED:
        raise TxscopeError(f"undecided: {result.replayed.reason}")


def heal(manager: Manager) -> tuple[float, int, str]:
    """Click until a run works: seconds, clicks that failed, and a remark."""
    began, failed, last = time.monotonic(), 0, ""
    for remark, again in (("", None), ('only after "Try again"', manager.retry)):
        if again is not None:
            again()
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                click(manager)
            except (TxscopeError, psycopg.Error) as error:
                failed, last = failed + 1, " ".join(str(error).split())
                threading.Event().wait(0.02)
            else:
                return time.monotonic() - began, failed, "; ".join(part for part in (remark, last) if part)
    return float("inf"), failed, last


def row(name: str, place: Place, manager: Manager) -> bool:
    """Heal, count, print; whether it was soon and nothing was left."""
    seconds, failed, remark = heal(manager)
    try:
        manager.stop()
        first = place.more()
        again = Manager(place.environ)
        with suppress(TxscopeError):
            click(again)
        again.stop()
        second = place.more()
    except (TxscopeError, psycopg.Error) as error:
        first = second = f"not known: {' '.join(str(error).split())}"
    took = "never" if seconds == float("inf") else f"{seconds:.2f} s"
    print(f"{name:34} {took:>10} {failed:6d}   {first}; {second}", flush=True)
    if remark:
        print(f"{'':54} {remark[:200]}")
    return seconds <= LIMIT_S and (first, second) == ("nothing", "nothing")


@contextmanager
def embedded(parent: str | None = None) -> Iterator[tuple[Place, EmbeddedServer]]:
    """An embedded server that a second share keeps running."""
    with tempfile.TemporaryDirectory(prefix="tx", dir=parent) as folder:
        environ = {**os.environ, "TXSCOPE_DATA": folder, "DATABASE_URL": ""}
        share = EmbeddedServer.start(default_data_dir(environ))

        def login() -> Mapping[str, object]:
            share.ensure()
            return psycopg.conninfo.conninfo_to_dict(share.admin_conninfo())

        place = Place(environ, login)
        try:
            place.settle()
            yield place, share
        finally:
            share.stop()


@contextmanager
def external(role: str = "CREATE ROLE ada LOGIN") -> Iterator[tuple[Place, Cluster]]:
    """A server that DATABASE_URL names, with a role of its own."""
    with tempfile.TemporaryDirectory(prefix="tx") as folder:
        cluster = Cluster(Path(folder) / "pg", {"max_connections": "60", "fsync": "off"})
        cluster.create()
        socket = cluster.start().socket_dir
        login = {"host": str(socket), "port": cluster.port, "user": SUPERUSER, "dbname": "postgres"}
        environ = {**os.environ, "DATABASE_URL": f"postgresql://ada@/shop?host={socket}&port={cluster.port}"}
        try:
            with psycopg.connect(**login, autocommit=True) as admin:  # type: ignore[arg-type]
                admin.execute("CREATE DATABASE shop")
                admin.execute(sql.SQL(role))
                admin.execute("GRANT CREATE ON DATABASE shop TO ada")
            yield Place(environ, lambda: login), cluster
        finally:
            cluster.stop()


@contextmanager
def app(place: Place) -> Iterator[subprocess.Popen[str]]:
    """Another process with an application that runs and runs; killed when the block ends."""
    command = [sys.executable, "-c", APP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=place.environ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def kill_backend() -> bool:
    with embedded() as (place, share):
        manager = Manager(place.environ)
        click(manager)
        with psycopg.connect(share.admin_conninfo(), autocommit=True) as admin:
            (pid,) = admin.execute("SELECT max(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()").fetchone()  # type: ignore[misc]
            os.kill(pid, signal.SIGKILL)
        return row("kill -9 of a backend", place, manager)


def kill_postmaster() -> bool:
    with embedded() as (place, share):
        manager = Manager(place.environ)
        click(manager)
        end([psutil.Process(share.pid)], PATIENCE_S)
        return row("kill -9 of the server", place, manager)


def kill_everything() -> bool:
    with embedded() as (place, share):
        manager = Manager(place.environ)
        click(manager)
        end(workers(share.data_dir), PATIENCE_S)
        return row("kill -9 of all its processes", place, manager)


def remove_folder() -> bool:
    with embedded() as (place, share):
        manager = Manager(place.environ)
        click(manager)
        end(workers(share.data_dir), PATIENCE_S)
        shutil.rmtree(share.data_dir)
        return row("killed, and the folder removed", place, manager)


def kill_app() -> bool:
    with embedded() as (place, _):
        with app(place):
            pass
        return row("kill -9 of the application", place, Manager(place.environ))


def kill_other_app() -> bool:
    with embedded() as (place, _):
        manager = Manager(place.environ)
        click(manager)
        with app(place):
            pass
        return row("two applications, one killed", place, manager)


def corrupt_folder() -> bool:
    with embedded() as (place, share):
        share.stop()
        control = share.data_dir / "global" / "pg_control"
        control.write_bytes(b"\0" * control.stat().st_size)
        manager = Manager(place.environ)
        seconds, failed, remark = heal(manager)
        aside = len(list(share.data_dir.parent.glob("*.broken-*")))
        manager.stop()
        found = "nothing" if Postmaster.find(share.data_dir) is None else "the server"
        print(
            f"{'corrupt folder':34} {f'{seconds:.2f} s':>10} {failed:6d}   {found}; {aside} folder put aside {remark}"
        )
        return seconds <= LIMIT_S and (aside, found) == (1, "nothing")


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """A disk of 250 MB; None where this user may not make one."""
    folder = Path(tempfile.mkdtemp(prefix="txdisk"))
    mount = shutil.which("mount")
    made = (
        mount
        and not subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=250m,mode=755", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
    )
    try:
        yield folder if made else None
    finally:
        if made:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def fill(disk: Path) -> Path:
    """Take all of its room; removing the file gives it back."""
    file = disk / "full"
    with file.open("wb", buffering=0) as output, suppress(OSError):
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while output.write(b"\0" * size):
                    pass
    return file


def full_at_start() -> bool:
    return _full("disk full at start", started=False)


def full_in_mid_run() -> bool:
    return _full("disk full in mid-run", started=True)


def _full(name: str, *, started: bool) -> bool:
    with small_disk() as disk:
        if disk is None:
            print(f"{name:34} not measured: only root may make a small disk")
            return True
        with embedded(str(disk)) as (place, share):
            manager = Manager(place.environ)
            if started:
                click(manager)
            else:
                share.stop()
            file = fill(disk)
            said = _said(manager)
            file.unlink()
            again = EmbeddedServer.start(share.data_dir)
            place.login = lambda: psycopg.conninfo.conninfo_to_dict(again.admin_conninfo())
            try:
                print(f"{'':54} while full: {said[:200]}")
                return row(name, place, manager)
            finally:
                again.stop()


def _said(manager: Manager) -> str:
    """What a click says while the disk is full."""
    try:
        for _ in range(200):
            click(manager)
    except (TxscopeError, psycopg.Error) as error:
        return " ".join(str(error).split())
    return "runs go on"


def external_restarted() -> bool:
    with external() as (place, cluster):
        place.settle()
        manager = Manager(place.environ)
        click(manager)
        cluster.stop()
        cluster.start()
        return row("external server restarted", place, manager)


def few_connections() -> bool:
    with external("CREATE ROLE ada LOGIN CONNECTION LIMIT 3") as (place, _):
        place.normal = place.left()
        place.normal["backends"] = set()
        return row("role with CONNECTION LIMIT 3", place, Manager(place.environ))


FAULTS: tuple[Callable[[], bool], ...] = (
    kill_backend,
    kill_postmaster,
    kill_everything,
    remove_folder,
    kill_app,
    kill_other_app,
    full_at_start,
    full_in_mid_run,
    corrupt_folder,
    external_restarted,
    few_connections,
)
