"""One role after another run's: what it may do, what it leaves to the next run (nothing), who it can catch (nobody)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from simulator.engines.base import Engine, Probes
from simulator.engines.postgres.connection import ServerConnection
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.postgres.engine import PostgresEngine
from simulator.engines.postgres.room import PostgresRoom
from simulator.engines.postgres.settings import CLAIM
from simulator.engines.postgres.wire import WireSession
from simulator.errors import EngineError
from simulator.model import Isolation, Outcome
from simulator.scenarios.loader import find
from simulator.verdict.run import run_scenario
from tests.integration.engines import another_engine
from tests.integration.leftovers import end_backend, left_behind, wait_for

SETUP = ("CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20)",)
SOON_S = 10.0


@contextmanager
def run_of(engine: Engine, *setup: str, deadline_s: float = 10.0) -> Iterator[PostgresRoom]:
    """A run whose tenant is the next one's, too: the last that came back is the first to go."""
    room = engine.create_room(setup, 2, deadline_s=deadline_s)
    assert isinstance(room, PostgresRoom)
    wait_for("txscope-stock")
    try:
        yield room
    finally:
        room.close()
        wait_for("txscope-washer")


def told(session: WireSession, sql: str) -> tuple[object, ...]:
    """The rows of the last result, or the SQLSTATE."""
    session.send(sql, {})
    reply = session.finish()
    return (reply.error.sqlstate,) if reply.error else reply.results[-1].rows


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE SCHEMA elsewhere",
        "CREATE SCHEMA postgres",
        "CREATE SCHEMA AUTHORIZATION CURRENT_USER",
        "CREATE TABLE public.t (id int)",
        "CREATE FUNCTION txscope_inspect.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE DATABASE elsewhere",
        "CREATE ROLE somebody",
        "CREATE EXTENSION pgrowlocks",
        "CREATE PUBLICATION p",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "ALTER ROLE CURRENT_USER CONNECTION LIMIT -1",
        "ALTER ROLE CURRENT_USER SET temp_file_limit = -1",
        "SET temp_file_limit = -1",
        "SET log_min_messages = debug5",
        "ALTER SYSTEM SET jit = on",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/txscope-was-here'",
        "SELECT pg_catalog.pg_read_file('/etc/passwd')",
        "SELECT rolpassword FROM pg_authid",
        "DO $$ BEGIN EXECUTE format('DROP SCHEMA %I CASCADE', current_schema()); END $$",
        "DO $$ BEGIN EXECUTE format('ALTER SCHEMA %I OWNER TO CURRENT_USER', current_schema()); END $$",
        "DO $$ BEGIN EXECUTE format('ALTER SCHEMA %I RENAME TO mine', current_schema()); END $$",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 64', current_database()); END $$",
        "DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE %I IS NULL', current_database()); END $$",
    ],
)
def test_what_a_run_may_not_do(engine: Engine, statement: str) -> None:
    with run_of(engine, *SETUP) as room:
        assert told(room.open("T1"), statement) == ("42501",)


def test_a_run_owns_what_it_made_in_its_schema_and_nothing_else(engine: Engine, server: EmbeddedServer) -> None:
    with run_of(engine, *SETUP) as room:
        account = room.tenant.account
        with psycopg.connect(server.admin_conninfo(account.role), autocommit=True) as admin:
            owned = admin.execute(
                "SELECT DISTINCT pg_identify_object(classid, objid, 0) FROM pg_shdepend"
                " WHERE refobjid = %s::regrole AND deptype = 'o'",
                (account.role,),
            ).fetchall()
            assert {each[0][1] for each in owned} == {room.label}
            (schema_owner,) = admin.execute(
                "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = %s", (room.label,)
            ).fetchone() or ("",)
        assert schema_owner == "postgres"


def test_a_run_reaches_no_other_run(engine: Engine, server: EmbeddedServer) -> None:
    with run_of(engine, *SETUP) as room:
        other = engine.create_room(SETUP, 1)
        assert isinstance(other, PostgresRoom)
        try:
            session, theirs = other.open("T1"), room.open("T1")
            assert told(session, f"SELECT * FROM {room.label}.item") == ("42P01",)
            assert told(session, f"SELECT pg_catalog.pg_terminate_backend({theirs.backend})") == ("42501",)
            assert told(session, f"SELECT pg_catalog.pg_cancel_backend({theirs.backend})") == ("42501",)
            seen = "SELECT query FROM pg_stat_activity WHERE query !~ 'privilege' AND usename <> current_user"
            assert told(session, seen) == ()
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(other.tenant.account.session, dbname=room.tenant.account.role)
            assert told(theirs, "SELECT value FROM item") == ((10,), (20,))
        finally:
            other.close()


IN_THE_DATABASE = """
DO $$ BEGIN EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET {setting}', current_database()); END $$
"""
#: what one run does, and a question whose answer must be no in the next
TRACES = {
    "setting of the role": (
        "ALTER ROLE CURRENT_USER SET work_mem = '77MB'",
        "current_setting('work_mem') = '77MB' OR EXISTS (SELECT FROM pg_db_role_setting WHERE setrole <> 0)",
    ),
    "setting of the role in the database": (
        IN_THE_DATABASE.format(setting="default_transaction_isolation = serializable"),
        "current_setting('default_transaction_isolation') <> 'read committed'",
    ),
    "search_path of the role": (
        IN_THE_DATABASE.format(setting="search_path = nowhere"),
        "EXISTS (SELECT FROM pg_db_role_setting WHERE setrole <> 0)",
    ),
    "a library that is not there": (
        "ALTER ROLE CURRENT_USER SET local_preload_libraries = 'nonsense'",
        "EXISTS (SELECT FROM pg_db_role_setting WHERE setrole <> 0)",
    ),
    "setting of the session": ("SET work_mem = '77MB'", "current_setting('work_mem') = '77MB'"),
    "level of the session": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY",
        "current_setting('default_transaction_read_only') = 'on'",
    ),
    "encoding of the session": ("SET client_encoding = 'LATIN1'", "current_setting('client_encoding') <> 'UTF8'"),
    "variable of one's own": ("SET my.secret = 'x'", "current_setting('my.secret', true) <> ''"),
    "large object": ("SELECT lo_create(0)", "EXISTS (SELECT FROM pg_largeobject_metadata)"),
    "default privileges": (
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
        "EXISTS (SELECT FROM pg_default_acl)",
    ),
    "grant on a table": (
        "CREATE TABLE IF NOT EXISTS given (id int); GRANT ALL ON given TO PUBLIC",
        "to_regclass('given') IS NOT NULL",
    ),
    "temporary table": (
        "CREATE TEMPORARY TABLE IF NOT EXISTS trap (id int)",
        "EXISTS (SELECT FROM pg_class WHERE relname = 'trap')",
    ),
    "temporary type": (
        "DO $$ BEGIN CREATE DOMAIN pg_temp.int4 AS text; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
        "EXISTS (SELECT FROM pg_type WHERE typname = 'int4' AND typnamespace <> 'pg_catalog'::regnamespace)",
    ),
    "temporary function": (
        "CREATE OR REPLACE FUNCTION pg_temp.trap() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "EXISTS (SELECT FROM pg_proc WHERE proname = 'trap')",
    ),
    "prepared statement": (
        "PREPARE trap AS SELECT 1",
        "EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'trap')",
    ),
    "cursor": ("DECLARE trap CURSOR WITH HOLD FOR SELECT 1", "EXISTS (SELECT FROM pg_cursors WHERE name = 'trap')"),
    "channel": ("LISTEN trap", "EXISTS (SELECT pg_listening_channels())"),
    "advisory lock": (
        "SELECT pg_advisory_lock_shared(4711)",
        "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711)",
    ),
    "open transaction": ("BEGIN; SELECT pg_current_xact_id()", "pg_current_xact_id_if_assigned() IS NOT NULL"),
}


@pytest.mark.parametrize("trace", TRACES)
def test_what_a_run_leaves_does_not_reach_the_next_one(engine: Engine, server: EmbeddedServer, trace: str) -> None:
    does, question = TRACES[trace]
    with run_of(engine, *SETUP, *(() if trace == "open transaction" else (does,))) as first:
        for name in ("T1", "T2"):
            assert told(first.open(name), does)[:1] != ("42501",)
    with run_of(engine, *SETUP) as second:
        assert second.tenant is first.tenant
        assert second.ask(f"SELECT {question}") == ((False,),)
        for name in ("T1", "T2"):
            assert told(second.open(name), f"SELECT {question}") in (((False,),), ((None,),))
        assert told(second._sessions["T1"][0], "SELECT sum(value) FROM item") == ((30,),)
    assert left_behind(server) == []


def test_ordinary_runs_keep_their_connections_and_what_they_use_is_level(
    engine: Engine, server: EmbeddedServer
) -> None:
    """Washing is for who needs it: a login costs more than a run."""
    backends = set()
    for _ in range(5):
        with run_of(engine, *SETUP) as room:
            sessions = [room.open(name) for name in ("T1", "T2")]
            backends |= {session.backend for session in sessions} | {room._reader.pid}
    assert len(backends) == 3
    assert left_behind(server) == []


#: Functions and operators that our own statements call, with exactly the types that they are called with, where an
#: unqualified name would find them first; each notes who called it.
TRAPS = """
CREATE TABLE caught (who text, by text);
CREATE FUNCTION note(name text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN INSERT INTO caught VALUES (current_user, name); RETURN true; END $$;
CREATE FUNCTION pg_blocking_pids(int) RETURNS int[] LANGUAGE sql AS $$ SELECT note('pids'); SELECT '{}'::int[] $$;
CREATE FUNCTION pg_cancel_backend(int) RETURNS bool LANGUAGE sql AS $$ SELECT note('cancel') $$;
CREATE FUNCTION starts_with(text, text) RETURNS bool LANGUAGE sql AS $$ SELECT note('starts_with') $$;
CREATE FUNCTION array_to_json(name[]) RETURNS json LANGUAGE sql AS $$ SELECT note('json'); SELECT '[]'::json $$;
CREATE FUNCTION unnest(int[]) RETURNS SETOF int LANGUAGE sql AS $$ SELECT note('unnest'); SELECT 1 $$;
CREATE FUNCTION same(oid, oid) RETURNS bool LANGUAGE sql AS $$ SELECT note('=') $$;
CREATE FUNCTION same(name, name) RETURNS bool LANGUAGE sql AS $$ SELECT note('=') $$;
CREATE FUNCTION same(name, text) RETURNS bool LANGUAGE sql AS $$ SELECT note('=') $$;
CREATE FUNCTION same("char", "char") RETURNS bool LANGUAGE sql AS $$ SELECT note('=') $$;
CREATE FUNCTION same(int, int) RETURNS bool LANGUAGE sql AS $$ SELECT note('=') $$;
CREATE OPERATOR = (FUNCTION = same, LEFTARG = oid, RIGHTARG = oid);
CREATE OPERATOR = (FUNCTION = same, LEFTARG = name, RIGHTARG = name);
CREATE OPERATOR = (FUNCTION = same, LEFTARG = name, RIGHTARG = text);
CREATE OPERATOR = (FUNCTION = same, LEFTARG = "char", RIGHTARG = "char");
CREATE OPERATOR = (FUNCTION = same, LEFTARG = int, RIGHTARG = int);
CREATE TABLE pg_class (id int PRIMARY KEY); CREATE TABLE pg_locks (id int PRIMARY KEY);
CREATE TABLE pg_stat_activity (id int PRIMARY KEY); CREATE DOMAIN regclass AS text;
CREATE TEMPORARY TABLE pg_namespace (nspname text); CREATE TEMPORARY TABLE pg_roles (rolname text);
CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10)
"""


def test_traps_on_the_search_path_catch_nobody(engine: Engine, server: EmbeddedServer) -> None:
    with run_of(engine, TRAPS) as room:
        first, second = room.open("T1"), room.open("T2")
        for session in (first, second):
            told(session, f"SET search_path = pg_temp, {room.label}, pg_catalog")
        first.send("UPDATE item SET value = 11", {}, before="BEGIN")
        first.finish()
        second.send("UPDATE item SET value = 12", {}, before="BEGIN")
        until(lambda: room.blocks([second]))
        assert room.blocks([second])["T2"].by == ("T1",)
        assert "item" in {table.table for table in room.watch().tables}
        assert {table.table for table in room.observe(Probes()).tables} >= {"item", "pg_class"}
        assert {row[1] for row in room.activity()} == {f"{room.label}:T1", f"{room.label}:T2"}
        second.cancel()
        until(second.poll)
        assert room.ask("SELECT count(*) FROM caught") == ((0,),)
    assert left_behind(server) == []
    scenario = find("lost_update")
    assert run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED).outcome is Outcome.ANOMALY


def test_no_name_of_a_visitors_is_on_the_privileged_sides_path(engine: Engine, server: EmbeddedServer) -> None:
    with run_of(engine, *SETUP) as room, psycopg.connect(server.admin_conninfo()) as admin:
        assert admin.execute("SHOW search_path").fetchone() == ("pg_catalog",)
        control = room.tenant.control
        (path,) = control.query(b"SELECT pg_catalog.current_schemas(true)::pg_catalog.text")
        assert path.get_value(0, 0) == b"{pg_catalog}"


#: opens an engine, makes runs, one of them careless, says whose they are, and waits to be killed
DIES = """
import sys
from simulator.engines.start import open_engine
engine = open_engine({"TXSCOPE_DATA": sys.argv[1]})
careless = "CREATE TABLE item (id int); SELECT lo_create(0); ALTER ROLE CURRENT_USER SET work_mem = 64"
room = engine.create_room((careless,), 1)
prepares = room.open("T0")
prepares.send("LOCK TABLE item; PREPARE TRANSACTION 'x'", {}, before="BEGIN")
assert prepares.finish().error is None
room.open("T1").send("INSERT INTO item VALUES (1); SELECT pg_sleep(60)", {}, before="BEGIN")
print(room.tenant.account.number, flush=True)
sys.stdin.read()
"""


def test_a_killed_process_leaves_the_other_alone_and_its_places_to_the_next(
    engine: Engine, server: EmbeddedServer
) -> None:
    with run_of(engine, *SETUP, deadline_s=60) as room:
        command = [sys.executable, "-c", DIES, str(server.data_dir.parent)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            number = int(process.stdout.readline())
            assert number != room.tenant.account.number
            process.kill()
        until(lambda: number not in claims(server))
        # The one that lives does not notice.
        assert told(room.open("T1"), "SELECT sum(value) FROM item") == ((30,),)
        scenario = find("lost_update")
        result = run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED)
        assert result.outcome is Outcome.ANOMALY
        with another_engine(server, engine) as third, ExitStack() as open_rooms:
            while number not in {each.tenant.account.number for each in third._rooms.values()}:
                open_rooms.callback(third.create_room(SETUP, 1).close)
                assert len(third._rooms) < 10
        assert room.ask("SELECT count(*) FROM item") == ((2,),)
    assert left_behind(server) == []


def claims(server: EmbeddedServer) -> set[int]:
    """The numbers of tenants that belong to a process."""
    with psycopg.connect(server.admin_conninfo()) as admin:
        held = admin.execute(
            "SELECT objid::int FROM pg_locks WHERE locktype = 'advisory' AND classid = %s", (CLAIM,)
        ).fetchall()
    return {number for (number,) in held}


def test_after_a_crash_of_the_server_the_next_run_works_and_the_places_are_held_again(
    engine: Engine, server: EmbeddedServer
) -> None:
    assert isinstance(engine, PostgresEngine)
    wait_for("txscope-stock")
    before = claims(server)
    assert before
    with run_of(engine, *SETUP) as room:
        os.kill(room.open("T1").backend, signal.SIGKILL)
        # The postmaster ends everybody else a moment later.
        until(lambda: not engine.alive())
    scenario = find("lost_update")
    result = run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED)
    assert result.outcome is Outcome.ANOMALY
    wait_for("txscope-stock")
    assert claims(server) >= before
    assert left_behind(server) == []


def test_what_an_application_leaves_open_is_ended_with_its_block(engine: Engine, server: EmbeddedServer) -> None:
    with run_of(engine, *SETUP) as room:
        with engine.application(room.label) as keywords:
            leaked = psycopg.connect(**keywords)  # type: ignore[arg-type]
            leaked.execute("INSERT INTO item VALUES (3, 30)")
        with pytest.raises(psycopg.errors.AdminShutdown):
            leaked.execute("SELECT 1")
        assert room.ask("SELECT count(*) FROM item") == ((2,),)
    assert left_behind(server) == []


def test_a_tenant_that_cannot_be_washed_is_thrown_away(
    engine: Engine, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with another_engine(server, engine) as other:
        room = other.create_room((*SETUP, "SELECT lo_create(0)"), 1)
        source, number = room.tenant._source, room.tenant.account.number
        assert number in claims(server)

        def refuse(*_arguments: object) -> None:
            raise EngineError("It does not go.")

        with monkeypatch.context() as patched:
            patched.setattr(type(source), "prepare", refuse)
            room.close()
            wait_for("txscope-washer")
        assert number not in claims(server)
        with pytest.raises(EngineError):
            ServerConnection(room.tenant.account.session)
        # Somebody else may have it now, as new.
        assert left_behind(server) == []


@pytest.mark.parametrize("which", ["control", "reader"])
def test_a_tenant_whose_connection_died_serves_the_next_run(engine: Engine, server: EmbeddedServer, which: str) -> None:
    with run_of(engine, *SETUP) as room:
        end_backend(server, room.tenant.control.pid if which == "control" else room._reader.pid)
    with run_of(engine, *SETUP) as room:
        assert told(room.open("T1"), "SELECT sum(value) FROM item") == ((30,),)
    assert left_behind(server) == []
