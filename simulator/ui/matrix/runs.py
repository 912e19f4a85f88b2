"""The two tables of the command line's `matrix`, run for this person and kept; timelines are not kept with them."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.engines.base import Engine
from simulator.experiments.matrix import fix_table, hermitage_table
from simulator.figures.fix_table import FixTableInfo, fix_table_info
from simulator.figures.hermitage_table import HermitageInfo, hermitage_info
from simulator.i18n import gettext as _
from simulator.scenarios.loader import catalogue
from simulator.ui.app import errands
from simulator.ui.components import kept
from simulator.ui.schedules.pick import FAMILIES

HERMITAGE, FIXES = "matrix_hermitage", "matrix_fixes"
#: How many runs each table takes.
CASES = sum(len(scenario.levels) for scenario in catalogue() if scenario.family == "hermitage")
CELLS = sum(len(variant.expectations) for scenario in catalogue() for variant in scenario.variants)


def hermitage() -> HermitageInfo:
    """Made now if it was not yet."""

    def run(engine: Engine) -> HermitageInfo:
        cells = []
        for cell in hermitage_table(engine, catalogue()):
            cells.append(cell)
            errands.tell(len(cells) / CASES)
        return hermitage_info(cells)

    return kept.made(HERMITAGE, None, run, doing=_("Running {number} schedules").format(number=CASES))


def fixes() -> Mapping[str, FixTableInfo]:
    """A table a family, since not all have the same levels; made now if they were not yet."""

    def run(engine: Engine) -> Mapping[str, FixTableInfo]:
        tables, done = {}, 0
        for family in FAMILIES:
            results = []
            for cell in fix_table(engine, [each for each in catalogue() if each.family == family]):
                results.append(cell.result)
                errands.tell((done := done + 1) / CELLS)
            tables[family] = fix_table_info(results)
        return tables

    return kept.made(FIXES, None, run, doing=_("Running {number} schedules").format(number=CELLS))


def are_fixes_known() -> bool:
    """Whether they have run in this tab."""
    return kept.known(FIXES) is not None
