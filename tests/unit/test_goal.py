"""Goals of those who drive: each scenario has the one that it is a case of, and what was judged decides."""

from __future__ import annotations

import pytest

from simulator.anomalies.phenomena import PHENOMENA
from simulator.live import LiveRun
from simulator.model import Invariant, Isolation
from simulator.scenarios.loader import catalogue, find
from simulator.verdict.goal import Reached, goal_of
from tests.fake_engine import FakeEngine
from tests.unit.test_live import CROSSING, LOST, Case, scenario

#: What a case of these is about is neither an anomaly nor a wait.
WITHOUT = {"false_positive", "siread_locks", "vacuum_horizon"}


def test_every_phenomenon_can_be_tried_for() -> None:
    goals = [row.goal for row in PHENOMENA]
    assert all(goal.startswith("Try to ") for goal in goals)
    assert len(set(goals)) == len(goals)


def test_every_scenario_has_its_goal() -> None:
    assert {each.key for each in catalogue() if goal_of(each) is None} == WITHOUT


@pytest.mark.parametrize(
    ("key", "wish"),
    [
        ("lost_update", "Try to lose an update"),
        ("deadlock", "Try to make a deadlock"),
        ("deadlock_three", "Try to make a deadlock"),
        ("skip_locked", "Try to break the rule: {rule}"),
        ("advisory_lock", "Try to break the rule: {rule}"),
        ("row_lock_wait", "Try to make a session wait"),
    ],
)
def test_a_goal_is_in_plain_words(key: str, wish: str) -> None:
    goal = goal_of(find(key))
    assert goal is not None
    assert goal.wish.template == wish


def reached(run: LiveRun, key: str) -> Reached:
    goal = goal_of(find(key))
    assert goal is not None
    return goal.reached(run.history(), run.result())


@pytest.mark.parametrize(
    ("clicks", "isolation", "came"),
    [
        ("T1.a T2.a T1.b T2.b T1.c", Isolation.READ_COMMITTED, Reached.NOT_YET),
        ("T1.a T2.a T1.b T2.b T1.c T2.c", Isolation.READ_COMMITTED, Reached.YES),
        ("T1.a T1.b T1.c T2.a T2.b T2.c", Isolation.READ_COMMITTED, Reached.NO),
        ("T1.a T2.a T1.b T2.b T1.c", Isolation.REPEATABLE_READ, Reached.NO),
    ],
)
def test_an_update_is_lost_when_the_judged_run_says_so(clicks: str, isolation: Isolation, came: Reached) -> None:
    case = Case(*LOST, isolation=isolation)
    case.play(clicks)
    assert reached(case.run, "lost_update") is came


def test_another_anomaly_is_not_the_one() -> None:
    case = Case(*LOST)
    case.play("T1.a T2.a T1.b T2.b T1.c T2.c")
    assert reached(case.run, "write_skew") is Reached.YES  # P4 is a kind of G2-item
    assert reached(case.run, "g1a") is Reached.OTHER


def test_a_deadlock_and_a_wait_count_while_the_run_goes_on() -> None:
    case = Case(*CROSSING)
    case.play("T1.a T2.a")
    assert reached(case.run, "row_lock_wait") is Reached.NOT_YET
    case.play("T1.b")
    assert reached(case.run, "row_lock_wait") is Reached.YES
    assert reached(case.run, "deadlock") is Reached.NOT_YET
    case.play("T2.b")
    assert case.run.result() is None
    assert reached(case.run, "deadlock") is Reached.YES


def test_what_names_no_phenomenon_of_the_table_has_no_goal() -> None:
    case = scenario(*LOST, invariant=Invariant("never", "SELECT 1"))
    run = LiveRun.start(FakeEngine(), case, case.variants[0], Isolation.READ_COMMITTED)
    assert goal_of(case) is None
    run.close()
