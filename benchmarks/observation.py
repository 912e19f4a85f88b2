"""What the state panel costs: one look at locks and row versions after a step, and a watched run beside its twin."""

from __future__ import annotations

import time

from benchmarks.measure import report, server
from simulator.engines.base import Engine
from simulator.engines.postgres.room import PostgresRoom
from simulator.model import Isolation, Scenario
from simulator.scenarios.loader import catalogue
from simulator.verdict.run import run_scenario

#: scenario -> why it is here
CASES = {
    "lost_update": "two sessions, one waits",
    "read_only_anomaly": "three sessions, SIRead locks",
    "false_positive": "several rows, a retry",
}
LIMIT_MS = 10.0


def main(repeats: int = 100) -> bool:
    with server() as engine:
        scenarios = [scenario for scenario in catalogue() if scenario.key in CASES]
        reached = [_look(engine, scenario, repeats) for scenario in scenarios]
        for scenario in scenarios:
            _runs(engine, scenario, repeats)
    return all(reached)


def _look(engine: Engine, scenario: Scenario, repeats: int) -> bool:
    """From the question to the value that becomes two events, for each step; the first of a run prepares."""
    looks: list[float] = []
    original = PostgresRoom.watch

    def timed(self: PostgresRoom):  # type: ignore[no-untyped-def]
        started = time.perf_counter()
        seen = original(self)
        looks.append((time.perf_counter() - started) * 1000)
        return seen

    PostgresRoom.watch = timed  # type: ignore[method-assign]
    try:
        for _ in range(repeats):
            run_scenario(engine, scenario, scenario.variants[0], Isolation.SERIALIZABLE, watch=True)
    finally:
        PostgresRoom.watch = original  # type: ignore[method-assign]
    return report(f"observed step ({scenario.key}: {CASES[scenario.key]})", looks, LIMIT_MS)


def _runs(engine: Engine, scenario: Scenario, repeats: int) -> None:
    """Interleaved, so that both meet the same machine."""
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(repeats):
        for watch, taken in times.items():
            started = time.perf_counter()
            run_scenario(engine, scenario, scenario.variants[0], Isolation.SERIALIZABLE, watch=watch)
            taken.append((time.perf_counter() - started) * 1000)
    report(f"run of {scenario.key}, not watched", times[False])
    report(f"run of {scenario.key}, watched", times[True])
