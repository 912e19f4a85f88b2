"""Sessions as applications have them, on the real server: what a file may say of them, and what then happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.errors import EngineError
from simulator.history.schedule import (
    CommittedStateObserved,
    StatementFailed,
    StatementFinished,
    StepBlocked,
    StepResumed,
    StepSkipped,
    TransactionBegan,
    TransactionEnded,
)
from simulator.model import Isolation, Outcome
from simulator.scenarios.loader import load
from simulator.verdict.run import RunResult, run_scenario
from tests.integration.leftovers import left_behind

HEAD = """
key = "sessions"
title = "Sessions"
story = "As applications have them."
setup = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0), (2, 0);{setup}"
[[variants]]
key = "v"
title = "V"
schedule = {schedule}
{options}
"""
UPDATE = "UPDATE t SET v = v + 1 WHERE id = 1"


@pytest.fixture
def run(engine: Engine, server: EmbeddedServer) -> Iterator[Runner]:
    yield Runner(engine)
    assert left_behind(server) == []


class Runner:
    """`run("T1.a T2.a", T1=[...])`: sessions as lists of texts, whose steps are called a, b, c ..."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(
        self, schedule: str, *, options: str = "", setup: str = "", level: str = "RC", **sessions: list[str]
    ) -> RunResult:
        text = HEAD.format(schedule=schedule.split(), options=options, setup=setup)
        for name, texts in sessions.items():
            steps = (f"{{ name = '{'abcdefgh'[i]}', {each} }}," for i, each in enumerate(map(_fields, texts)))
            text += f"sessions.{name} = [ {' '.join(steps)} ]\n"
        scenario = load(text, "sessions.toml")
        return run_scenario(self._engine, scenario, scenario.variants[0], Isolation.parse(level))


def _fields(text: str) -> str:
    sql, _, more = text.partition(" @ ")
    return f'sql = """{sql}"""' + (f", {more}" if more else "")


def ends(result: RunResult) -> list[tuple[str | None, str]]:
    return [(e.transaction, e.outcome.value) for e in result.history.events if isinstance(e, TransactionEnded)]


def of(result: RunResult, kind: type) -> list[tuple[str | None, str | None]]:
    return [(event.step, event.transaction) for event in result.history.events if isinstance(event, kind)]


def values(result: RunResult) -> list[object]:
    """`v` of the rows as they were committed last."""
    states = [event for event in result.history.events if isinstance(event, CommittedStateObserved)]
    return [row.values[1] for row in states[-1].tables[0].rows]


def test_several_transactions_of_a_session_interleave_with_others(run: Runner) -> None:
    result = run(
        "T1.a T1.b T2.a T1.c T2.b",
        T1=[UPDATE, "COMMIT", f"{UPDATE}; COMMIT"],
        T2=[UPDATE, "COMMIT"],
    )
    assert of(result, StepBlocked) == [("T1.c", "T1:2")]
    # The server releases the lock before it answers; which COMMIT is seen first means nothing.
    assert sorted(ends(result)) == [("T1", "committed"), ("T1:2", "committed"), ("T2", "committed")]
    assert all(event.xid for event in result.history.events if isinstance(event, TransactionEnded))
    assert values(result) == [3, 0]


def test_an_error_inside_a_savepoint_is_gone_back_behind_and_the_transaction_commits(run: Runner) -> None:
    result = run(
        "T1.a T1.b T1.c T1.d T1.e T1.f",
        T1=["SAVEPOINT s", "INSERT INTO t VALUES (1, 9)", "SELECT 1", "ROLLBACK TO SAVEPOINT s", UPDATE, "COMMIT"],
    )
    failed = [event.sqlstate for event in result.history.events if isinstance(event, StatementFailed)]
    assert failed == ["23505", "25P02"]
    assert ends(result) == [("T1", "committed")]
    assert values(result) == [1, 0]


def test_a_session_of_psqls_kind(run: Runner) -> None:
    result = run(
        " ".join(f"P.{name}" for name in "abcdefgh"),
        P=[
            "SET application_name = 'x'",
            UPDATE,
            "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT v FROM t",
            "INSERT INTO t VALUES (1, 1)",
            "SELECT 1",
            "COMMIT",
            f"{UPDATE}; COMMIT; BEGIN; {UPDATE}; COMMIT AND CHAIN",
            "ROLLBACK",
        ],
    )
    assert ends(result) == [
        ("P", "committed"),
        ("P:2", "aborted"),
        ("P:3", "committed"),
        ("P:4", "committed"),
        ("P:5", "rolled back"),
    ]
    levels = [event.isolation.short for event in result.history.events if isinstance(event, TransactionBegan)]
    assert levels == ["RC", "RR", "RC", "RC", "RC"]
    assert [abort.sqlstate for abort in result.aborts] == ["23505"]
    assert values(result) == [3, 0]


def test_statements_without_begin_run_at_the_level_of_the_run(run: Runner) -> None:
    result = run("P.a", options='autocommit = ["P"]', level="SER", P=["SHOW transaction_isolation"])
    (finished,) = [event for event in result.history.events if isinstance(event, StatementFinished)]
    assert finished.rows == (("serializable",),)


def test_a_session_has_a_level_of_its_own_and_may_be_read_only(run: Runner) -> None:
    options = 'session_options.T1 = { isolation = "SER", read_only = true, deferrable = true }'
    shown = (
        "SELECT concat_ws(' ', current_setting('transaction_isolation'), current_setting('transaction_read_only'),\n"
    )
    shown += "current_setting('transaction_deferrable'))"
    result = run("T1.a T1.b T1.c", options=options, T1=[shown, "COMMIT", UPDATE])
    first, *_ = [event for event in result.history.events if isinstance(event, StatementFinished)]
    assert first.rows == (("serializable on on",),)
    assert [abort.sqlstate for abort in result.aborts] == ["25006"]


def test_setup_and_teardown_of_a_session(run: Runner) -> None:
    options = (
        'session_options.A = { setup = "PREPARE bump AS UPDATE t SET v = v + 1; BEGIN", teardown = "COMMIT" }\n'
        'session_options.B = { setup = "SELECT pg_advisory_lock(7)", teardown = "SELECT pg_advisory_unlock(7)" }'
    )
    result = run("A.a B.a B.b", options=options, A=["EXECUTE bump"], B=["SELECT v FROM t", "COMMIT"])
    assert ends(result) == [("B", "committed"), ("A", "committed")]
    assert values(result) == [1, 1]


def test_a_setup_of_a_session_that_fails_is_told(run: Runner) -> None:
    result = run("A.a", options='session_options.A = { setup = "SELECT 1/0" }', A=["SELECT 1"])
    assert result.outcome is Outcome.ERROR
    assert str(result.reason) == "Before or after its steps, A failed: division by zero."


def test_a_session_that_is_left_open_is_rolled_back_and_never_committed(run: Runner) -> None:
    result = run("T1.a T2.a T2.b", T1=[UPDATE], T2=["SELECT v FROM t WHERE id = 1", "COMMIT"])
    assert ends(result) == [("T2", "committed"), ("T1", "left open")]
    assert values(result) == [0, 0]
    assert result.outcome is Outcome.SAFE


def test_who_waits_for_a_session_that_is_left_open_waits_for_ever_and_does_nothing_after_it(run: Runner) -> None:
    result = run("T1.a T2.a", options='autocommit = ["T2"]', T1=[UPDATE], T2=[UPDATE])
    assert str(result.reason) == "T2 waits for ever in T2.a: T1 is left open."
    assert ends(result) == [("T1", "left open"), ("T2", "left open")]
    assert values(result) == [0, 0]


def test_who_waits_for_an_advisory_lock_that_a_session_kept_waits_for_ever(run: Runner) -> None:
    lock = "SELECT pg_advisory_lock(1000)"
    result = run("A.a A.b C.a C.b", A=[lock, "COMMIT"], C=[lock, "COMMIT"])
    assert result.waits_for_ever is not None
    assert (result.waits_for_ever.by, result.waits_for_ever.lock) == (("A",), "advisory 1000 (ExclusiveLock)")
    assert str(result.waits_for_ever.why) == "A's session keeps the advisory lock; COMMIT does not release it."


def test_an_order_whose_blocker_has_steps_left_is_impossible(run: Runner) -> None:
    result = run("A.a C.a C.b A.b", A=[UPDATE, "COMMIT"], C=[UPDATE, "COMMIT"])
    assert result.waits_for_ever is None
    assert result.impossible is not None
    assert result.impossible.step == "C.b"


@pytest.mark.parametrize(
    ("limit", "sqlstate"), [("SET LOCAL lock_timeout = '30ms'", "55P03"), ("SET statement_timeout = 40", "57014")]
)
def test_a_wait_that_ends_by_its_own_time_out_is_waited_for(run: Runner, limit: str, sqlstate: str) -> None:
    result = run("T1.a T2.a T2.b T2.c T1.b", T1=[UPDATE, "COMMIT"], T2=[limit, UPDATE, "COMMIT"])
    assert [(abort.step, abort.sqlstate) for abort in result.aborts] == [("T2.b", sqlstate)]
    assert result.impossible is None
    assert of(result, StepSkipped) == [("T2.c", "T2")]
    assert values(result) == [1, 0]


def test_a_wait_ends_by_the_time_out_of_who_is_waited_for(run: Runner) -> None:
    result = run(
        "T1.a T1.b T2.a T2.b T1.c",
        T1=["SET LOCAL idle_in_transaction_session_timeout = '500ms'", UPDATE, "COMMIT"],
        T2=[UPDATE, "COMMIT"],
    )
    assert [(abort.transaction, abort.sqlstate) for abort in result.aborts] == [("T1", "25P03")]
    assert of(result, StepResumed) == [("T2.a", "T2")]
    # T1's end is noticed when somebody looks at its connection: before T2's or after it.
    assert ("T2", "committed") in ends(result)
    assert values(result) == [1, 0]


def test_a_value_of_another_session_is_used(run: Runner) -> None:
    result = run(
        "T1.a T1.b T2.a T2.b",
        T1=["INSERT INTO t VALUES (7, 70) RETURNING id @ save = 'made'", "COMMIT"],
        T2=["UPDATE t SET v = 71 WHERE id = :made @ when = 'made == 7'", "COMMIT"],
    )
    assert values(result) == [0, 0, 71]


def test_a_prepared_transaction_is_committed_by_another_session_and_waited_for_until_then(run: Runner) -> None:
    result = run(
        "T1.a T1.b T2.a C.a T2.b",
        options='autocommit = ["C"]',
        T1=[UPDATE, "PREPARE TRANSACTION 'x'"],
        T2=[UPDATE, "COMMIT"],
        C=["COMMIT PREPARED 'x'"],
    )
    (blocked,) = [event for event in result.history.events if isinstance(event, StepBlocked)]
    assert (blocked.step, blocked.by) == ("T2.a", ("T1",))
    assert ends(result) == [("T1", "prepared"), ("T1", "committed"), ("T2", "committed")]
    assert values(result) == [2, 0]


def test_a_prepared_transaction_that_nobody_ends_is_rolled_back_after_the_run(run: Runner) -> None:
    result = run("T1.a T1.b T2.a", T1=[UPDATE, "PREPARE TRANSACTION 'x'"], T2=[UPDATE])
    assert result.waits_for_ever is not None
    assert "T1 has prepared a transaction" in str(result.waits_for_ever.why)
    assert ends(result) == [("T1", "prepared"), ("T2", "left open")]


def test_runs_that_prepare_under_one_name_do_not_meet(run: Runner) -> None:
    found: list[str] = []

    def prepare() -> None:
        for _again in range(5):
            result = run("T1.a T1.b T1.c", T1=[UPDATE, "PREPARE TRANSACTION 'x'", "ROLLBACK PREPARED 'x'"])
            found.append(result.outcome.value + str(result.reason) + str(ends(result)))

    threads = [threading.Thread(target=prepare) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 10
    assert all("rolled back" in each and "error" not in each for each in found), found


def test_a_run_prepares_only_so_many(run: Runner) -> None:
    texts = [f"BEGIN; PREPARE TRANSACTION '{number}'" for number in range(11)]
    result = run("P.a P.b", P=["; ".join(texts[:8]), "; ".join(texts[8:])])
    assert result.outcome is Outcome.ERROR
    assert str(result.reason) == "A run prepares at most 10 transactions."


def test_a_setup_may_hold_what_refuses_to_be_one_of_several_statements(run: Runner) -> None:
    result = run("T1.a T1.b", setup="VACUUM ANALYZE t; CREATE INDEX CONCURRENTLY i ON t (v);", T1=[UPDATE, "COMMIT"])
    assert result.outcome is Outcome.SAFE


def test_an_error_in_such_a_setup_names_its_line(engine: Engine, server: EmbeddedServer) -> None:
    with pytest.raises(EngineError, match="In the setup, line 3: "):
        engine.create_room(("CREATE TABLE t (id int);\nVACUUM t;\nSELECT * FROM nowhere",), 1)
    assert left_behind(server) == []


def test_what_a_visitor_prepares_never_keeps_a_tenant(engine: Engine, server: EmbeddedServer) -> None:
    room = engine.create_room(("CREATE TABLE t (id int)",), 1)
    session = room.open("T1")
    for text in ("BEGIN; LOCK TABLE t", "PREPARE TRANSACTION 'left'"):
        session.send(text, {})
        assert session.finish().error is None
    # Two runs may use one name.
    with psycopg.connect(server.admin_conninfo(), autocommit=True) as admin:
        assert admin.execute("SELECT gid FROM pg_prepared_xacts").fetchall() == [(f"{room.label}:left",)]
    room.close()
    assert left_behind(server) == []
