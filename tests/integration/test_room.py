"""What a run leaves on the server: nothing, however it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from simulator.engines.base import Engine, Probes
from simulator.engines.embedded import EmbeddedServer
from simulator.engines.postgres import PostgresEngine
from simulator.errors import EngineBusy, EngineError, RunError
from simulator.history import StatementFailed
from simulator.model import Isolation, Outcome
from simulator.run import run_scenario
from simulator.scenarios.loader import find, load

SETUP = ("CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20)",)


@pytest.fixture
def admin(server: EmbeddedServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.admin_conninfo(), autocommit=True) as connection:
        yield connection


def left_behind(admin: psycopg.Connection) -> list[str]:
    """Schemas of runs, and statements of the lab role that still run or keep a transaction open."""
    schemas = admin.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'txscope_run_%'").fetchall()
    busy = admin.execute(
        # A connection that was given back may still be at its own reset.
        "SELECT state || ': ' || query FROM pg_stat_activity"
        " WHERE usename = 'txscope_lab' AND state <> 'idle' AND query NOT LIKE '%%pg_advisory_unlock_all%%'"
    ).fetchall()
    return [row[0] for row in (*schemas, *busy)]


def test_a_run_leaves_no_schema_and_no_open_transaction(engine: Engine, admin: psycopg.Connection) -> None:
    scenario = find("lost_update")
    run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED)
    assert left_behind(admin) == []
    assert engine.rooms_open() == 0


def test_a_room_closed_while_a_session_waits_leaves_nothing_and_commits_nothing(
    engine: Engine, admin: psycopg.Connection
) -> None:
    room = engine.create_room(SETUP, 2)
    first, second = room.open("T1"), room.open("T2")
    first.send("UPDATE item SET value = value + 1 WHERE id = 1", {}, before="BEGIN")
    first.finish()
    second.send("UPDATE item SET value = value + 1 WHERE id = 1", {}, before="BEGIN")
    assert second.poll() is None
    room.close()
    room.close()
    assert left_behind(admin) == []


def test_a_setup_that_fails_is_told_and_leaves_nothing(engine: Engine, admin: psycopg.Connection) -> None:
    with pytest.raises(EngineError, match="no_such_table"):
        engine.create_room(("INSERT INTO no_such_table VALUES (1)",), 1)
    assert left_behind(admin) == []
    assert engine.rooms_open() == 0


def test_a_session_whose_backend_is_killed_ends_the_run_with_its_sqlstate(
    engine: Engine, admin: psycopg.Connection
) -> None:
    room = engine.create_room(SETUP, 1)
    try:
        session = room.open("T1")
        session.send("SELECT pg_sleep(60)", {})
        admin.execute("SELECT pg_terminate_backend(%s)", (session.backend,))
        reply = session.finish()
        assert reply.error is not None
        assert reply.error.sqlstate == "57P01"
        assert not session.usable
        with pytest.raises(RunError, match="T1"):
            session.send("SELECT 1", {})
    finally:
        room.close()
    assert left_behind(admin) == []
    scenario = find("lost_update")
    again = run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED)
    assert again.outcome is Outcome.ANOMALY


def test_an_observer_whose_backend_is_killed_does_not_keep_the_schema(
    engine: Engine, admin: psycopg.Connection
) -> None:
    room = engine.create_room(SETUP, 1)
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = 'txscope_lab' AND (query LIKE '%%pg_class%%' OR query LIKE 'CREATE SCHEMA%%')"
    )
    room.close()
    assert left_behind(admin) == []


def test_schemas_of_a_killed_process_are_dropped_at_the_next_start(
    engine: Engine, server: EmbeddedServer, admin: psycopg.Connection
) -> None:
    with psycopg.connect(server.lab_conninfo(), autocommit=True) as dead:
        dead.execute("CREATE SCHEMA txscope_run_0000002a_1")
        dead.execute("CREATE TABLE txscope_run_0000002a_1.item (id int)")
    alive = engine.create_room(SETUP, 1)
    other = PostgresEngine(server.lab_conninfo(), engine.info())
    try:
        names = {row[0] for row in admin.execute("SELECT nspname FROM pg_namespace").fetchall()}
        assert "txscope_run_0000002a_1" not in names
        assert alive.label in names
    finally:
        alive.close()
        other.close()


def test_when_all_places_are_taken_the_next_run_is_told_so(server: EmbeddedServer, engine: Engine) -> None:
    small = PostgresEngine(server.lab_conninfo(), engine.info(), rooms=1, patience_s=0.01)
    room = small.create_room(SETUP, 1)
    try:
        with pytest.raises(EngineBusy, match="places"):
            small.create_room(SETUP, 1)
    finally:
        room.close()
    small.create_room(SETUP, 1).close()
    small.close()


def test_two_people_at_once_do_not_see_each_other(engine: Engine) -> None:
    scenario = find("lost_update")
    outcomes: list[Outcome] = []

    def visit() -> None:
        runs = (run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED) for _ in range(10))
        outcomes.extend(run.outcome for run in runs)

    visitors = [threading.Thread(target=visit) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert outcomes == [Outcome.ANOMALY] * 80


def test_schedules_run_as_a_role_that_can_neither_leave_its_rights_nor_reach_the_machine(engine: Engine) -> None:
    room = engine.create_room(SETUP, 1)
    try:
        session = room.open("T1")
        for sql in ("RESET ROLE; COPY item TO PROGRAM 'true'", "SET ROLE postgres", "SELECT * FROM pg_authid"):
            session.send(sql, {})
            reply = session.finish()
            assert reply.error is not None
            assert reply.error.sqlstate == "42501"
    finally:
        room.close()


def test_a_used_connection_comes_back_as_new(engine: Engine) -> None:
    room = engine.create_room(SETUP, 1)
    session = room.open("T1")
    session.send("SET lock_timeout = '1ms'; PREPARE p AS SELECT 1; CREATE TEMP TABLE t (x int)", {})
    session.finish()
    backend = session.backend
    room.close()
    room = engine.create_room(SETUP, 1)
    try:
        names = [room.open(f"T{number}") for number in range(1, 5)]
        again = next((name for name in names if name.backend == backend), names[0])
        again.send("SELECT current_setting('lock_timeout'), (SELECT count(*) FROM pg_prepared_statements)", {})
        assert again.finish().results[0].rows == (("20s", 0),)
    finally:
        room.close()


def test_a_statement_that_wants_data_from_the_client_does_not_hang(engine: Engine) -> None:
    room = engine.create_room(SETUP, 1)
    try:
        session = room.open("T1")
        session.send("COPY item FROM STDIN", {})
        reply = session.finish()
        assert reply.error is not None
        session.send("COPY item TO STDOUT", {})
        assert session.finish().results[-1].tag == "COPY 2"
    finally:
        room.close()


def test_the_observer_sees_committed_rows_only(engine: Engine) -> None:
    room = engine.create_room(SETUP, 1)
    try:
        session = room.open("T1")
        session.send("UPDATE item SET value = 99 WHERE id = 1", {}, before="BEGIN")
        session.finish()
        before = room.observe(Probes((("item", "value > 50"),)))
        session.send("COMMIT", {}, before=room.xid_sql)
        reply = session.finish()
        after = room.observe(Probes((("item", "value > 50"),)))
        assert before.tables[0].rows[0].values == (1, 10)
        assert before.matches[0].keys == ()
        assert after.tables[0].rows[0].values == (1, 99)
        assert after.matches[0].keys == ((1,),)
        assert reply.before is not None
        assert after.tables[0].rows[0].xmin == int(str(reply.before.rows[0][0])) % 2**32
    finally:
        room.close()


def test_a_run_that_hangs_is_stopped_at_its_deadline(engine: Engine, admin: psycopg.Connection) -> None:
    scenario = load(
        """
key = "sleeper"
title = "Sleeper"
family = "isolation"
order = 1
story = "A statement that does not end."
setup = "CREATE TABLE item (id int PRIMARY KEY)"
[[variants]]
key = "naive"
title = "Sleep"
schedule = ["T1.sleep", "T1.commit"]
expect = { RC = "safe" }
sessions.T1 = [{ name = "sleep", sql = "SELECT pg_sleep(60)" }, { name = "commit", sql = "COMMIT" }]
""",
        "sleeper.toml",
    )
    result = run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED, deadline_s=0.3)
    assert result.outcome is Outcome.ERROR
    assert "T1.sleep" in result.reason
    assert not any(isinstance(event, StatementFailed) for event in result.history.events)
    assert left_behind(admin) == []


def test_a_table_held_against_readers_costs_the_verdict_and_not_the_run(engine: Engine) -> None:
    scenario = load(
        """
key = "held"
title = "Held"
family = "isolation"
order = 1
story = "A table is locked against everybody while another transaction commits."
setup = '''
CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10);
CREATE TABLE other (id int PRIMARY KEY, value int); INSERT INTO other VALUES (1, 10);'''
[invariant]
title = "The other row was written"
sql = "SELECT value = 11 FROM other"
[[variants]]
key = "naive"
title = "Lock the table"
schedule = ["T1.lock", "T2.write", "T2.commit", "T1.commit"]
expect = { RC = "safe" }
sessions.T1 = [
  { name = "lock", sql = "LOCK TABLE item IN ACCESS EXCLUSIVE MODE" }, { name = "commit", sql = "COMMIT" },
]
sessions.T2 = [
  { name = "write", sql = "UPDATE other SET value = 11 WHERE id = 1" }, { name = "commit", sql = "COMMIT" },
]
""",
        "held.toml",
    )
    result = run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED)
    assert result.outcome is Outcome.NO_VERDICT
    assert result.reason
    assert result.invariant is not None
    assert result.invariant.holds is True
    assert result.elapsed_ns < 2e9
