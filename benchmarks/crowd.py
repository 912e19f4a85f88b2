"""Fifty people in a room: they open the Anomalies page at the same moment, then each runs ten scenarios.

Each is a tab that speaks Streamlit's protocol (`benchmarks.tab`) with the application as `streamlit run` starts it. A
load is from the connection to the end of its script run, a run from the choice of another scenario in the picker to the
end of it. An error is whatever nobody should see: no end, a sentence of an error, no score, or an outcome other than
the one the scenario expects. The tabs work on the same machine: their share of it is stated.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from benchmarks.application import Application, application
from benchmarks.tab import BrokenPage, Shown, Tab
from simulator.model import Scenario
from simulator.scenarios.loader import find
from simulator.ui.schedules import pick
from simulator.ui.schedules.pick import ANOMALIES

PEOPLE, RUNS, THINKING_S = 50, 10, 3.0
LOAD_P95_S, THINKING_P95_S, HURRIED_P95_S, CPU_MS = 2.5, 1.5, 3.0, 45.0
_OUTCOME = re.compile(r'class="tx-verdict"[^>]*data-outcome="([^"]*)"')


@dataclass(slots=True)
class Phase:
    """What everybody did at once."""

    name: str
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    #: of the phase, in seconds: how long it took, and who took how much CPU
    wall: float = 0.0
    app: float = 0.0
    database: float = 0.0
    tabs: float = 0.0
    machine: float = 0.0

    @property
    def p50(self) -> float:
        return self._percentile(0.5)

    @property
    def p95(self) -> float:
        return self._percentile(0.95)

    @property
    def app_ms(self) -> float:
        """CPU of the application a load or run, in milliseconds."""
        return self.app * 1000 / max(1, len(self.seconds))

    @property
    def foreign(self) -> float:
        """What took CPU and has nothing to do with this, in seconds; on a quiet machine next to nothing."""
        return max(0.0, self.machine - self.app - self.database - self.tabs)

    def share(self, seconds: float) -> float:
        """So much CPU as a part of what the machine had."""
        return seconds / (self.wall * (os.cpu_count() or 1))

    def _percentile(self, part: float) -> float:
        values = sorted(self.seconds)
        return values[min(len(values) - 1, int(len(values) * part))] if values else float("inf")

    def row(self) -> str:
        """One line of the table."""
        each = 1000 / max(1, len(self.seconds))
        return (
            f"{self.name:24} p50 {self.p50:6.3f} s   p95 {self.p95:6.3f} s   app {self.app_ms:5.1f} ms each   "
            f"database {self.database * each:5.1f} ms   n {len(self.seconds)}   errors {len(self.errors)}   "
            f"the tabs took {self.share(self.tabs):.0%} of the machine, others {self.share(self.foreign):.0%}"
        )


def main(rounds: int = 3, people: int = PEOPLE) -> bool:
    """Print the table; False where a limit is not reached. The median of the rounds counts."""
    with tempfile.TemporaryDirectory(prefix="tx") as data, application(data) as app:
        asyncio.run(_round(app, 1, 1))  # the first visitor's imports are nobody's load
        found = [asyncio.run(_round(app, people, RUNS)) for _ in range(rounds)]
    for phases in found:
        print()
        for phase in phases:
            print(phase.row())
            for error in sorted(set(phase.errors))[:5]:
                print(f"    {error}")
    loads, thinking, hurried = zip(*found, strict=True)
    print(f"\nmedian (least) of {rounds} rounds, {people} people")
    reached = [
        _limit("errors", [float(len(phase.errors)) for phases in found for phase in phases], 0.0, worst=True),
        _limit("load p95, s", [phase.p95 for phase in loads], LOAD_P95_S),
        _limit("run p95 with 3 s of thinking, s", [phase.p95 for phase in thinking], THINKING_P95_S),
        _limit("run p95 without, s", [phase.p95 for phase in hurried], HURRIED_P95_S),
        _limit("app's CPU a click with thinking, ms", [phase.app_ms for phase in thinking], CPU_MS),
        _limit("app's CPU a click without, ms", [phase.app_ms for phase in hurried], CPU_MS),
    ]
    return all(reached)


def _limit(name: str, values: Sequence[float], limit: float, *, worst: bool = False) -> bool:
    counts = max(values) if worst else statistics.median(values)
    verdict = "reached" if counts <= limit else "NOT REACHED"
    print(f"{name:40} {counts:8.2f} ({min(values):.2f})   limit {limit:g}: {verdict}")
    return counts <= limit


async def _round(app: Application, people: int, runs: int) -> tuple[Phase, Phase, Phase]:
    """Everybody loads, runs with thinking, and runs without."""
    loads, thinking, hurried = Phase("load"), Phase("run, 3 s of thinking"), Phase("run, no thinking")
    tabs: list[Tab] = []

    async def load() -> None:
        tab, shown = await Tab.open(app.url, "anomalies")
        tabs.append(tab)
        loads.seconds.append(_checked(shown, find(ANOMALIES.first)))

    await _measured(app, loads, [load] * people)
    for phase, pause in ((thinking, THINKING_S), (hurried, 0.0)):
        work = [_person(tab, number, runs, pause, phase) for number, tab in enumerate(tabs)]
        await _measured(app, phase, work)
    await asyncio.gather(*(tab.close() for tab in tabs))
    return loads, thinking, hurried


def _person(tab: Tab, number: int, runs: int, pause: float, phase: Phase) -> Callable[[], Coroutine[Any, Any, None]]:
    """Choose one scenario after the other, each person in an order of their own."""
    dice = random.Random(f"{number} {pause}")
    scenarios = dice.sample(ANOMALIES.scenarios(), runs)

    async def work() -> None:
        await asyncio.sleep(dice.uniform(0, pause))
        for place, scenario in enumerate(scenarios):
            if place:
                await asyncio.sleep(pause)
            phase.seconds.append(_checked(await tab.choose("anomalies_scenario", scenario.title), scenario))

    return work


def _checked(shown: Shown, scenario: Scenario) -> float:
    """How long it took. Raises BrokenPage where the page is not as it should be."""
    if shown.complaints:
        raise BrokenPage(shown.complaints[0])
    if "anomalies_score" not in shown.components:
        raise BrokenPage(f"{scenario.key}: no score")
    found = next((match.group(1) for text in shown.texts if (match := _OUTCOME.search(text))), "nothing")
    expected = scenario.variants[0].expectations[pick.first_level(scenario)].value
    if found != expected:
        raise BrokenPage(f"{scenario.key}: {found} instead of {expected}")
    return shown.seconds


async def _measured(app: Application, phase: Phase, work: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Let all of them work at once; what goes wrong for one is an error of the phase."""

    async def one(each: Callable[[], Awaitable[None]]) -> None:
        try:
            await each()
        except (BrokenPage, OSError) as error:
            phase.errors.append(f"{type(error).__name__}: {error}")

    before = _clocks(app)
    await asyncio.gather(*map(one, work))
    after = _clocks(app)
    phase.wall, phase.app, phase.database, phase.tabs, phase.machine = (
        late - early for late, early in zip(after, before, strict=True)
    )


def _clocks(app: Application) -> tuple[float, float, float, float, float]:
    """Seconds: of time, and of CPU of the application, its database, the tabs, and everybody on the machine."""
    everybody = psutil.cpu_times()
    busy = sum(everybody) - everybody.idle - getattr(everybody, "iowait", 0.0) - getattr(everybody, "guest", 0.0)
    return time.perf_counter(), app.cpu_s(), app.database_cpu_s(), time.process_time(), float(busy)
