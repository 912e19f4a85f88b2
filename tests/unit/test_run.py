"""run_scenario on the fake engine: outcomes, retries, impossible orders, and a room that is always left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.engines.fake import FakeEngine
from simulator.errors import ScenarioError
from simulator.history import CommittedStateObserved, History, TransactionEnded
from simulator.model import Isolation, Outcome, Scenario, Schedule, SessionScript, Step, Variant
from simulator.run import run_scenario


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
    assert [anomaly.name for anomaly in result.verdict.anomalies] == ["P4"]


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
    assert result.outcome is Outcome.NO_VERDICT
    assert result.impossible is not None
    assert (result.impossible.step, result.impossible.waits_for) == ("T2.c", ("T1",))
    assert "T2.c" in result.reason
    assert "T1" in result.reason


def test_a_schedule_that_ends_while_a_session_waits_says_for_whom() -> None:
    case = scenario(LOST[0], "T2: UPDATE item SET value = 1 WHERE id = 1", order="T1.a T1.b T2.a")
    result = run(case)
    assert result.outcome is Outcome.NO_VERDICT
    assert result.impossible is not None
    assert result.impossible.step is None
    assert result.impossible.waits_for == ("T1",)


def test_a_constraint_refusal_is_not_retried_and_no_error() -> None:
    assert run(scenario("T1: FAIL 23505; COMMIT")).outcome is Outcome.ABORTED


def test_a_mistake_in_the_scenarios_sql_is_an_error_that_names_the_step() -> None:
    result = run(scenario("T1: SELEC 1; COMMIT"))
    assert result.outcome is Outcome.ERROR
    assert "T1.a" in result.reason


def test_without_observation_there_is_no_verdict() -> None:
    result = run(scenario(*LOST), observe=False)
    assert result.outcome is Outcome.NO_VERDICT
    assert not any(isinstance(event, CommittedStateObserved) for event in result.history.events)


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
