"""Runs of schedules for this person: what is picked, the same at every level, every variant, the conflict table."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.engines.base import Engine
from simulator.experiments.conflicts import ConflictCell, row_lock_conflicts
from simulator.i18n import gettext as _
from simulator.model import Isolation, Scenario
from simulator.ui.app import errands
from simulator.ui.app.manager import manager
from simulator.ui.components import queue_view
from simulator.ui.components.kept import made
from simulator.ui.schedules.pick import Pick
from simulator.verdict.run import RunResult, run_scenario

#: In place of a person: what is made for all at once.
_EVERYBODY = "everybody"


def of(pick: Pick) -> RunResult:
    """The run of what is picked, made now if it was not yet."""

    def run(engine: Engine) -> RunResult:
        return run_scenario(engine, pick.scenario, pick.variant, pick.isolation, schedule=pick.schedule, watch=True)

    return _noted(pick, (made("run", pick.run_id, run),))[0]


def conflicts() -> tuple[ConflictCell, ...]:
    """The row locks' conflict table."""
    return made("conflicts", None, row_lock_conflicts)


def levels(pick: Pick, known: RunResult | None = None) -> tuple[RunResult, ...]:
    """The same schedule at every level of the scenario; at the level of `known` that run, and no other one."""

    def every_level(engine: Engine) -> tuple[RunResult, ...]:
        return tuple(
            known
            if known is not None and known.isolation is level
            else run_scenario(engine, pick.scenario, pick.variant, level, schedule=pick.schedule)
            for level in pick.scenario.levels
        )

    return _noted(pick, made("levels", pick.order_id, every_level))


def repeatable_read(pick: Pick, known: RunResult) -> RunResult:
    """The same schedule at REPEATABLE READ, where no dangerous structure is looked for: `known` where it is that."""
    level = Isolation.REPEATABLE_READ

    def run(engine: Engine) -> RunResult:
        return run_scenario(engine, pick.scenario, pick.variant, level, schedule=pick.schedule)

    return known if known.isolation is level else made("repeatable_read", pick.order_id, run)


def table(pick: Pick) -> tuple[RunResult, ...]:
    """Every variant of the scenario at every level of it."""
    scenario = pick.scenario
    cells = [(variant, level) for variant in scenario.variants for level in scenario.levels]

    def every_cell(engine: Engine) -> tuple[RunResult, ...]:
        results: list[RunResult] = []
        for variant, level in cells:
            errands.tell(len(results) / len(cells))
            results.append(run_scenario(engine, scenario, variant, level))
        return tuple(results)

    return _noted(pick, made("table", pick.scenario_id, every_cell))


def first_variants(missing: Sequence[tuple[Scenario, Isolation]]) -> None:
    """Run the first variant of each of these at its level and note it; once for all who want it at the same time."""

    def every_one(engine: Engine) -> None:
        for number, (scenario, level) in enumerate(missing):
            errands.tell(number / len(missing))
            manager().outcomes.note([run_scenario(engine, scenario, scenario.variants[0], level)])

    errand = manager().errand(_EVERYBODY, "first_variants", None, every_one)
    queue_view.wait_for(errand, _("Running {number} schedules").format(number=len(missing)))
    manager().errands.taken(_EVERYBODY, "first_variants", errand)


def _noted(pick: Pick, results: tuple[RunResult, ...]) -> tuple[RunResult, ...]:
    """A scenario of one's own may have any name, also one of the catalogue's."""
    if not pick.own:
        manager().outcomes.note(results)
    return results
