"""What may be guessed before a run: the answers that the scenario can come to, and that the right one is among them."""

from __future__ import annotations

import pytest

from simulator.model import Outcome, Scenario
from simulator.scenarios.loader import catalogue, find
from simulator.ui.schedules.pick import LOCKS, opened
from simulator.ui.schedules.predict import choices


def offered(key: str) -> set[object]:
    return set(choices(opened(find(key))))


def test_no_deadlock_is_offered_where_nobody_can_wait_in_a_circle() -> None:
    assert offered("row_lock_queue") == {"nobody", "waits", "gives up"}
    assert offered("deadlock") == {"nobody", "waits", "gives up", "deadlock T1", "deadlock T2"}


def test_an_outcome_that_the_scenario_never_has_is_not_offered() -> None:
    assert offered("dirty_read") == {Outcome.SAFE, Outcome.ANOMALY}
    assert offered("lost_update") == {Outcome.SAFE, Outcome.RETRIED, Outcome.ANOMALY}


def test_where_nobody_can_wait_the_question_is_what_the_scenario_is_about() -> None:
    assert offered("vacuum_horizon") == {"bytes 0", "bytes 8192"}


@pytest.mark.parametrize("scenario", [each for each in catalogue() if each.family not in LOCKS.families])
def test_what_is_expected_can_be_guessed(scenario: Scenario) -> None:
    for variant in scenario.variants:
        assert set(variant.expectations.values()) <= offered(scenario.key)
