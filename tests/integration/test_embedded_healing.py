"""The embedded server heals by itself: damaged folders, killed servers, processes that hang, memory, full disks."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from simulator.engines.postgres.embedded.cluster import MAJOR, Cluster
from simulator.engines.postgres.embedded.healing import bring_up
from simulator.engines.postgres.embedded.postmaster import Postmaster, end, workers
from simulator.engines.postgres.embedded.server import SETTINGS, EmbeddedServer
from simulator.errors import EngineError
from tests.patience import BUSY


@contextmanager
def running(data_dir: Path) -> Iterator[EmbeddedServer]:
    started = EmbeddedServer.start(data_dir)
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a stopped server leaves it, to be copied and damaged."""
    folder = tmp_path_factory.mktemp("made") / f"postgres-{MAJOR}"
    EmbeddedServer.start(folder).stop()
    return folder


@pytest.fixture
def data_dir(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    subprocess.run(["cp", "-a", str(made), str(tmp_path)], check=True)
    return tmp_path / made.name


def beside(data_dir: Path) -> list[Path]:
    """The folders that were put aside."""
    return sorted(data_dir.parent.glob(f"{data_dir.name}.broken-*"))


def overwrite(path: Path, content: bytes) -> None:
    """New content, same owner."""
    owner = (path if path.exists() else path.parent).stat()
    path.write_bytes(content)
    os.chown(path, owner.st_uid, owner.st_gid)


def turn_into_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def only_version(data_dir: Path) -> None:
    for path in data_dir.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "PG_VERSION":
            path.unlink()


def garble_tables(data_dir: Path) -> None:
    for path in (data_dir / "base").rglob("*"):
        if path.name.isdigit() and path.is_file():
            overwrite(path, b"\xde\xad" * (path.stat().st_size // 2))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "control file garbled": lambda place: overwrite(place / "global" / "pg_control", b"\x12\x07\0\0" * 2048),
    "no version": lambda place: (place / "PG_VERSION").unlink(),
    "another version": lambda place: overwrite(place / "PG_VERSION", b"12\n"),
    "nothing but a version": only_version,
    "tables garbled": garble_tables,
    "a database missing": lambda place: shutil.rmtree(place / "base" / "5"),
    "settings garbled": lambda place: overwrite(place / "postgresql.auto.conf", b"shared_buffers = nonsense\n"),
    "nobody may log in": lambda place: overwrite(place / "pg_hba.conf", b"local all all reject\n"),
    "a folder in a file's place": lambda place: turn_into_folder(place / "postmaster.pid"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_folder_that_cannot_be_used_is_put_aside_and_made_anew(data_dir: Path, damage: str) -> None:
    DAMAGES[damage](data_dir)
    with running(data_dir) as server:
        with psycopg.connect(server.admin_conninfo()) as admin:
            assert admin.execute("SELECT 1").fetchone() == (1,)
        (aside,) = beside(data_dir)
        assert aside.name in str(server.notice)
        assert "Nothing is lost" in str(server.notice)
    with running(data_dir) as server:
        assert not server.notice


@pytest.mark.parametrize("rights", ["others may write", "nobody may read", "one file has no rights"])
def test_rights_to_ones_own_files_are_mended_and_nothing_is_put_aside(data_dir: Path, rights: str) -> None:
    if rights == "one file has no rights":
        (data_dir / "global" / "pg_control").chmod(0)
    else:
        data_dir.chmod(0o777 if rights == "others may write" else 0)
    with running(data_dir) as server:
        assert not server.notice
    assert beside(data_dir) == []


def test_somebody_elses_server_is_left_as_it_is(data_dir: Path) -> None:
    overwrite(data_dir / "postmaster.opts", b'/usr/lib/postgresql/18/bin/postgres "-D" "/srv/shop"\n')
    overwrite(data_dir / "PG_VERSION", b"12\n")
    with pytest.raises(EngineError, match="was written by PostgreSQL 12"):
        EmbeddedServer.start(data_dir)
    assert beside(data_dir) == []
    assert (data_dir / "PG_VERSION").read_text() == "12\n"


def test_a_folder_that_is_not_to_blame_comes_back(data_dir: Path) -> None:
    (data_dir / "mine").write_text("x")
    cluster = Cluster(data_dir, {**SETTINGS, "shared_buffers": "nonsense"})
    with pytest.raises(EngineError, match="shared_buffers"):
        bring_up(cluster, lambda _: None, lambda: True)
    assert (data_dir / "mine").exists()
    assert beside(data_dir) == []


def test_a_folder_that_others_use_is_not_put_aside(data_dir: Path) -> None:
    (data_dir / "PG_VERSION").unlink()
    with pytest.raises(EngineError, match="damaged"):
        bring_up(Cluster(data_dir, SETTINGS), lambda _: None, lambda: False)
    assert beside(data_dir) == []


def test_a_server_that_runs_costs_nothing_to_ensure(data_dir: Path) -> None:
    with running(data_dir) as server:
        before = server.pid
        assert not server.ensure()
        assert server.pid == before


def kill_server(server: EmbeddedServer) -> None:
    """`kill -9` of the server alone: what it started ends by itself, sooner or later."""
    assert end([psutil.Process(server.pid)], seconds=10)


def remove_folder(server: EmbeddedServer) -> None:
    shutil.rmtree(server.data_dir)


def remove_socket(server: EmbeddedServer) -> None:
    (server.data_dir / ".s.PGSQL.5432").unlink()


@pytest.mark.parametrize("loss", [kill_server, remove_folder, remove_socket])
def test_a_server_that_is_gone_is_started_again_by_who_needs_it(
    data_dir: Path, loss: Callable[[EmbeddedServer], None]
) -> None:
    with running(data_dir) as server:
        before = server.pid
        loss(server)
        assert server.ensure()
        assert not server.ensure()
        assert server.pid != before
        with psycopg.connect(server.admin_conninfo()) as admin:
            admin.execute("SELECT 1")
    assert workers(data_dir) == []


def test_many_threads_and_processes_start_a_killed_server_once(data_dir: Path) -> None:
    with running(data_dir) as one, running(data_dir) as other, ThreadPoolExecutor(8) as threads:
        kill_server(one)
        barrier = threading.Barrier(8)
        asked = [threads.submit(lambda s: (barrier.wait(), s.ensure())[1], (one, other)[i % 2]) for i in range(8)]
        assert all(future.result() for future in asked)
        assert one.pid == other.pid
        assert len([process for process in workers(data_dir) if process.ppid() != one.pid]) == 1


def test_a_stopped_share_is_not_started_again(data_dir: Path) -> None:
    server = EmbeddedServer.start(data_dir)
    server.stop()
    assert not server.ensure()
    assert Postmaster.find(data_dir) is None


def stop_processes(server: EmbeddedServer) -> None:
    """Nothing that is asked of them is done."""
    for process in workers(server.data_dir):
        process.suspend()


def stop_backends(server: EmbeddedServer) -> None:
    for process in psutil.Process(server.pid).children():
        process.suspend()


def kill_and_leave_backends(server: EmbeddedServer) -> None:
    """A backend that hangs outlives its server, and holds its memory."""
    stop_backends(server)
    kill_server(server)


@pytest.mark.parametrize("state", [stop_processes, stop_backends, kill_and_leave_backends])
def test_processes_that_hang_do_not_delay_the_end_and_the_next_start_works(
    data_dir: Path, state: Callable[[EmbeddedServer], None]
) -> None:
    server = EmbeddedServer.start(data_dir)
    connection = psycopg.connect(server.admin_conninfo())
    state(server)
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 2.5 * BUSY
    assert workers(data_dir) == []
    connection.close()
    with running(data_dir) as server:
        assert not server.notice


def test_a_killed_server_whose_backend_hangs_is_started_again(data_dir: Path) -> None:
    with running(data_dir) as server, psycopg.connect(server.admin_conninfo()):
        kill_and_leave_backends(server)
        assert server.ensure()
        assert not server.notice


def test_a_backend_that_wants_too_much_memory_is_told_so(data_dir: Path) -> None:
    with running(data_dir) as server, psycopg.connect(server.admin_conninfo(), autocommit=True) as admin:
        with pytest.raises(psycopg.errors.OutOfMemory):
            admin.execute("SELECT repeat('x', 600000000), repeat('y', 600000000)")
        assert admin.execute("SELECT 1").fetchone() == (1,)


def test_two_hundred_thousand_locks_fit(data_dir: Path) -> None:
    assert int(SETTINGS["max_connections"]) * int(SETTINGS["max_locks_per_transaction"]) >= 200_000
    with running(data_dir) as server, psycopg.connect(server.admin_conninfo(), autocommit=True) as admin:
        taken = admin.execute("SELECT count(pg_advisory_lock(n)) FROM generate_series(1, 200000) AS n").fetchone()
        assert taken == (200_000,)
