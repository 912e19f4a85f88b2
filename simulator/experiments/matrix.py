"""The two tables, as run just now on this server, beside what was expected.

The Hermitage table (https://github.com/ept/hermitage): ten cases × levels, does the phenomenon occur? The fix table:
every variant of every scenario × levels, what does it come to? Verdicts come from the replay, the
graph and the invariant; the expectations are only compared with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from simulator.engines.base import Engine
from simulator.model import Isolation, Outcome, Scenario, Variant
from simulator.verdict.judge import Finding, disagreement
from simulator.verdict.run import RunResult, run_scenario


@dataclass(frozen=True, slots=True)
class HermitageCell:
    """One case at one level; `occurs` None where that is not known."""

    scenario: Scenario
    isolation: Isolation
    expected: bool
    occurs: bool | None
    result: RunResult

    @property
    def as_expected(self) -> bool:
        return self.occurs == self.expected


@dataclass(frozen=True, slots=True)
class FixCell:
    """One variant at one level."""

    scenario: Scenario
    variant: Variant
    isolation: Isolation
    expected: Outcome
    result: RunResult

    @property
    def as_expected(self) -> bool:
        return self.result.outcome == self.expected

    @property
    def disagreement(self) -> Finding | None:
        """What graph and replay disagree about, None for nothing."""
        return disagreement(self.result.facts)


def occurs(result: RunResult, phenomenon: str) -> bool | None:
    """Whether this phenomenon was found; None where the graph is silent, or not confirmed by the replay."""
    if result.graph.no_verdict is not None or result.finding is Finding.UNCONFIRMED:
        return None
    return any(anomaly.name == phenomenon for anomaly in result.confirmed.anomalies)


def hermitage_table(engine: Engine, scenarios: Iterable[Scenario]) -> Iterator[HermitageCell]:
    """Run the first variant of each scenario of the Hermitage family at each of its levels."""
    for scenario in scenarios:
        if scenario.family != "hermitage" or scenario.phenomenon is None:
            continue
        for isolation in scenario.levels:
            result = run_scenario(engine, scenario, scenario.variants[0], isolation)
            yield HermitageCell(
                scenario, isolation, isolation in scenario.occurs_at, occurs(result, scenario.phenomenon), result
            )


def fix_table(engine: Engine, scenarios: Iterable[Scenario]) -> Iterator[FixCell]:
    """Run every variant at every level that it has an expectation for."""
    for scenario in scenarios:
        for variant in scenario.variants:
            for isolation, expected in variant.expectations.items():
                yield FixCell(
                    scenario, variant, isolation, expected, run_scenario(engine, scenario, variant, isolation)
                )
