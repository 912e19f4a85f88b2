"""DATABASE_URL against real servers, and against what is none: what people read, and what is left behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from simulator.engines.postgres import external
from simulator.engines.postgres.external import ExternalServer
from simulator.engines.start import open_engine
from simulator.errors import EngineError
from tests.integration.leftovers import wait_for
from tests.integration.servers import PASSWORD, PasswordServer, fatal, free_port, impostor, password_server, welcome

HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
MYSQL = b"J\0\0\0\n8.0.36\0" + bytes(60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PasswordServer]:
    with password_server(tmp_path_factory.mktemp("ext")) as running:
        yield running


def refused(url: str) -> str:
    """The sentence for a DATABASE_URL that cannot be used, after what must be true of each such sentence."""
    with pytest.raises(EngineError) as caught:
        open_engine({"DATABASE_URL": url})
    sentence = str(caught.value)
    assert sentence.endswith("; unset DATABASE_URL to use the embedded server.")
    assert PASSWORD not in sentence
    assert "s3cr3t" not in sentence
    assert sentence.isprintable()
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return sentence


def test_a_role_that_may_only_create_schemas_is_enough(server: PasswordServer) -> None:
    engine = open_engine({"DATABASE_URL": server.url("ada")})
    try:
        info = engine.info()
        assert (str(info.place), info.role, info.embedded) == (f"127.0.0.1:{server.port}/shop as ada", "ada", False)
        assert re.fullmatch(r"18\.\d+", str(info.version))
        room = engine.create_room(("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)"), 1)
        try:
            assert room.ask("SELECT current_user::text") == (("ada",),)
        finally:
            room.close()
    finally:
        engine.close()
    assert server.roles() == set()


@pytest.mark.parametrize("role", ["boss", "maker"])
def test_schedules_do_not_run_as_a_role_that_may_do_too_much(server: PasswordServer, role: str) -> None:
    engine = open_engine({"DATABASE_URL": server.url(role)})
    try:
        assert str(engine.info().place) == f"127.0.0.1:{server.port}/shop as {role}"
        assert engine.capabilities().isolates_visitors
        room = engine.create_room(("CREATE TABLE t (id int PRIMARY KEY)",), 1)
        try:
            (row,) = room.ask("SELECT current_user::text, session_user::text, current_setting('is_superuser')")
            assert row[0] in server.roles()
            assert row == (row[0], row[0], "off")
            session = room.open("T1")
            for forbidden in ("COPY (SELECT 1) TO PROGRAM 'true'", f"SET ROLE {role}"):
                session.send(forbidden, {})
                error = session.finish().error
                assert error is not None
                assert error.sqlstate == "42501"
        finally:
            room.close()
        assert engine.capabilities().deadlock_victim_certain is (role == "boss")
    finally:
        engine.close()
    assert server.roles() == set()


def test_with_a_server_of_ones_own_the_one_that_comes_along_is_not_even_imported(server: PasswordServer) -> None:
    program = (
        "import sys; import simulator.ui.app.server, simulator.ui.app.shell, simulator.__main__\n"
        "import simulator.ui.home.welcome, simulator.ui.sessions.acid, simulator.ui.schedules.details\n"
        "from simulator.ui.app.manager import manager\n"
        "assert not manager().engine().info().embedded; manager().stop()\n"
        "print([name for name in sys.modules if 'embedded' in name])"
    )
    environ = {**os.environ, "DATABASE_URL": server.url("ada")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout.strip() == "[]"


def test_runs_of_a_plain_role_are_said_not_to_be_kept_apart(server: PasswordServer) -> None:
    engine = open_engine({"DATABASE_URL": server.url("ada")})
    try:
        assert not engine.capabilities().isolates_visitors
    finally:
        engine.close()


#: opens the engine, makes a run in it, leaves a prepared transaction with its locks, and is gone
DIES = """
import os; from simulator.engines.start import open_engine
room = open_engine(os.environ).create_room(("CREATE TABLE t (id int)",), 1)
session = room.open("T1")
for text in ("BEGIN; LOCK TABLE t", "PREPARE TRANSACTION 'x'"):
    session.send(text, {}); assert session.finish().error is None
print(room.label, flush=True); os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("role", ["boss", "ada", "maker"])
def test_what_a_killed_process_left_is_dropped_by_the_next_and_what_lives_is_not(
    server: PasswordServer, role: str
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", DIES],
        check=False,
        env={**os.environ, "DATABASE_URL": server.url(role)},
        capture_output=True,
        text=True,
    )
    label = killed.stdout.strip()
    assert killed.returncode == -9, killed.stderr
    _ended(server, label)
    left = server.roles()
    assert bool(left) is (role != "ada")
    assert label in _schemas(server, role)
    alive = open_engine({"DATABASE_URL": server.url(role)})
    room = alive.create_room((), 1)
    try:
        own = server.roles()
        second = open_engine({"DATABASE_URL": server.url(role)})
        try:
            assert room.label in _schemas(server, role)
            assert label not in _schemas(server, role)
            assert own <= server.roles()
            assert not left & server.roles()
        finally:
            second.close()
    finally:
        room.close()
        alive.close()
    assert server.roles() == set()
    assert _schemas(server, role) == set()
    assert server.admin.execute("SELECT gid FROM pg_prepared_xacts").fetchall() == []


def _schemas(server: PasswordServer, role: str) -> set[str]:
    with psycopg.connect(server.url(role)) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'txscope')")
        return {name for (name,) in found}


def _ended(server: PasswordServer, label: str) -> None:
    """Wait until the server has noticed that the process which made this schema is gone."""
    held = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND lpad(to_hex(objid::bigint), 8, '0') = %s"
    while server.admin.execute(held, (label.split("_")[2],)).fetchone() is not None:
        pass


def test_what_the_role_owns_goes_with_it(server: PasswordServer) -> None:
    """Where everybody may create schemas, the role may too: what it makes elsewhere than in its run's goes as well."""
    server.admin.execute("GRANT CREATE ON DATABASE shop TO PUBLIC")
    try:
        engine = open_engine({"DATABASE_URL": server.url("boss")})
        try:
            engine.create_room(("CREATE SCHEMA left_over CREATE TABLE t (id int); SELECT lo_create(0)",), 1).close()
        finally:
            engine.close()
    finally:
        server.admin.execute("REVOKE CREATE ON DATABASE shop FROM PUBLIC")
    assert server.roles() == set()
    with psycopg.connect(server.url("boss")) as boss:
        assert boss.execute("SELECT FROM pg_namespace WHERE nspname = 'left_over'").fetchone() is None
        assert boss.execute("SELECT FROM pg_largeobject_metadata").fetchone() is None


@pytest.mark.parametrize("role", ["boss", "maker"])
@pytest.mark.parametrize(
    "does",
    [
        "ALTER ROLE CURRENT_USER PASSWORD 'mine'",
        "ALTER ROLE CURRENT_USER SET local_preload_libraries = 'nonsense'",
        "ALTER ROLE CURRENT_USER IN DATABASE shop SET search_path = nowhere",
        "SELECT lo_create(0)",
        "PREPARE TRANSACTION 'kept'",
    ],
)
def test_what_a_run_leaves_does_not_reach_the_next_one(server: PasswordServer, role: str, does: str) -> None:
    engine = open_engine({"DATABASE_URL": server.url(role)})
    try:
        room = engine.create_room(("CREATE TABLE t (id int)",), 1)
        session = room.open("T1")
        session.send(does, {}, before="BEGIN")
        session.finish()
        session.send("COMMIT", {})
        session.finish()
        room.close()
        wait_for("txscope-washer")
        for _ in range(2):
            # More sessions than connections were kept: some log in anew.
            room = engine.create_room(("CREATE TABLE t (id int); INSERT INTO t VALUES (1)",), 8)
            try:
                for number in range(8):
                    session = room.open(f"T{number}")
                    session.send("SELECT count(*) FROM t", {})
                    assert session.finish().results[0].rows == ((1,),)
            finally:
                room.close()
    finally:
        engine.close()
    assert server.roles() == set()
    assert _schemas(server, role) == set()


def test_a_schema_named_like_the_superuser_catches_nobody(server: PasswordServer) -> None:
    """Where everybody may create schemas, the first of the superuser's path could be a visitor's."""
    server.admin.execute("GRANT CREATE ON DATABASE shop TO PUBLIC")
    trap = """
CREATE SCHEMA boss; GRANT USAGE ON SCHEMA boss TO PUBLIC; CREATE TABLE boss.caught (who text);
CREATE FUNCTION boss.note(text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN INSERT INTO boss.caught VALUES (current_user); RETURN true; END $$;
CREATE FUNCTION boss.starts_with(text, text) RETURNS bool LANGUAGE sql AS 'SELECT boss.note($1)';
CREATE FUNCTION boss.same(name, name) RETURNS bool LANGUAGE sql AS 'SELECT boss.note($1)';
CREATE OPERATOR boss.= (FUNCTION = boss.same, LEFTARG = name, RIGHTARG = name);
CREATE TABLE boss.pg_namespace (nspname text); CREATE TABLE boss.pg_roles (rolname text);
CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)"""
    try:
        engine = open_engine({"DATABASE_URL": server.url("boss")})
        try:
            room = engine.create_room((trap,), 1)
            try:
                room.open("T1")
                room.watch()
                assert engine.activity(everyone=True)
                open_engine({"DATABASE_URL": server.url("boss")}).close()
                assert room.ask("SELECT count(*) FROM boss.caught") == ((0,),)
            finally:
                room.close()
        finally:
            engine.close()
    finally:
        server.admin.execute("REVOKE CREATE ON DATABASE shop FROM PUBLIC")
    assert server.roles() == set()
    assert _schemas(server, "boss") == set()


def test_without_a_way_in_for_a_new_role_the_sql_is_told(server: PasswordServer) -> None:
    with server.first_hba_line("host all /^txscope_lab_ 127.0.0.1/32 reject"):
        sentence = refused(server.url("boss"))
    assert "must not run as boss" in sentence
    assert 'GRANT CREATE ON DATABASE "shop" TO txscope' in sentence
    assert server.roles() == set()
    assert "it may not make a plain role" in refused(server.url("filer"))


def test_a_missing_privilege_is_named_with_its_grant(server: PasswordServer) -> None:
    sentence = refused(server.url("reader"))
    assert "The role reader may not create schemas in 127.0.0.1" in sentence
    assert 'run GRANT CREATE ON DATABASE "shop" TO "reader"' in sentence


def test_a_read_only_server_is_refused(server: PasswordServer) -> None:
    assert "is read-only" in refused(server.url("ada", options="?options=-cdefault_transaction_read_only%3Don"))


def test_logins_that_the_server_refuses(server: PasswordServer) -> None:
    place = f"127.0.0.1:{server.port}/"
    for url, *told in (
        (
            server.url("ada", password="s3cr3t-wrong"),
            "refuses this user name with this password",
            f"{place}shop as ada",
        ),
        (server.url("nobody"), "refuses this user name with this password", f"{place}shop as nobody"),
        (server.url("ada", password=None), "asks for a password", f"{place}shop as ada"),
        (server.url("ada", database="nowhere"), "no database called nowhere", f"{place}nowhere as ada"),
        (server.url("crowd"), "no connection left for crowd", place),
        (server.url("absent"), "absent may not log in", place),
        (server.url("ada", options="?sslmode=require"), "does not offer TLS", place),
        (server.url("ada", options="?sslmode=s3cr3tly"), "n option after the ? of DATABASE_URL is not valid"),
    ):
        sentence = refused(url) if "sslmode=s3" not in url else _refused_option(url)
        for part in told:
            assert part in sentence
    with server.first_hba_line("hostnossl all ada 127.0.0.1/32 reject"):
        assert "pg_hba.conf rejects" in refused(server.url("ada"))
    with server.first_hba_line("host all ghost 127.0.0.1/32 trust"):
        assert "no role called ghost" in refused(server.url("ghost"))


def _refused_option(url: str) -> str:
    with pytest.raises(EngineError) as caught:
        open_engine({"DATABASE_URL": url})
    return str(caught.value)


def test_places_where_nobody_answers() -> None:
    port = free_port()
    sentence = refused(f"postgresql://ada:s3cr3t@127.0.0.1:{port}/shop")
    assert sentence.startswith(f"Nothing answers at 127.0.0.1, port {port}")
    assert "There is no host called nowhere.invalid" in refused("postgresql://ada:s3cr3t@nowhere.invalid/shop")
    assert "No server's socket can be opened in /nowhere" in refused("postgresql://ada:s3cr3t@/shop?host=/nowhere")
    with impostor(b"") as silent:
        sentence = refused(f"postgresql://ada:s3cr3t@127.0.0.1:{silent}/shop?connect_timeout=2")
    assert sentence.startswith(f"What is at 127.0.0.1, port {silent} does not answer within 2 seconds")


@pytest.mark.parametrize("reply", [HTTP, MYSQL, b"\0" * 50, b"SSH-2.0-OpenSSH_9.2\r\n", bytes(range(256)) * 20])
@pytest.mark.parametrize("sslmode", ["disable", "prefer", "require"])
def test_what_answers_is_not_postgresql(reply: bytes, sslmode: str) -> None:
    with impostor(reply) as port:
        sentence = refused(f"postgresql://ada:s3cr3t@127.0.0.1:{port}/shop?sslmode={sslmode}")
    assert sentence.startswith((f"What answers at 127.0.0.1, port {port}", f"TLS with 127.0.0.1, port {port} fails"))


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (welcome("13.18"), "is PostgreSQL 13.18, and Txscope needs 14 or newer"),
        (welcome("9.6.24"), "is PostgreSQL 9.6, and Txscope needs 14 or newer"),
        (fatal("57P03", "the database system is starting up"), "is just starting or stopping"),
        (fatal("57P03", "the database system is shutting down"), "is just starting or stopping"),
        (fatal("53300", "sorry, too many clients already"), "has no connection left"),
        (fatal("28000", 'no pg_hba.conf entry for host "x", user "ada", database "shop", no encryption'), "?sslmode="),
        (fatal("0A000", "unsupported frontend protocol 3.0: server supports 1.0 to 2.0"), "is too old"),
        (fatal("28P01", "Passwort-Authentifizierung für Benutzer »ada« fehlgeschlagen"), "Passwort-Authentifizierung"),
        (fatal("XX000", "your password s3cr3t\0"), "your password •••"),
    ],
)
def test_what_a_server_may_say_to_a_login(reply: bytes, told: str) -> None:
    with impostor(reply, speaks_postgresql=True) as port:
        sentence = refused(f"postgresql://ada:s3cr3t@127.0.0.1:{port}/shop?sslmode=disable")
    assert told in sentence
    assert f"127.0.0.1:{port}/shop as ada" in sentence


def test_a_newer_server_is_used_and_the_page_says_so(server: PasswordServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "NEWEST", 17)
    assert str(ExternalServer.open(server.url("ada")).version).endswith("(newer than 17, the newest that was tested)")


def test_garbage_is_refused() -> None:
    for url in ("   ", "sqlite:///s3cr3t.db", "\x00\x01", "postgresql://", "s3cr3t" * 20_000):
        refused(url)
