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
from simulator.ui import code, fixes, levels, own, reorder
from simulator.ui.banner import problems
from simulator.ui.language import fragment
from simulator.ui.link import Pick


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab; `show` draws it."""

    key: str
    title: str
    show: Callable[[Pick, RunResult], None]


TABS = (
    Tab("levels", N_("At other levels"), lambda pick, _result: levels.show(pick)),
    Tab("fixes", N_("What fixes it"), lambda pick, _result: fixes.show(pick)),
    Tab("code", N_("Code"), lambda pick, _result: code.show(pick)),
    Tab("order", N_("Change the order"), lambda pick, _result: reorder.show(pick)),
    Tab("own", N_("Your own scenario"), lambda pick, _result: own.show(pick)),
)


@fragment
def show(pick: Pick, result: RunResult) -> None:
    """A row of tabs; the first is open."""
    tabs = [tab for tab in TABS if tab.key != "levels" or len(pick.scenario.levels) > 1]
    boxes = st.tabs(
        [_(tab.title) for tab in tabs], key="details" if len(tabs) == len(TABS) else "details_few", on_change="rerun"
    )
    for tab, box in zip(tabs, boxes, strict=True):
        if box.open:
            with box, problems(tab.key):
                tab.show(pick, result)
