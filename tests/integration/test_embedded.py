"""The embedded server over its whole life: shared, left behind by a killed process, found again, really stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from simulator.engines.cluster import MAJOR
from simulator.engines.embedded import ROLE_SETTINGS, EmbeddedServer, default_data_dir
from simulator.engines.postmaster import Postmaster
from simulator.engines.start import open_engine
from simulator.errors import EngineError

#: joins the server of a folder, says so, and leaves when its input ends
MEMBER = """
import sys; from pathlib import Path; from simulator.engines.embedded import EmbeddedServer
server = EmbeddedServer.start(Path(sys.argv[1])); print(server.pid, flush=True); sys.stdin.read(); server.stop()
"""


class Member:
    """Another process that uses the server."""

    def __init__(self, data_dir: Path) -> None:
        command = [sys.executable, "-c", MEMBER, str(data_dir)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def server(self) -> int:
        """The server's process id, once the process has joined."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def leave(self) -> None:
        with self.process:
            pass
        assert self.process.returncode == 0

    def kill(self) -> None:
        with self.process:
            self.process.kill()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder which is made once; each test starts and stops its server."""
    return tmp_path_factory.mktemp("emb") / f"postgres-{MAJOR}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One server for the tests that only ask."""
    with running(tmp_path_factory.mktemp("ask") / "postgres") as started:
        yield started


@contextmanager
def running(data_dir: Path) -> Iterator[EmbeddedServer]:
    started = EmbeddedServer.start(data_dir)
    try:
        yield started
    finally:
        started.stop()


def runs(data_dir: Path) -> bool:
    return Postmaster.find(data_dir) is not None


def test_two_new_processes_at_once_share_one_server_and_the_last_stops_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "made by both" / "postgres"
    one, two = Member(data_dir), Member(data_dir)
    assert one.server() == two.server()
    one.leave()
    assert runs(data_dir)
    two.leave()
    assert not runs(data_dir)
    assert {path.name for path in data_dir.parent.iterdir()} == {"postgres", "postgres.lock", "postgres.users"}


def test_the_server_of_a_killed_process_is_found_and_really_stopped(data_dir: Path) -> None:
    killed = Member(data_dir)
    left = killed.server()
    killed.kill()
    assert runs(data_dir)
    found = EmbeddedServer.start(data_dir)
    other = Member(data_dir)
    assert found.pid == other.server() == left
    found.stop()
    assert runs(data_dir)
    other.leave()
    assert not runs(data_dir)


def test_a_forked_child_does_not_take_the_server_from_its_parent(data_dir: Path) -> None:
    code = """
import os, sys; from pathlib import Path
from simulator.engines.embedded import EmbeddedServer; from simulator.engines.postmaster import Postmaster
server = EmbeddedServer.start(Path(sys.argv[1])); os.fork() or sys.exit(); os.wait()
assert Postmaster.find(server.data_dir)
"""
    subprocess.run([sys.executable, "-c", code, str(data_dir)], check=True, capture_output=True)
    assert not runs(data_dir)


def test_two_names_of_one_folder_are_one_server(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data_dir.parent)
    with running(data_dir) as one, running(tmp_path / "link" / data_dir.name) as two:
        assert one.pid == two.pid


def test_one_process_may_use_it_twice_and_stop_twice(data_dir: Path) -> None:
    first, second = EmbeddedServer.start(data_dir), EmbeddedServer.start(data_dir)
    first.stop()
    first.stop()
    with psycopg.connect(second.lab_conninfo()) as connection:
        connection.execute("SELECT 1")
    second.stop()
    assert not runs(data_dir)


@pytest.mark.parametrize("left", ["another process's number", "no such process", "nothing in it", "half of it"])
def test_what_a_dead_server_left_does_not_stand_in_the_way(data_dir: Path, left: str) -> None:
    EmbeddedServer.start(data_dir).stop()
    lines = [str(os.getpid()), str(data_dir), "1700000000", "5432", str(data_dir), "", "  1234567  7654321", "ready"]
    if left == "no such process":
        lines[0] = "2147483000"
    kept = {"nothing in it": 0, "half of it": 3}.get(left, len(lines))
    file = data_dir / "postmaster.pid"
    file.write_text("".join(f"{line}\n" for line in lines[:kept]))
    owner = (data_dir / "PG_VERSION").stat()
    os.chown(file, owner.st_uid, owner.st_gid)
    with running(data_dir) as server:
        assert server.pid not in (os.getpid(), 2147483000)


def test_the_plain_role_has_what_schedules_rely_on(shared: EmbeddedServer) -> None:
    with psycopg.connect(shared.lab_conninfo()) as lab:
        shown = {name: lab.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in ROLE_SETTINGS}
        assert shown == {name: (value,) for name, value in ROLE_SETTINGS.items()}
        assert lab.execute("SELECT current_setting('max_connections')::int").fetchone() == (300,)
        assert lab.execute("SELECT current_setting('is_superuser'), current_user::text").fetchone() == (
            "off",
            "txscope_lab",
        )
        lab.execute("CREATE SCHEMA mine CREATE TABLE t (id int)")
        lab.rollback()


FORBIDDEN = (
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/txscope-was-here'",
    "CREATE TEMPORARY TABLE t (line text); COPY t FROM '/etc/passwd'",
    "CREATE TEMPORARY TABLE t (line text); COPY t FROM PROGRAM 'id'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_export(lo_create(0), '/tmp/txscope-was-here')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT passwd FROM pg_shadow",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "ALTER ROLE txscope_lab SUPERUSER",
    "CREATE ROLE somebody",
    "CREATE DATABASE elsewhere",
    "CREATE EXTENSION dblink",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/lib/libc.so.6', 'getpid'",
    "ALTER SYSTEM SET jit = on",
    "CREATE TABLE public.t (id int)",
    "SET log_min_messages = debug5",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_what_the_plain_role_may_not_do(shared: EmbeddedServer, statement: str) -> None:
    with psycopg.connect(shared.lab_conninfo(), autocommit=True) as lab:
        for part in statement.split("; "):
            refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
            with nullcontext() if part.startswith("CREATE TEMPORARY") else refused:
                lab.execute(part)


def test_the_plain_role_may_not_enter_other_databases(shared: EmbeddedServer) -> None:
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(shared.lab_conninfo(), dbname=database)


def test_both_drivers_log_in(shared: EmbeddedServer) -> None:
    for driver in ("psycopg", "psycopg2"):
        engine = create_engine(shared.lab_url(driver))
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT current_user::text")) == "txscope_lab"
        engine.dispose()


def test_what_a_visitor_did_to_the_role_is_undone_at_the_next_start(shared: EmbeddedServer) -> None:
    with psycopg.connect(shared.lab_conninfo(), autocommit=True) as lab:
        lab.execute("ALTER ROLE txscope_lab SET local_preload_libraries = 'nonsense'")
        lab.execute("ALTER ROLE txscope_lab SET search_path = nowhere")
    with pytest.raises(psycopg.OperationalError, match="nonsense"):
        psycopg.connect(shared.lab_conninfo())
    EmbeddedServer.start(shared.data_dir).stop()
    with psycopg.connect(shared.lab_conninfo()) as lab:
        assert lab.execute("SHOW search_path").fetchone() == ('"$user", public',)


def test_settings_for_another_server_do_not_count(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = {"PGPORT": "1", "PGHOST": "nowhere.invalid", "PGUSER": "x", "PGOPTIONS": "-c jit=maybe", "PGDATA": "/nowhere"}
    for name, value in {**odd, "LC_ALL": "tlh_QO.UTF-8", "LANG": "nonsense"}.items():
        monkeypatch.setenv(name, value)
    with running(data_dir) as server, psycopg.connect(server.lab_conninfo()) as lab:
        assert lab.execute("SELECT current_user::text").fetchone() == ("txscope_lab",)


def test_a_folder_whose_name_is_long_or_odd(tmp_path: Path) -> None:
    data_dir = tmp_path / 'it\'s a "long" $HOME, `true`; ä 事务' / ("x" * 90) / "postgres"
    with running(data_dir) as server:
        with psycopg.connect(server.lab_conninfo()) as lab:
            lab.execute("SELECT 1")
        socket_dir = Path(psycopg.conninfo.conninfo_to_dict(server.lab_conninfo())["host"])  # type: ignore[arg-type]
        assert socket_dir.stat().st_mode & 0o077 == 0
    assert not runs(data_dir)


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "other" / "notes").mkdir(parents=True)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "PG_VERSION").write_text("12\n")
    for folder, problem in (
        (tmp_path / "file" / "postgres", "is not a folder"),
        (tmp_path / "file", "is not a folder"),
        (tmp_path / "other", "holds other files"),
        (tmp_path / "old", "was written by PostgreSQL 12"),
        (tmp_path / ("x" * 300) / "postgres", "is too long"),
        (Path("/proc/txscope/postgres"), "cannot be made there"),
    ):
        with pytest.raises(EngineError) as caught:
            EmbeddedServer.start(folder)
        assert problem in str(caught.value)
        assert str(folder) in str(caught.value)


def test_a_damaged_folder_is_called_so(tmp_path: Path) -> None:
    with running(tmp_path / "postgres") as server:
        control = server.data_dir / "global" / "pg_control"
    control.write_bytes(b"\x12\x07\0\0" * 2048)
    with pytest.raises(EngineError, match="is damaged"):
        EmbeddedServer.start(server.data_dir)


def test_a_start_that_failed_may_be_tried_again(data_dir: Path) -> None:
    configuration = data_dir / "postgresql.auto.conf"
    before = configuration.read_text()
    configuration.write_text("shared_buffers = nonsense\n")
    with pytest.raises(EngineError, match=r"did not start: .*contains errors"):
        EmbeddedServer.start(data_dir)
    configuration.write_text(before)
    EmbeddedServer.start(data_dir).stop()
    assert not runs(data_dir)


def test_the_engine_is_embedded_where_no_server_is_named(data_dir: Path, tmp_path: Path) -> None:
    assert default_data_dir({"TXSCOPE_DATA": str(tmp_path)}) == tmp_path / f"postgres-{MAJOR}"
    assert default_data_dir({}).parts[-2:] == ("txscope", f"postgres-{MAJOR}")
    engine = open_engine({"TXSCOPE_DATA": str(data_dir.parent), "DATABASE_URL": ""})
    try:
        info = engine.info()
        assert (info.embedded, info.role, info.place) == (True, "txscope_lab", f"embedded, in {data_dir}")
        assert info.version.startswith(f"{MAJOR}.")
    finally:
        engine.close()
    assert not runs(data_dir)
