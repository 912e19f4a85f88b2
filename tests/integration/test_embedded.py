"""The embedded server over its whole life: shared, left behind by a killed process, found again, really stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import psycopg
import psycopg2
import pytest
from psycopg.conninfo import conninfo_to_dict

from simulator.engines.postgres.connection import ServerConnection
from simulator.engines.postgres.embedded.cluster import MAJOR
from simulator.engines.postgres.embedded.postmaster import Postmaster
from simulator.engines.postgres.embedded.server import EmbeddedServer, default_data_dir
from simulator.engines.postgres.embedded.tenants import EmbeddedTenants
from simulator.engines.postgres.settings import TENANT_SETTINGS
from simulator.engines.postgres.tenant_source import Account
from simulator.engines.start import open_engine
from simulator.errors import EngineError

#: joins the server of a folder, says so, and leaves when its input ends
MEMBER = """
import sys; from pathlib import Path; from simulator.engines.postgres.embedded.server import EmbeddedServer
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


@pytest.fixture(scope="module")
def tenant(shared: EmbeddedServer) -> Iterator[Account]:
    """Who a run is on that server."""
    source = EmbeddedTenants(EmbeddedServer.start(shared.data_dir))
    account = source.claim(1)
    assert account is not None
    control = ServerConnection(account.control, source.explain)
    source.prepare(account, control, time.monotonic() + 20)
    yield account
    control.close()
    source.close()


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
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.postgres.embedded.postmaster import Postmaster
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
    with psycopg.connect(second.admin_conninfo()) as connection:
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


def test_a_tenant_has_what_schedules_rely_on(tenant: Account) -> None:
    with psycopg.connect(tenant.session) as plain:
        shown = {name: plain.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in TENANT_SETTINGS}
        assert shown == {name: (value,) for name, value in TENANT_SETTINGS.items()}
        asked = plain.execute("SELECT current_setting('is_superuser'), current_user::text").fetchone()
        assert asked == ("off", tenant.role)


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
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "CREATE ROLE somebody",
    "CREATE DATABASE elsewhere",
    "CREATE EXTENSION dblink SCHEMA public",
    "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE c AS '/lib/libc.so.6', 'getpid'",
    "ALTER SYSTEM SET jit = on",
    "CREATE TABLE public.t (id int)",
    "SET log_min_messages = debug5",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_what_a_tenant_may_not_do(tenant: Account, statement: str) -> None:
    with psycopg.connect(tenant.session, autocommit=True) as plain:
        for part in statement.split("; "):
            refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
            with nullcontext() if part.startswith("CREATE TEMPORARY") else refused:
                plain.execute(part)


def test_a_tenant_may_not_enter_other_databases(shared: EmbeddedServer, tenant: Account) -> None:
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(shared.conninfo(tenant.role, database))


def test_a_database_that_was_half_dropped_is_dropped(data_dir: Path) -> None:
    with running(data_dir) as server, psycopg.connect(server.admin_conninfo(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE half")
        admin.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half'")
        EmbeddedServer.start(data_dir).stop()
        assert admin.execute("SELECT FROM pg_database WHERE datname = 'half'").fetchone() is None


#: what a shell may say about another server
ODD = {
    "PGPORT": "1",
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGUSER": "x",
    "PGDATABASE": "x",
    "PGPASSFILE": "/nowhere",
    "PGOPTIONS": "-c jit=maybe",
    "PGDATA": "/nowhere",
    "PGSERVICE": "not_defined",
    "PGSSLMODE": "require",
    "PGSSLCERT": "/nowhere",
    "PGSSLKEY": "/nowhere",
    "PGSSLROOTCERT": "system",
    "PGSSLCERTMODE": "require",
    "PGSSLNEGOTIATION": "direct",
    "PGSSLMINPROTOCOLVERSION": "TLSv9",
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGREQUIREPEER": "nobody",
    "PGTARGETSESSIONATTRS": "standby",
    "PGLOADBALANCEHOSTS": "sometimes",
    "PGGSSENCMODE": "require",
    "PGCONNECT_TIMEOUT": "soon",
    "PGCLIENTENCODING": "tlhIngan",
    "PGMINPROTOCOLVERSION": "9",
    "PGTZ": "nowhere",
    "PGDATESTYLE": "nonsense",
    "PGGEQO": "perhaps",
    "LC_ALL": "tlh_QO.UTF-8",
    "LANG": "nonsense",
}


def test_settings_for_another_server_do_not_count(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ODD.items():
        monkeypatch.setenv(name, value)
    with running(data_dir) as server:
        with psycopg.connect(server.admin_conninfo()) as connection:
            assert connection.execute("SHOW jit").fetchone() == ("off",)
        keywords = {name: str(value) for name, value in conninfo_to_dict(server.admin_conninfo()).items()}
        with closing(psycopg2.connect(**keywords)) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW jit")
            assert cursor.fetchone() == ("off",)


def test_a_password_file_that_others_can_read_is_no_warning(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".pgpass").write_text("*:*:*:*:secret\n")
    (tmp_path / ".pgpass").chmod(0o644)
    (tmp_path / ".pg_service.conf").write_text("[default]\nhost=nowhere.invalid\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with running(data_dir) as server, psycopg.connect(server.admin_conninfo()):
        assert "pgpass" not in capfd.readouterr().err


def test_a_folder_whose_name_is_long_or_odd(tmp_path: Path) -> None:
    data_dir = tmp_path / 'it\'s a "long" $HOME, `true`; ä 事务' / ("x" * 90) / "postgres"
    with running(data_dir) as server:
        with psycopg.connect(server.admin_conninfo()) as admin:
            admin.execute("SELECT 1")
        socket_dir = Path(psycopg.conninfo.conninfo_to_dict(server.admin_conninfo())["host"])  # type: ignore[arg-type]
        assert socket_dir.stat().st_mode & 0o077 == 0
    assert not runs(data_dir)


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "other" / "notes").mkdir(parents=True)
    for folder, problem in (
        (tmp_path / "file" / "postgres", "is not a folder"),
        (tmp_path / "file", "is not a folder"),
        (tmp_path / "other", "holds other files"),
        (tmp_path / ("x" * 300) / "postgres", "is too long"),
        (Path("/proc/txscope/postgres"), "cannot be made there"),
    ):
        with pytest.raises(EngineError) as caught:
            EmbeddedServer.start(folder)
        assert problem in str(caught.value)
        assert str(folder) in str(caught.value)


def test_the_engine_is_embedded_where_no_server_is_named(data_dir: Path, tmp_path: Path) -> None:
    assert default_data_dir({"TXSCOPE_DATA": str(tmp_path)}) == tmp_path / f"postgres-{MAJOR}"
    assert default_data_dir({}).parts[-2:] == ("txscope", f"postgres-{MAJOR}")
    engine = open_engine({"TXSCOPE_DATA": str(data_dir.parent), "DATABASE_URL": ""})
    try:
        info = engine.info()
        assert (info.embedded, info.role, str(info.place)) == (True, "txscope_1", f"embedded, in {data_dir}")
        assert info.version.startswith(f"{MAJOR}.")
    finally:
        engine.close()
    assert not runs(data_dir)
