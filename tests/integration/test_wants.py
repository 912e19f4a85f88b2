"""Who waits is told in rows: what the session holds, what it wants, who holds that, and why a foreign key wants it."""

from __future__ import annotations

import pytest

from simulator.engines.base import Engine
from simulator.scenarios.loader import find
from simulator.state.wants import Want, waits_begun, want
from simulator.verdict.run import run_scenario

KEY_SHARE = "T1's foreign key holds FOR KEY SHARE on conversation 1, and FOR UPDATE does not go with that."


def wants(engine: Engine, scenario: str, variant: str, *, watch: bool = True) -> list[Want]:
    chosen = find(scenario)
    history = run_scenario(engine, chosen, chosen.variant(variant), chosen.levels[0], watch=watch).history
    return [want(history, wait) for wait in waits_begun(history, len(history.events) - 1)]


@pytest.mark.parametrize(
    ("scenario", "variant", "told"),
    [
        (
            "deadlock",
            "naive",
            [
                "T1 holds wallet 1 and wants wallet 2, which T2 holds.",
                "T2 holds wallet 2 and wants wallet 1, which T1 holds.",
            ],
        ),
        ("foreign_key_lock", "naive", [f"T2 wants conversation 1, which T1 holds. {KEY_SHARE}"]),
        (
            "foreign_key_lock",
            "lock_parent",
            [
                "T2 wants conversation 1, which T1 holds. Its foreign key wants FOR KEY SHARE on conversation 1.",
            ],
        ),
        (
            "row_lock_queue",
            "naive",
            ["T2 wants budget 1, which T1 holds.", "T3 wants budget 1, and T2 is before it in the queue."],
        ),
        (
            "row_lock_strengths",
            "upgrade",
            [
                "T1 holds agent 1 and wants more of it than T2 lets it, which holds it too.",
                "T2 holds agent 1 and wants more of it than T1 lets it, which holds it too.",
            ],
        ),
        (
            "alter_table_queue",
            "lock_timeout",
            [
                "T2 wants the table conversation, which T1 holds.",
                "T3 wants the table conversation, and T2 is before it in the queue.",
            ],
        ),
        ("advisory_lock", "wait", ["T2 wants advisory lock 1, which T1 holds."]),
        (
            "unique_wait",
            "naive",
            ["T2 cannot insert its row before T1 has ended: T1 wrote one that may be in its way."],
        ),
    ],
)
def test_each_wait_says_what_it_is_for(engine: Engine, scenario: str, variant: str, told: list[str]) -> None:
    assert [str(each.sentence) for each in wants(engine, scenario, variant)] == told


def test_the_strength_and_the_locks_name_are_known_too(engine: Engine) -> None:
    (one,) = wants(engine, "foreign_key_lock", "lock_parent")
    assert one.strength == "FOR KEY SHARE"
    assert str(one.lock).startswith("ShareLock on T1's transaction")


def test_a_run_that_nobody_watched_knows_the_row_by_its_statement(engine: Engine) -> None:
    (one,) = wants(engine, "lost_update", "naive", watch=False)
    assert str(one.sentence) == "T2 wants wallet 1, which T1 holds."
    assert (one.strength, one.holds) == ("", ())
