"""What the tests on a real server share."""

from __future__ import annotations

from functools import cache

import pytest

from simulator.engines.base import Engine
from simulator.model import Isolation, Scenario, Variant
from simulator.scenarios.loader import find
from simulator.verdict.run import run_scenario
from tests.integration.cells import ROUNDS, Cell, Cells


@pytest.fixture(scope="session")
def cell(engine: Engine) -> Cells:
    """A cell of the catalogue, run when it is asked for first."""

    @cache
    def of(key: str, variant_key: str, isolation: Isolation) -> Cell:
        scenario = find(key)
        variant = scenario.variant(variant_key)
        watched = run_scenario(engine, scenario, variant, isolation, watch=True)
        return Cell(watched, tuple(run_scenario(engine, scenario, variant, isolation) for _ in range(ROUNDS)))

    def asked(scenario: Scenario, variant: Variant, isolation: Isolation) -> Cell:
        return of(scenario.key, variant.key, isolation)

    return asked
