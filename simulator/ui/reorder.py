"""Free order: drag the steps, or write them down, and the schedule runs again in that order."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.errors import ScenarioError
from simulator.figures.palette import session_colors, text_on
from simulator.i18n import gettext as _
from simulator.model import Schedule
from simulator.scenarios.order import MAX_TEXT, parse_order, reorder
from simulator.ui import picker
from simulator.ui.link import Pick
from simulator.ui.plain import plain

FOLDER = Path(__file__).parent


def show(pick: Pick) -> None:
    """Chips to drag, a text field for the same, and the way back."""
    st.caption(_("Drag a step, or move it with ‹ and ›, and it runs at once. Within a session the order is fixed."))
    found = _component()(key="reorder", data=_data(pick), on_order_change=_nothing).order
    if found:
        _run(pick, [str(key) for key in found])
    with st.form("order_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            _("The same as text"),
            " ".join(pick.schedule.steps),
            max_chars=MAX_TEXT,
            key=f"order_text {' '.join(pick.schedule.steps)}",
        )
        if st.form_submit_button(_("Run this order")):
            _run_text(pick, text)
    if pick.schedule != pick.variant.schedule and st.button(_("Back to the scenario's own order")):
        _accept(pick.variant.schedule)


def _run_text(pick: Pick, text: str) -> None:
    try:
        _run(pick, list(parse_order(text)))
    except ScenarioError as error:
        st.warning(plain(str(error)), icon="✋")


def _run(pick: Pick, keys: list[str]) -> None:
    try:
        schedule = reorder(pick.variant, keys)
    except ScenarioError as error:
        st.warning(plain(str(error)), icon="✋")
        return
    if schedule != pick.schedule:
        _accept(schedule)


def _accept(schedule: Schedule) -> None:
    picker.reschedule(schedule)
    st.rerun(scope="app")


def _data(pick: Pick) -> dict[str, Any]:
    colors = session_colors([session.name for session in pick.variant.sessions])
    return {
        "steps": [
            {
                "key": step.key,
                "session": step.session,
                "sql": step.sql,
                "color": colors[step.session],
                "text": text_on(colors[step.session]),
            }
            for step in map(pick.variant.step, pick.schedule.steps)
        ],
        "labels": {"order": _("Order of the steps"), "earlier": _("Earlier"), "later": _("Later")},
    }


def _nothing() -> None:
    """Streamlit registers a trigger by its callback."""


@lru_cache(maxsize=1)
def _component() -> Any:
    return st.components.v2.component(
        "txscope_reorder",
        html='<div class="txr-row" role="list"></div>',
        css=(FOLDER / "reorder.css").read_text("utf-8"),
        js=(FOLDER / "reorder.js").read_text("utf-8"),
    )
