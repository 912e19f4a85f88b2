"""Below the score: the same at other levels, what fixes it, the code, another order, a scenario of one's own.

Each tab works only while it is open, so that nothing runs which nobody looks at.
"""

from __future__ import annotations

from simulator.i18n import N_
from simulator.scenarios.schema import MAX_VARIANTS
from simulator.ui.app.language import fragment
from simulator.ui.components.tabs import Tab, row
from simulator.ui.kit.slots import here
from simulator.ui.schedules import activity_view, code, conflict_table, fixes, levels, own, reorder
from simulator.ui.schedules.pick import Pick
from simulator.verdict.run import RunResult

DetailTab = Tab[Pick, RunResult | None]

TABS: tuple[DetailTab, ...] = (
    Tab("levels", N_("At other levels"), levels.show),
    Tab("fixes", N_("What fixes it"), lambda pick, _result: fixes.show(pick)),
    Tab("code", N_("Code"), lambda pick, _result: code.show(pick)),
    Tab("order", N_("The order as text"), lambda pick, _result: reorder.show(pick)),
    Tab("own", N_("Your own scenario"), lambda pick, _result: own.show(pick)),
)


#: What the Locks page has besides.
OF_LOCKS: tuple[DetailTab, ...] = (
    Tab("activity", N_("Watch live"), lambda _pick, _result: activity_view.show()),
    Tab("conflicts", N_("Row-lock conflicts"), lambda _pick, _result: conflict_table.show()),
)
#: What goes with a run that a person drives.
OF_DRIVING = tuple(tab for tab in (*OF_LOCKS, *TABS) if tab.key in ("activity", "code", "conflicts"))


@fragment
def show(pick: Pick, result: RunResult | None = None, tabs: tuple[DetailTab, ...] = TABS, key: str = "details") -> None:
    """A row of tabs; the first is open. `key` tells one row of a page from another."""
    if len(pick.scenario.levels) == 1:
        tabs, key = tuple(tab for tab in tabs if tab.key != "levels"), f"{key}_few"
    if len(pick.scenario.variants) > MAX_VARIANTS:
        # The permutations of a .spec file: nobody waits until all of them have run.
        tabs, key = tuple(tab for tab in tabs if tab.key != "fixes"), f"{key}_many"
    row(here(key), tabs, pick, result)
