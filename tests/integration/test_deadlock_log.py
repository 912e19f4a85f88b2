"""A scenario that was made of a report closes the circle when it is run: the server ends somebody with 40P01."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.engines.base import Engine
from simulator.findings.deadlock import read_report
from simulator.findings.deadlock.scenario import scenario_toml
from simulator.model import Isolation
from simulator.scenarios.loader import load_file
from simulator.verdict.run import run_scenario
from tests.unit.deadlock_samples import FORMS, KINDS, PUBLISHED

REPORTS = {**PUBLISHED, **KINDS, "rows": FORMS["stderr"]}


@pytest.mark.parametrize("name", [name for name in REPORTS if name != "h-lock-wait.txt"])
def test_the_circle_closes_again(engine: Engine, tmp_path: Path, name: str) -> None:
    report = read_report(REPORTS[name])
    assert report is not None
    path = tmp_path / "deadlock_from_log.toml"
    path.write_text(scenario_toml(report), encoding="utf-8")
    scenario = load_file(path)
    (variant,) = scenario.variants
    result = run_scenario(engine, scenario, variant, Isolation.READ_COMMITTED)
    ended = [abort for abort in result.aborts if abort.sqlstate == "40P01"]
    # Who was ended in the log is ended here: its wait closes the circle.
    assert {abort.transaction.partition("#")[0] for abort in ended} == {f"P{report.victim}"}
    assert result.outcome == variant.expectations[Isolation.READ_COMMITTED]
