"""The scenarios of the Locks lab on a real server: who waits for whom, what it comes to, and what only SQL can see."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from simulator.history.schedule import ServerMessage, StatementFailed, StatementFinished, StepBlocked, StepResumed
from simulator.model import Isolation, Scenario, Variant, Wait
from simulator.scenarios.loader import catalogue, find
from simulator.ui.schedules.predict import seen
from simulator.verdict.run import RunResult
from tests.integration.cells import Cells, together, variants

RU, RC, RR, SER = Isolation
Runs = Callable[..., RunResult]


@pytest.fixture
def run(cell: Cells) -> Runs:
    """The scenario's cell, as it came out without being watched."""

    def of(key: str, variant: str = "naive", isolation: Isolation = RC) -> RunResult:
        scenario = find(key)
        return cell(scenario, scenario.variant(variant), isolation).blind[0]

    return of


def waits(result: RunResult) -> tuple[Wait, ...]:
    """Waits of the schedule, without those of transactions that were run again."""
    return tuple(
        Wait(str(event.step), event.by)
        for event in result.history.events
        if isinstance(event, StepBlocked) and event.transaction == event.session
    )


def failing(key: str, variant: str, step: str, sqlstate: str) -> object:
    """A cell, and what fails in it."""
    return pytest.param(key, variant, (step, sqlstate), id=f"{key}-{variant}", marks=together(key))


def failures(result: RunResult) -> list[tuple[str | None, str]]:
    return [(event.step, event.sqlstate) for event in result.history.events if isinstance(event, StatementFailed)]


def answer(result: RunResult, step: str) -> list[tuple[object, ...]]:
    """Rows that the step returned."""
    (finished,) = (event for event in result.history.of_step(step) if isinstance(event, StatementFinished))
    return list(finished.rows)


@pytest.mark.parametrize(("scenario", "variant"), variants("locks"))
def test_waits_are_as_stated_every_time_and_each_is_seen_to_end(
    cell: Cells, scenario: Scenario, variant: Variant
) -> None:
    for isolation in variant.expectations:
        every = cell(scenario, variant, isolation).every
        assert len({waits(result) for result in every}) == 1, isolation
        if isolation is scenario.levels[0]:
            assert waits(every[0]) == variant.waits
            for result, kind in product(every, (StepBlocked, StepResumed)):
                seen = {event.step for event in result.history.events if isinstance(event, kind)}
                assert seen == {wait.step for wait in variant.waits or ()}, kind


@pytest.mark.parametrize("scenario", [each for each in catalogue() if each.answers], ids=lambda each: each.key)
def test_each_answer_that_may_be_guessed_comes_about(cell: Cells, scenario: Scenario) -> None:
    runs = (cell(scenario, variant, level).blind[0] for variant in scenario.variants for level in scenario.levels)
    assert {seen(result) for result in runs} == set(scenario.answers)


@pytest.mark.parametrize(
    ("key", "variant", "expected"),
    [
        failing("deadlock", "naive", "T2.give", "40P01"),
        failing("deadlock", "other_victim", "T1.give", "40P01"),
        failing("deadlock_three", "naive", "T3.next", "40P01"),
        failing("row_lock_strengths", "upgrade", "T2.change", "40P01"),
        failing("nowait", "nowait", "T2.lock", "55P03"),
        failing("lock_timeout", "lock_timeout", "T2.change", "55P03"),
        failing("alter_table_queue", "lock_timeout", "T2.alter", "55P03"),
        failing("idle_in_transaction", "timeout", "T1.commit", "25P03"),
        failing("foreign_key_lock", "naive", "T2.delete", "23503"),
        failing("foreign_key_lock", "new_key", "T2.renumber", "23503"),
        failing("unique_wait", "naive", "T2.insert", "23505"),
    ],
)
def test_who_fails_is_certain_and_the_server_says_why(
    run: Runs, key: str, variant: str, expected: tuple[str, str]
) -> None:
    assert failures(run(key, variant)) == [expected]


@together("deadlock_three")
def test_a_deadlock_is_reported_with_each_of_its_waits(run: Runs) -> None:
    result = run("deadlock_three")
    (error,) = (event for event in result.history.events if isinstance(event, StatementFailed))
    assert error.detail.count("blocked by process") == 3


@together("skip_locked")
def test_a_worker_of_the_queue_takes_the_next_free_job(run: Runs) -> None:
    result = run("skip_locked", "skip_locked")
    assert (answer(result, "T1.take"), answer(result, "T2.take")) == ([(1,)], [(2,)])
    result = run("skip_locked", "in_line")
    assert answer(result, "T2.take") == [(2,), (3,)], "the row that was waited for is looked at again"


@together("row_lock_strengths")
def test_the_key_that_was_waited_for_is_gone(run: Runs) -> None:
    assert answer(run("row_lock_strengths", "key_column"), "T2.keep") == []


@together("advisory_lock")
def test_a_lock_of_the_session_outlives_its_transaction_and_nobody_is_told(run: Runs) -> None:
    for variant in ("naive", "rolled_back"):
        result = run("advisory_lock", variant)
        assert answer(result, "T2.lock") == [(False,)]
        assert failures(result) == []
    assert answer(run("advisory_lock", "transaction"), "T2.lock") == [(True,)]


@together("siread_locks")
def test_what_serializable_notes_is_as_coarse_as_the_plan(run: Runs) -> None:
    whole = ("relation", "task", None, None)
    assert answer(run("siread_locks"), "T1.locks") == [], "no such locks at READ COMMITTED"
    assert answer(run("siread_locks", isolation=SER), "T1.locks") == [(*whole, True), (*whole, False)]
    kinds = [row[0] for row in answer(run("siread_locks", "index", SER), "T1.locks")]
    assert kinds == ["page", "tuple", "tuple"] * 2
    outlived = answer(run("siread_locks", "outlives", SER), "T2.locks")
    assert (*whole, False) in outlived, "T1 has committed"


@together("idle_in_transaction")
def test_an_idle_session_is_seen_to_hold_up_another(run: Runs) -> None:
    first, second = answer(run("idle_in_transaction"), "T3.look")
    assert first[:3] == ("T1", "idle in transaction", 0)
    assert second[:3] == ("T2", "active", 1)


@together("vacuum_horizon")
@pytest.mark.parametrize(
    ("variant", "isolation", "size"),
    [("naive", RC, 8192), ("naive", RR, 8192), ("reader", RC, 0), ("reader", RR, 8192), ("commit_first", RC, 0)],
)
def test_vacuum_gives_back_what_nobody_could_want_to_see(
    run: Runs, variant: str, isolation: Isolation, size: int
) -> None:
    result = run("vacuum_horizon", variant, isolation)
    assert answer(result, "T4.size") == [(size,)]
    said = " ".join(event.text for event in result.history.events if isinstance(event, ServerMessage))
    assert ("3 are dead but not yet removable" in said) is (size > 0)
