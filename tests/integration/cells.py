"""The catalogue's cells (a variant at a level), each run once for all tests of a worker that look at it.

Tests of one scenario bear its mark and so stand in one worker, whichever file they are in.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from simulator.model import Isolation, Scenario, Variant
from simulator.scenarios.loader import catalogue
from simulator.verdict.run import RunResult

#: How often a cell is run without being watched; TXSCOPE_MATRIX_ROUNDS=20 for the whole proof.
ROUNDS = int(os.environ.get("TXSCOPE_MATRIX_ROUNDS", "1"))


@dataclass(frozen=True)
class Cell:
    """What one variant came to at one level."""

    #: with locks and row versions recorded after every step, as pages run it
    watched: RunResult
    blind: tuple[RunResult, ...]

    @property
    def every(self) -> tuple[RunResult, ...]:
        return (self.watched, *self.blind)


#: Run it when it is asked for first.
Cells = Callable[[Scenario, Variant, Isolation], Cell]


def together(scenario: str) -> pytest.MarkDecorator:
    """The mark of tests that look at this scenario's cells."""
    return pytest.mark.xdist_group(f"scenario {scenario}")


def scenarios(family: str | None = None) -> list[object]:
    """Each scenario, or each of a family, as a test's parameter."""
    return [pytest.param(each, id=each.key, marks=together(each.key)) for each in _of(family)]


def variants(family: str | None = None) -> list[object]:
    """`(scenario, variant)` of all, or of a family, as a test's parameters."""
    return [
        pytest.param(scenario, variant, id=f"{scenario.key}-{variant.key}", marks=together(scenario.key))
        for scenario in _of(family)
        for variant in scenario.variants
    ]


def _of(family: str | None) -> list[Scenario]:
    return [each for each in catalogue() if family in (None, each.family)]
