"""The smallest scenario that still goes wrong in the same way: steps, sessions and rows are left out, one by one.

Each candidate is run for real and judged by replay; it counts where its outcome, the anomalies and the finding are the
same ("delta debugging" with one thing at a time: Zeller and Hildebrandt, 2002, whose result is minimal in that sense).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from simulator.engines.base import Engine
from simulator.errors import EngineError, ScenarioError
from simulator.experiments.orders.cells import Cell, Sweep
from simulator.experiments.orders.progress import Progress
from simulator.model import Isolation, Scenario, Schedule, Variant
from simulator.scenarios.guard import names as names_of_guard
from simulator.sql.bind import names
from simulator.sql.words import statements
from simulator.verdict.run import RunResult, run_scenario

#: Candidates that are run at most.
MOST_TRIED = 120


@dataclass(frozen=True, slots=True)
class Smallest:
    """A scenario with the one variant whose schedule goes wrong, and its run."""

    result: RunResult
    #: candidates that were run for it
    tried: int

    @property
    def scenario(self) -> Scenario:
        return self.result.scenario


def smallest(
    engine: Engine,
    sweep: Sweep,
    cell: Cell,
    progress: Progress | None = None,
    sound: Callable[[Scenario], object] = lambda scenario: None,
) -> Smallest:
    """From the order of this cell. `sound` raises ScenarioError for what is no scenario.

    Raises EngineError where the order itself can no longer be run, and stops early where `progress` is stopped.
    """
    return _Search(engine, sweep.isolation, progress or Progress(), sound).down_from(_alone(sweep, cell))


def _alone(sweep: Sweep, cell: Cell) -> Scenario:
    """The scenario with nothing but this order."""
    variant = replace(sweep.variant, schedule=Schedule(cell.order), expectations={}, sqlalchemy="", waits=None, note="")
    scenario = replace(sweep.scenario, levels=(sweep.isolation,), telling=None, answers=(), occurs_at=())
    return replace(scenario, variants=(variant,), phenomenon=None)


class _Search:
    def __init__(
        self, engine: Engine, isolation: Isolation, progress: Progress, sound: Callable[[Scenario], object]
    ) -> None:
        self._engine, self._isolation, self._progress, self._sound = engine, isolation, progress, sound
        self._tried = 0

    def down_from(self, scenario: Scenario) -> Smallest:
        best = self._run(scenario)
        smaller: RunResult | None = best
        while smaller is not None:
            best, smaller = smaller, self._smaller(smaller)
        return Smallest(best, self._tried)

    def _smaller(self, best: RunResult) -> RunResult | None:
        """The first candidate that goes wrong in the same way; None where none does."""
        for candidate in _candidates(best.scenario):
            if self._tried >= MOST_TRIED or self._progress.is_stopped:
                return None
            found = self._try(candidate)
            if found is not None and _same(found, best):
                return found
        return None

    def _try(self, scenario: Scenario) -> RunResult | None:
        try:
            self._sound(scenario)
            return self._run(scenario)
        except (ScenarioError, EngineError):
            return None  # it is no scenario any more, or its setup fails

    def _run(self, scenario: Scenario) -> RunResult:
        self._tried += 1
        return run_scenario(self._engine, scenario, scenario.variants[0], self._isolation, opened=self._progress.opened)


def _same(found: RunResult, best: RunResult) -> bool:
    def what(result: RunResult) -> tuple[object, ...]:
        names = tuple(sorted(anomaly.name for anomaly in result.confirmed.anomalies))
        committed = frozenset(result.replayed.order)
        return result.outcome, result.finding, names, len(committed) > 1

    return what(found) == what(best) and not found.reason


def _candidates(scenario: Scenario) -> Iterator[Scenario]:
    variant = scenario.variants[0]
    for session in variant.sessions if len(variant.sessions) > 2 else ():
        yield _with(scenario, _without_steps(variant, frozenset(step.key for step in session.steps)))
    for key in (each for each in reversed(variant.schedule.steps) if not _is_used(variant, each)):
        yield _with(scenario, _without_steps(variant, frozenset((key,))))
    for setup in _smaller_setups(variant.setup):
        yield _with(scenario, replace(variant, setup=setup))
    for setup in _smaller_setups(scenario.setup):
        if setup:
            yield replace(scenario, setup=setup)


def _is_used(variant: Variant, key: str) -> bool:
    """Whether its session uses what it saves: without it, another session's value of that name would be meant."""
    step = variant.step(key)
    steps = variant.session(step.session).steps
    used = {name for each in steps for name in (*names(each.sql), *(names_of_guard(each.when) if each.when else ()))}
    return step.save in used


def _with(scenario: Scenario, variant: Variant) -> Scenario:
    return replace(scenario, variants=(variant,))


def _without_steps(variant: Variant, keys: frozenset[str]) -> Variant:
    sessions = (replace(each, steps=tuple(s for s in each.steps if s.key not in keys)) for each in variant.sessions)
    kept = tuple(key for key in variant.schedule.steps if key not in keys)
    return replace(variant, sessions=tuple(each for each in sessions if each.steps), schedule=Schedule(kept))


def _smaller_setups(setup: str) -> Iterator[str]:
    """Without one statement, or without one row of an INSERT."""
    parts = [each.text for each in statements(setup)]
    for place, text in enumerate(parts):
        yield _joined([*parts[:place], *parts[place + 1 :]])
        for fewer in _fewer_rows(text):
            yield _joined([*parts[:place], fewer, *parts[place + 1 :]])


def _joined(parts: list[str]) -> str:
    return "".join(f"{part};\n" for part in parts).strip()


def _fewer_rows(text: str) -> Iterator[str]:
    try:
        tree = sqlglot.parse_one(text, dialect="postgres")
    except SqlglotError:
        return
    rows = tree.expression if isinstance(tree, exp.Insert) else None
    if not isinstance(rows, exp.Values) or len(rows.expressions) < 2:
        return
    for place in range(len(rows.expressions)):
        fewer = tree.copy()
        fewer.expression.set("expressions", [e for at, e in enumerate(fewer.expression.expressions) if at != place])
        yield fewer.sql(dialect="postgres")
