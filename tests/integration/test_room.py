"""What a run leaves on the server: nothing, however it ends."""

from __future__ import annotations

import threading

import pytest

from simulator.engines.base import Engine, Probes
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.postgres.room import PostgresRoom
from simulator.errors import EngineBusy, EngineError, RunError
from simulator.history.schedule import StatementFailed
from simulator.model import Isolation, Outcome
from simulator.scenarios.loader import find, load
from simulator.verdict.run import run_scenario
from tests.integration.engines import another_engine
from tests.integration.leftovers import end_backend, left_behind

SETUP = ("CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20)",)


def test_a_run_leaves_no_schema_and_no_open_transaction(engine: Engine, server: EmbeddedServer) -> None:
    scenario = find("lost_update")
    run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED)
    assert left_behind(server) == []
    assert engine.rooms_open() == 0


def test_a_room_closed_while_a_session_waits_leaves_nothing_and_commits_nothing(
    engine: Engine, server: EmbeddedServer
) -> None:
    room = engine.create_room(SETUP, 2)
    first, second = room.open("T1"), room.open("T2")
    first.send("UPDATE item SET value = value + 1 WHERE id = 1", {}, before="BEGIN")
    first.finish()
    second.send("UPDATE item SET value = value + 1 WHERE id = 1", {}, before="BEGIN")
    assert second.poll() is None
    room.close()
    room.close()
    assert left_behind(server) == []


def test_a_setup_that_fails_is_told_and_leaves_nothing(engine: Engine, server: EmbeddedServer) -> None:
    with pytest.raises(EngineError, match="no_such_table"):
        engine.create_room(("INSERT INTO no_such_table VALUES (1)",), 1)
    assert left_behind(server) == []
    assert engine.rooms_open() == 0


def test_a_session_whose_backend_is_killed_ends_the_run_with_its_sqlstate(
    engine: Engine, server: EmbeddedServer
) -> None:
    room = engine.create_room(SETUP, 1)
    try:
        session = room.open("T1")
        session.send("SELECT pg_sleep(60)", {})
        end_backend(server, session.backend)
        reply = session.finish()
        assert reply.error is not None
        assert reply.error.sqlstate == "57P01"
        assert not session.usable
        with pytest.raises(RunError, match="T1"):
            session.send("SELECT 1", {})
    finally:
        room.close()
    assert left_behind(server) == []
    scenario = find("lost_update")
    again = run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED)
    assert again.outcome is Outcome.ANOMALY


@pytest.mark.parametrize("which", ["reader", "control"])
def test_a_connection_of_the_room_that_is_killed_does_not_keep_the_schema(
    engine: Engine, server: EmbeddedServer, which: str
) -> None:
    room = engine.create_room(SETUP, 1)
    assert isinstance(room, PostgresRoom)
    room.open("T1").send("UPDATE item SET value = 0", {}, before="BEGIN")
    killed = room._reader if which == "reader" else room.tenant.control
    end_backend(server, killed.pid)
    room.close()
    assert left_behind(server) == []


def test_when_all_places_are_taken_the_next_run_is_told_so(server: EmbeddedServer, engine: Engine) -> None:
    with another_engine(server, engine, rooms=1, patience_s=0.01) as small:
        room = small.create_room(SETUP, 1)
        try:
            with pytest.raises(EngineBusy, match="places"):
                small.create_room(SETUP, 1)
        finally:
            room.close()
        small.create_room(SETUP, 1).close()


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


def test_a_run_that_hangs_is_stopped_at_its_deadline(engine: Engine, server: EmbeddedServer) -> None:
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
    assert "T1.sleep" in str(result.reason)
    assert not any(isinstance(event, StatementFailed) for event in result.history.events)
    assert left_behind(server) == []


def test_a_table_held_against_readers_costs_a_look_and_not_the_verdict(engine: Engine) -> None:
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
    # Who only locked wrote nothing: what the next look shows is T2's.
    assert result.graph.serial_order == ("T2", "T1")
    assert result.outcome is Outcome.SAFE
    assert result.invariant is not None
    assert result.invariant.holds is True
    assert result.elapsed_ns < 5e9


RULE = """
key = "ruled"
title = "Ruled"
story = "One session reads."
setup = "CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20)"
[invariant]
title = "It is ruled"
sql = "{rule}"
[[variants]]
key = "naive"
title = "Read"
schedule = ["T1.read", "T1.commit"]
sessions.T1 = [{{ name = "read", sql = "SELECT 1" }}, {{ name = "commit", sql = "COMMIT" }}]
"""


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("SELECT true WHERE false", "It answered no row."),
        ("SELECT NULL::boolean", "It answered NULL, which is neither true nor false."),
        ("SELECT sum(value) FROM item", "It answered 30, which is neither true nor false."),
        ("SELECT repeat('x', 99)", f"It answered {'x' * 40}…{'x' * 19}, which is neither true nor false."),
        ("SELECT true FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT pg_sleep(9) IS NULL", "The run took too long and was stopped while its rows were read."),
    ],
)
def test_a_rule_that_could_not_be_asked_says_why(engine: Engine, rule: str, reason: str) -> None:
    scenario = load(RULE.format(rule=rule), "rule.toml")
    (variant,) = scenario.variants
    result = run_scenario(engine, scenario, variant, Isolation.READ_COMMITTED, deadline_s=1)
    assert result.invariant is not None
    assert result.invariant.holds is None
    assert result.invariant.reason.english() == reason
