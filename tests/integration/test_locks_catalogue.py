"""The scenarios of the Locks lab on a real server: who waits for whom, what it comes to, and what only SQL can see."""

from __future__ import annotations

import pytest

from simulator.engines.base import Engine
from simulator.explore import fingerprint
from simulator.history import ServerMessage, StatementFailed, StatementFinished, StepBlocked, StepResumed
from simulator.model import Isolation, Scenario, Variant, Wait
from simulator.run import RunResult, run_scenario
from simulator.scenarios.loader import catalogue, find

RU, RC, RR, SER = Isolation
REPEATS = 3
CELLS = [
    pytest.param(scenario, variant, isolation, id=f"{scenario.key}-{variant.key}-{isolation.short}")
    for scenario in catalogue()
    if scenario.family == "locks"
    for variant in scenario.variants
    for isolation in variant.expectations
]


def run(engine: Engine, key: str, variant: str = "naive", isolation: Isolation = RC) -> RunResult:
    scenario = find(key)
    return run_scenario(engine, scenario, scenario.variant(variant), isolation)


def waits(result: RunResult) -> tuple[Wait, ...]:
    """Waits of the schedule, without those of transactions that were run again."""
    return tuple(
        Wait(str(event.step), event.by)
        for event in result.history.events
        if isinstance(event, StepBlocked) and event.transaction == event.session
    )


def failures(result: RunResult) -> list[tuple[str | None, str]]:
    return [(event.step, event.sqlstate) for event in result.history.events if isinstance(event, StatementFailed)]


def answer(result: RunResult, step: str) -> list[tuple[object, ...]]:
    """Rows that the step returned."""
    (finished,) = (event for event in result.history.of_step(step) if isinstance(event, StatementFinished))
    return list(finished.rows)


@pytest.mark.parametrize(("scenario", "variant", "isolation"), CELLS)
def test_waits_and_outcome_are_as_stated_every_time(
    engine: Engine, scenario: Scenario, variant: Variant, isolation: Isolation
) -> None:
    results = [run_scenario(engine, scenario, variant, isolation) for _ in range(REPEATS)]
    for result in results:
        assert result.outcome == variant.expectations[isolation], result.reason
        assert result.impossible is None
        if isolation is scenario.levels[0]:
            assert waits(result) == variant.waits
    assert len({waits(result) for result in results}) == 1
    assert len({fingerprint(result) for result in results}) == 1


def test_every_wait_that_was_seen_is_seen_to_end(engine: Engine) -> None:
    for scenario in catalogue():
        if scenario.family == "locks":
            for variant in scenario.variants:
                events = run_scenario(engine, scenario, variant, scenario.levels[0]).history.events
                for kind in (StepBlocked, StepResumed):
                    assert {event.step for event in events if isinstance(event, kind)} == {
                        wait.step for wait in variant.waits or ()
                    }, (scenario.key, variant.key, kind)


@pytest.mark.parametrize(
    ("key", "variant", "expected"),
    [
        ("deadlock", "naive", ("T2.give", "40P01")),
        ("deadlock", "other_victim", ("T1.give", "40P01")),
        ("deadlock_three", "naive", ("T3.next", "40P01")),
        ("row_lock_strengths", "upgrade", ("T2.change", "40P01")),
        ("nowait", "nowait", ("T2.lock", "55P03")),
        ("lock_timeout", "lock_timeout", ("T2.change", "55P03")),
        ("alter_table_queue", "lock_timeout", ("T2.alter", "55P03")),
        ("idle_in_transaction", "timeout", ("T1.commit", "25P03")),
        ("foreign_key_lock", "naive", ("T2.delete", "23503")),
        ("foreign_key_lock", "new_key", ("T2.renumber", "23503")),
        ("unique_wait", "naive", ("T2.insert", "23505")),
    ],
)
def test_who_fails_is_certain_and_the_server_says_why(
    engine: Engine, key: str, variant: str, expected: tuple[str, str]
) -> None:
    assert failures(run(engine, key, variant)) == [expected]


def test_a_deadlock_is_reported_with_each_of_its_waits(engine: Engine) -> None:
    result = run(engine, "deadlock_three")
    (error,) = (event for event in result.history.events if isinstance(event, StatementFailed))
    assert error.detail.count("blocked by process") == 3


def test_a_worker_of_the_queue_takes_the_next_free_job(engine: Engine) -> None:
    result = run(engine, "skip_locked", "skip_locked")
    assert (answer(result, "T1.take"), answer(result, "T2.take")) == ([(1,)], [(2,)])
    result = run(engine, "skip_locked", "in_line")
    assert answer(result, "T2.take") == [(2,), (3,)], "the row that was waited for is looked at again"


def test_the_key_that_was_waited_for_is_gone(engine: Engine) -> None:
    assert answer(run(engine, "row_lock_strengths", "key_column"), "T2.keep") == []


def test_a_lock_of_the_session_outlives_its_transaction_and_nobody_is_told(engine: Engine) -> None:
    for variant in ("naive", "rolled_back"):
        result = run(engine, "advisory_lock", variant)
        assert answer(result, "T2.lock") == [(False,)]
        assert failures(result) == []
    assert answer(run(engine, "advisory_lock", "transaction"), "T2.lock") == [(True,)]


def test_what_serializable_notes_is_as_coarse_as_the_plan(engine: Engine) -> None:
    whole = ("relation", "task", None, None)
    assert answer(run(engine, "siread_locks"), "T1.locks") == [], "no such locks at READ COMMITTED"
    assert answer(run(engine, "siread_locks", isolation=SER), "T1.locks") == [(*whole, True), (*whole, False)]
    kinds = [row[0] for row in answer(run(engine, "siread_locks", "index", SER), "T1.locks")]
    assert kinds == ["page", "tuple", "tuple"] * 2
    outlived = answer(run(engine, "siread_locks", "outlives", SER), "T2.locks")
    assert (*whole, False) in outlived, "T1 has committed"


def test_an_idle_session_is_seen_to_hold_up_another(engine: Engine) -> None:
    first, second = answer(run(engine, "idle_in_transaction"), "T3.look")
    assert first[:3] == ("T1", "idle in transaction", 0)
    assert second[:3] == ("T2", "active", 1)


@pytest.mark.parametrize(
    ("variant", "isolation", "size"),
    [("naive", RC, 8192), ("naive", RR, 8192), ("reader", RC, 0), ("reader", RR, 8192), ("commit_first", RC, 0)],
)
def test_vacuum_gives_back_what_nobody_could_want_to_see(
    engine: Engine, variant: str, isolation: Isolation, size: int
) -> None:
    result = run(engine, "vacuum_horizon", variant, isolation)
    assert answer(result, "T4.size") == [(size,)]
    said = " ".join(event.text for event in result.history.events if isinstance(event, ServerMessage))
    assert ("3 are dead but not yet removable" in said) is (size > 0)
