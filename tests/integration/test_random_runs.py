"""Random schedules of random transactions: each verdict is asked for again in another way."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from benchmarks.random_runs import LEVELS, Drawn, drawn, examine
from simulator.engines.base import Engine
from simulator.model import Isolation

#: of each level; `python -m benchmarks verdicts` runs thousands
RUNS = 67


@pytest.mark.parametrize("isolation", LEVELS, ids=lambda level: level.short)
def test_no_verdict_on_a_random_run_is_refuted(engine: Engine, isolation: Isolation) -> None:
    @settings(
        max_examples=RUNS,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(drawn(isolation))
    def examined(case: Drawn) -> None:
        found = examine(engine, case)
        assert not found.wrong
        assert not found.gap, found.result.replayed

    examined()
