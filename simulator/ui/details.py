"""Below the score: the same at other levels, what fixes it, the code, another order, a scenario of one's own.

Each tab works only while it is open, so that nothing runs which nobody looks at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.run import RunResult
from simulator.ui import activity_view, code, conflict_table, fixes, levels, own, reorder
from simulator.ui.banner import problems
from simulator.ui.language import fragment
from simulator.ui.link import Pick


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab; `show` draws it."""

    key: str
    title: str
    show: Callable[[Pick, RunResult | None], None]


TABS = (
    Tab("levels", N_("At other levels"), lambda pick, _result: levels.show(pick)),
    Tab("fixes", N_("What fixes it"), lambda pick, _result: fixes.show(pick)),
    Tab("code", N_("Code"), lambda pick, _result: code.show(pick)),
    Tab("order", N_("Change the order"), lambda pick, _result: reorder.show(pick)),
    Tab("own", N_("Your own scenario"), lambda pick, _result: own.show(pick)),
)


#: What the Locks page has besides.
OF_LOCKS = (
    Tab("activity", N_("Watch live"), lambda _pick, _result: activity_view.show()),
    Tab("conflicts", N_("Row-lock conflicts"), lambda _pick, _result: conflict_table.show()),
)
#: What goes with a run that a person drives.
OF_DRIVING = tuple(tab for tab in (*OF_LOCKS, *TABS) if tab.key in ("activity", "code", "conflicts"))


@fragment
def show(pick: Pick, result: RunResult | None = None, tabs: tuple[Tab, ...] = TABS, key: str = "details") -> None:
    """A row of tabs; the first is open. `key` tells one row of a page from another."""
    if len(pick.scenario.levels) == 1:
        tabs, key = tuple(tab for tab in tabs if tab.key != "levels"), f"{key}_few"
    boxes = st.tabs([_(tab.title) for tab in tabs], key=key, on_change="rerun")
    for tab, box in zip(tabs, boxes, strict=True):
        if box.open:
            with box, problems(tab.key):
                tab.show(pick, result)
