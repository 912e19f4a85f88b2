"""What the tests on a real server share."""

from __future__ import annotations

from functools import cache

import pytest

from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.labs.mistakes import catalogue as mistakes
from simulator.labs.mistakes.run import run_pair
from simulator.model import Isolation, Scenario, Variant
from simulator.scenarios.loader import find
from simulator.verdict.run import run_scenario
from tests.integration import mistake_runs
from tests.integration.cells import ROUNDS, Cell, Cells
from tests.integration.leftovers import left_since
from tests.integration.mistake_runs import Observe, Observed, around


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


@pytest.fixture(scope="session")
def observe(engine: Engine, server: EmbeddedServer) -> Observe:
    """Run a mistake when it is asked for first, as often as TXSCOPE_MISTAKES_ROUNDS says."""
    for key in mistake_runs.FIRST:
        run_pair(engine, mistakes.find(key))

    @cache
    def observed(key: str) -> list[Observed]:
        seen = []
        for _round in range(mistake_runs.ROUNDS):
            before = around(engine, server)
            pair = run_pair(engine, mistakes.find(key))
            seen.append(Observed(pair, left_since(before, lambda: around(engine, server))))
        return seen

    return lambda mistake: observed(mistake.key)
