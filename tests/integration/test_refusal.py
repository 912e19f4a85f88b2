"""A 40001 is explained: the server's words, what made the dangerous structure, and whether the abort was needed."""

from __future__ import annotations

import pytest

from simulator.engines.base import Engine
from simulator.model import Isolation
from simulator.scenarios.loader import find
from simulator.verdict.refusal import explain_refusal, refusals
from simulator.verdict.run import RunResult, run_scenario

RR, SER = Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE


def run(engine: Engine, scenario: str, level: Isolation, variant: str = "naive") -> RunResult:
    chosen = find(scenario)
    return run_scenario(engine, chosen, chosen.variant(variant), level, watch=True)


def told(engine: Engine, scenario: str, level: Isolation = SER, variant: str = "naive") -> tuple[str, ...]:
    (refusal,) = refusals(run(engine, scenario, level, variant))
    return tuple(map(str, explain_refusal(refusal, run(engine, scenario, RR, variant))))


def test_the_server_is_quoted(engine: Engine) -> None:
    first, *_more = told(engine, "write_skew")
    assert first.startswith("T2.commit was refused with 40001. The server: could not serialize access")
    assert "Reason code" in first


def test_an_abort_that_was_needed_names_both_conflicts_and_the_anomaly(engine: Engine) -> None:
    _words, one, other, needed = told(engine, "write_skew")
    assert ("T2 before T1 (inferred)" in one, "T1 before T2 (inferred)" in other) == (True, True)
    assert needed.startswith("The abort was needed")
    assert "Write skew (G2-item)" in needed


@pytest.mark.parametrize("scenario", ["false_positive", "siread_locks"])
def test_a_false_alarm_is_called_one(engine: Engine, scenario: str) -> None:
    assert told(engine, scenario)[-1].startswith("A false alarm: at REPEATABLE READ the same schedule commits")


@pytest.mark.parametrize("level", [RR, SER])
def test_of_a_concurrent_update_the_first_updater_wins(engine: Engine, level: Isolation) -> None:
    _words, reason = told(engine, "lost_update", level)
    assert "changed wallet 1" in reason
    assert "the first updater wins" in reason


def test_a_write_that_was_refused_is_the_other_conflict(engine: Engine) -> None:
    assert any("T1.charge_with_fee was about to write" in line for line in told(engine, "read_only_anomaly"))


def test_without_a_run_to_compare_with_nothing_is_claimed(engine: Engine) -> None:
    (refusal,) = refusals(run(engine, "write_skew", SER))
    assert len(explain_refusal(refusal, None)) == 1
