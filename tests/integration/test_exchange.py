"""Answers that do not come, come for ever, or are too large: the run ends in time, and nobody else waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext

import psutil
import psycopg
import pytest

from simulator.engines.base import Engine, Probes
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.postgres.room import PostgresRoom
from simulator.engines.postgres.wire import MAX_NOTICES, MAX_ROWS, MAX_VALUE
from simulator.engines.replies import Reply
from simulator.errors import EngineError
from simulator.history.words import CutKind
from simulator.model import Isolation, Outcome
from simulator.scenarios.loader import find, load
from simulator.verdict.run import run_scenario
from tests.integration.leftovers import end_backend, in_process, left_behind, left_since
from tests.patience import BUSY

RC = Isolation.READ_COMMITTED
SETUP = ("CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20)",)
DEADLINE_S = 0.5
#: A function that does not end when it is told to.
STUBBORN = """
CREATE FUNCTION stubborn() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
  LOOP
    BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
  END LOOP;
END $$;
"""


@pytest.fixture
def room(engine: Engine) -> Iterator[PostgresRoom]:
    room = engine.create_room(SETUP, 2)
    assert isinstance(room, PostgresRoom)
    yield room
    room.close()


def lesson(engine: Engine) -> Outcome:
    scenario = find("lost_update")
    return run_scenario(engine, scenario, scenario.variants[0], RC).outcome


def answered(room: PostgresRoom, sql: str) -> Reply:
    session = room.open("T1")
    session.send(sql, {})
    return session.finish(20)


def scenario_of(
    *, setup: str = "", step: str = "UPDATE item SET value = 11 WHERE id = 1", rule: str = "SELECT true"
) -> str:
    return f"""
key = "hangs"
title = "Hangs"
family = "isolation"
order = 1
story = "Something does not end."
setup = '''
CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10);
{setup}'''
[invariant]
title = "True"
sql = "{rule}"
[[variants]]
key = "naive"
title = "Hang"
schedule = ["T1.step", "T1.commit"]
expect = {{ RC = "safe" }}
sessions.T1 = [{{ name = "step", sql = '''{step}''' }}, {{ name = "commit", sql = "COMMIT" }}]
"""


#: A table that nobody reads to its end, its owner neither.
BARRED = """
CREATE POLICY p ON item FOR SELECT USING (stubborn());
ALTER TABLE item ENABLE ROW LEVEL SECURITY; ALTER TABLE item FORCE ROW LEVEL SECURITY;
"""
HANGS = {
    "setup sleeps": scenario_of(setup="SELECT pg_sleep(60);"),
    "setup catches its cancellation": scenario_of(setup=f"{STUBBORN} SELECT stubborn();"),
    "step sleeps": scenario_of(step="SELECT pg_sleep(60)"),
    "step catches its cancellation": scenario_of(setup=STUBBORN, step="SELECT stubborn()"),
    "rule sleeps": scenario_of(rule="SELECT pg_sleep(60) IS NOT NULL"),
    "rule catches its cancellation": scenario_of(setup=STUBBORN, rule="SELECT stubborn()"),
    "look catches its cancellation": scenario_of(setup=STUBBORN + BARRED, step="SELECT 1"),
    "commit catches its cancellation": scenario_of(
        setup=f"""{STUBBORN}
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM stubborn(); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON item DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION late();"""
    ),
    "time-outs switched off": scenario_of(
        step="SET statement_timeout = 0; SET lock_timeout = 0; SET transaction_timeout = 0; SELECT pg_sleep(60)"
    ),
}


@pytest.mark.parametrize("what", HANGS)
def test_a_run_is_over_within_its_deadline_and_a_second(engine: Engine, server: EmbeddedServer, what: str) -> None:
    scenario = load(HANGS[what], "hangs.toml")
    started = time.monotonic()
    with pytest.raises(EngineError, match="did not end in time") if what.startswith("setup") else nullcontext():
        result = run_scenario(engine, scenario, scenario.variants[0], RC, watch=True, deadline_s=DEADLINE_S)
        assert result.reason or result.invariant is None or result.invariant.holds is None
    assert time.monotonic() - started < DEADLINE_S + 1 * BUSY
    assert left_behind(server) == []
    assert engine.rooms_open() == 0
    assert lesson(engine) is Outcome.ANOMALY


def test_a_setup_that_sleeps_stops_nobody(engine: Engine, server: EmbeddedServer) -> None:
    ended: list[str] = []

    def visit() -> None:
        try:
            engine.create_room(("SELECT pg_sleep(60)",), 1, deadline_s=60).close()
        except EngineError as error:
            ended.append(str(error))

    sleeper = threading.Thread(target=visit)
    sleeper.start()
    try:
        with psycopg.connect(server.admin_conninfo(), autocommit=True) as admin:
            backend = _until(lambda: admin.execute(_SLEEPING).fetchone())[0]
        started = time.monotonic()
        for _ in range(36):
            assert lesson(engine) is Outcome.ANOMALY
        took = time.monotonic() - started
        assert ended == []
    finally:
        end_backend(server, backend)
        sleeper.join()
    assert len(ended) == 1
    # Some dozens a second; each wait in libpq itself would have taken the minute.
    assert took < 10 * BUSY


_SLEEPING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename ~ '^txscope_'"


def _until(found: Callable[[], tuple[int, ...] | None]) -> tuple[int, ...]:
    deadline = time.monotonic() + 20
    while (row := found()) is None:
        assert time.monotonic() < deadline
    return row


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("COPY item TO STDOUT", ""),
        ("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100)) TO STDOUT", ""),
        ("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000000)) TO STDOUT", "larger than 8 MB"),
        ("COPY item FROM STDIN", "COPY FROM STDIN has no data here|read-only"),
        ("COPY item TO STDOUT; COPY item FROM STDIN; SELECT 1", "COPY FROM STDIN has no data here|read-only"),
        ("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)", "larger than 8 MB"),
        ("DO $$ BEGIN LOOP RAISE NOTICE '%', repeat('x', 1000); END LOOP; END $$", "larger than 8 MB|lost"),
    ],
)
@pytest.mark.parametrize("where", ["setup", "rule"])
def test_an_answer_without_end_is_a_sentence_and_no_memory(
    engine: Engine, server: EmbeddedServer, line: str, told: str, where: str
) -> None:
    process = psutil.Process()
    before, started = process.memory_info().rss, time.monotonic()
    with pytest.raises(EngineError, match=told) if told else nullcontext():
        setup = (*SETUP, line) if where == "setup" else SETUP
        with closing(engine.create_room(setup, 1)) as room:
            if where == "rule":
                room.ask(line)
            assert room.ask("SELECT count(*) FROM item") == ((2,),)
    assert time.monotonic() - started < 8 * BUSY
    assert process.memory_info().rss - before < 200_000_000
    assert left_behind(server) == []


@pytest.mark.parametrize("where", ["setup", "rule", "step"])
def test_one_huge_value_costs_its_connection_and_no_memory(engine: Engine, server: EmbeddedServer, where: str) -> None:
    """It comes in one row, which libpq keeps as a whole: after some of it the connection is given up."""
    huge = "SELECT repeat('x', 100000000)"
    process, most, over = psutil.Process(), [0], threading.Event()
    before = process.memory_info().rss

    def look() -> None:
        while not over.wait(0.002):
            most[0] = max(most[0], process.memory_info().rss - before)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        with pytest.raises(EngineError) if where != "step" else nullcontext():
            with closing(engine.create_room((huge,) if where == "setup" else (), 1)) as room:
                if where == "rule":
                    room.ask(huge)
                reply = answered(room, huge)
            assert reply.error is not None
            assert [cut.kind for cut in reply.cuts] == [CutKind.ANSWER]
    finally:
        over.set()
        looking.join()
    assert most[0] < 60_000_000
    assert left_behind(server) == []


def test_a_long_value_is_cut_and_what_differs_stays_different(room: PostgresRoom) -> None:
    reply = answered(room, "SELECT repeat('x', 20000) UNION ALL SELECT repeat('x', 20000) || 'y'")
    first, second = (str(row[0]) for row in reply.results[0].rows)
    assert first.startswith("x" * MAX_VALUE)
    assert len(first) < MAX_VALUE + 100
    assert first != second
    assert [cut.kind for cut in reply.cuts] == [CutKind.VALUE]


def test_rows_past_the_first_thousand_are_counted(room: PostgresRoom) -> None:
    reply = answered(room, "SELECT generate_series(1, 5000)")
    assert (len(reply.results[0].rows), reply.results[0].count) == (MAX_ROWS, 5000)
    assert [(cut.kind, cut.kept, cut.of) for cut in reply.cuts] == [(CutKind.ROWS, MAX_ROWS, 5000)]


def test_messages_past_the_first_two_hundred_are_counted(room: PostgresRoom) -> None:
    session = room.open("T1")
    session.send("DO $$ BEGIN FOR n IN 1..1000 LOOP RAISE NOTICE '%', n; END LOOP; END $$", {})
    reply = session.finish()
    assert [notice.text for notice in session.notices()] == [str(n) for n in range(1, MAX_NOTICES + 1)]
    assert [(cut.kind, cut.kept, cut.of) for cut in reply.cuts] == [(CutKind.NOTICES, MAX_NOTICES, 1000)]


def test_copy_in_a_step_is_left_out_and_the_session_goes_on(room: PostgresRoom) -> None:
    session = room.open("T1")
    for sql in ("COPY item TO STDOUT", "COPY item FROM STDIN", "COPY item TO STDOUT; SELECT 1"):
        session.send(sql, {})
        assert CutKind.COPY in [cut.kind for cut in session.finish().cuts]
    session.send("SELECT count(*) FROM item", {})
    assert session.finish().results[0].rows == ((2,),)


def test_an_answer_that_is_too_large_ends_its_statement_and_not_the_session(room: PostgresRoom) -> None:
    session = room.open("T1")
    session.send("SELECT repeat('x', 1000) FROM generate_series(1, 1000000)", {})
    reply = session.finish(20)
    assert reply.error is not None
    assert CutKind.ANSWER in [cut.kind for cut in reply.cuts]
    if reply.error.sqlstate == "57014":
        session.send("SELECT 1", {})
        assert session.finish().results[0].rows == ((1,),)
    else:
        assert not session.usable


def test_tables_that_are_too_large_are_not_looked_at_and_the_run_goes_on(engine: Engine) -> None:
    wide = "CREATE TABLE wide (id int PRIMARY KEY, t text); INSERT INTO wide SELECT n, repeat('x', 100000)"
    room = engine.create_room((*SETUP, f"{wide} FROM generate_series(1, 400) n"), 1)
    try:
        with pytest.raises(EngineError, match="too large"):
            room.observe(Probes())
        assert room.ask("SELECT count(*) FROM item") == ((2,),)
        assert answered(room, "SELECT sum(value) FROM item").results[0].rows == ((30,),)  # type: ignore[arg-type]
    finally:
        room.close()


def test_a_rule_with_a_comment_at_its_end_ends_its_transaction(room: PostgresRoom) -> None:
    assert room.ask("SELECT 1 -- one") == ((1,),)
    session = room.open("T1")
    session.send("INSERT INTO item VALUES (3, 30)", {})
    session.finish()
    assert room.ask("SELECT count(*) FROM item -- all") == ((3,),)
    assert room._reader.connection.pgconn.transaction_status == 0


def test_a_notification_is_taken_in_and_left_out(room: PostgresRoom) -> None:
    first, second = room.open("T1"), room.open("T2")
    for session, sql in ((first, "LISTEN news"), (second, "NOTIFY news, 'x'"), (first, "SELECT 1")):
        session.send(sql, {})
        assert session.finish().error is None


def test_when_a_run_is_over_no_thread_of_it_is_left(engine: Engine) -> None:
    before = in_process(engine)
    assert lesson(engine) is Outcome.ANOMALY
    assert left_since(before, lambda: in_process(engine)) == frozenset()
