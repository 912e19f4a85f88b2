"""run_scenario on the fake engine: outcomes, retries, impossible orders, and a room that is always left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.errors import ScenarioError
from simulator.history.schedule import History, TransactionEnded
from simulator.model import Isolation, Outcome, Scenario, Schedule, SessionScript, Step, Variant
from simulator.verdict.run import run_scenario
from tests.fake_engine import FakeEngine


def scenario(*sessions: str, order: str = "", **fields: str) -> Scenario:
    """Each session as `T1: sql; sql; COMMIT`; its steps are called a, b, c ..."""
    scripts = []
    for line in sessions:
        name, _, body = line.partition(": ")
        steps = (Step("abcdefgh"[i], name, sql.strip()) for i, sql in enumerate(body.split(";")))
        scripts.append(SessionScript(name, tuple(steps)))
    keys = tuple(order.split()) or tuple(step.key for script in scripts for step in script.steps)
    variant = Variant("naive", "Naive", tuple(scripts), Schedule(keys), is_fix=False, expectations={})
    return Scenario("fake", "Fake", "isolation", 1, "", "", (variant,), **fields)  # type: ignore[arg-type]


LOST = (
    "T1: SELECT value FROM item WHERE id = 1; UPDATE item SET value = 120 WHERE id = 1; COMMIT",
    "T2: SELECT value FROM item WHERE id = 1; UPDATE item SET value = 130 WHERE id = 1; COMMIT",
)
LOST_ORDER = "T1.a T2.a T1.b T2.b T1.c T2.c"
RC, RR = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ


def run(case: Scenario, isolation: Isolation = RC, **options: object):  # type: ignore[no-untyped-def]
    engine = FakeEngine()
    result = run_scenario(engine, case, case.variants[0], isolation, **options)  # type: ignore[arg-type]
    assert engine.rooms_open() == 0
    return result


def test_a_lost_update_is_an_anomaly_that_the_checker_names() -> None:
    result = run(scenario(*LOST, order=LOST_ORDER))
    assert result.outcome is Outcome.ANOMALY
    assert [anomaly.name for anomaly in result.graph.anomalies] == ["P4"]


def test_an_aborted_transaction_is_run_again_as_a_transaction_of_its_own() -> None:
    result = run(scenario(*LOST, order=LOST_ORDER), RR)
    assert result.outcome is Outcome.RETRIED
    (abort,) = result.aborts
    assert (abort.transaction, abort.sqlstate, abort.retried_as) == ("T2", "40001", "T2#2")
    ends = [(e.transaction, e.outcome) for e in result.history.events if isinstance(e, TransactionEnded)]
    assert ends == [("T1", "committed"), ("T2", "aborted"), ("T2#2", "committed")]


def test_without_retry_the_application_is_left_with_the_abort() -> None:
    assert run(scenario(*LOST, order=LOST_ORDER), RR, retry=False).outcome is Outcome.ABORTED


def test_serial_transactions_are_safe() -> None:
    assert run(scenario(*LOST)).outcome is Outcome.SAFE


def test_an_order_that_needs_a_waiting_session_is_explained_and_is_no_error() -> None:
    result = run(scenario(*LOST, order="T1.a T2.a T1.b T2.b T2.c T1.c"))
    assert result.outcome is Outcome.IMPOSSIBLE
    assert result.impossible is not None
    assert (result.impossible.step, result.impossible.waits_for) == ("T2.c", ("T1",))
    assert "T2.c" in str(result.reason)
    assert "T1" in str(result.reason)


def test_a_session_that_waits_when_the_schedule_ends_waits_for_ever_and_no_step_is_blamed() -> None:
    case = scenario(LOST[0], "T2: UPDATE item SET value = 1 WHERE id = 1", order="T1.a T1.b T2.a")
    result = run(case)
    assert result.outcome is Outcome.WAITS_FOR_EVER
    assert result.impossible is None
    assert result.waits_for_ever is not None
    assert (result.waits_for_ever.session, result.waits_for_ever.by) == ("T2", ("T1",))
    assert str(result.reason) == "T2 waits for ever in T2.a: T1 is left open."
    ends = [(e.transaction, e.outcome) for e in result.history.events if isinstance(e, TransactionEnded)]
    assert ends == [("T1", "left open"), ("T2", "left open")]


def test_a_constraint_refusal_is_not_retried_and_no_error() -> None:
    assert run(scenario("T1: FAIL 23505; COMMIT")).outcome is Outcome.ABORTED


def test_a_mistake_in_the_scenarios_sql_is_an_error_that_names_the_step() -> None:
    result = run(scenario("T1: SELEC 1; COMMIT"))
    assert result.outcome is Outcome.ERROR
    assert "T1.a" in str(result.reason)


def test_the_room_is_left_when_a_guard_cannot_be_read() -> None:
    case = scenario(*LOST)
    bad = replace(case.variants[0].sessions[0].steps[0], when="nobody(1)")
    script = replace(case.variants[0].sessions[0], steps=(bad, *case.variants[0].sessions[0].steps[1:]))
    variant = replace(case.variants[0], sessions=(script, case.variants[0].sessions[1]))
    engine = FakeEngine()
    with pytest.raises(ScenarioError):
        run_scenario(engine, case, variant, RC)
    assert engine.rooms_open() == 0


def test_a_history_survives_json() -> None:
    history = run(scenario(*LOST, order=LOST_ORDER), RR).history
    assert History.from_json(history.to_json()) == history
