"""Free order: drag the steps, or write them down, and the schedule runs again in that order."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.errors import ScenarioError
from simulator.figures.palette import session_colors, text_on
from simulator.i18n import gettext as _
from simulator.scenarios.order import MAX_TEXT, parse_order, reorder
from simulator.ui import picker
from simulator.ui.link import Pick
from simulator.ui.plain import plain

FOLDER = Path(__file__).parent
KEY = "reorder"


def show(pick: Pick) -> None:
    """Chips to drag, a text field for the same, and the way back."""
    st.caption(_("Drag a step, or move it with ‹ and ›, and it runs at once. Within a session the order is fixed."))
    _component()(key=KEY, data=_data(pick), on_order_change=_dragged)
    with st.form("order_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            _("The same as text"),
            " ".join(pick.schedule.steps),
            max_chars=MAX_TEXT,
            key=f"order_text {' '.join(pick.schedule.steps)}",
        )
        if st.form_submit_button(_("Run this order")):
            _typed(pick, text)
    if pick.schedule != pick.variant.schedule:
        st.button(_("Back to the scenario's own order"), on_click=picker.reschedule, args=(pick.variant.schedule,))
    if picker.current().schedule != pick.schedule:
        st.rerun(scope="app")


def _typed(pick: Pick, text: str) -> None:
    try:
        picker.reschedule(reorder(pick.variant, parse_order(text)))
    except ScenarioError as error:
        st.warning(plain(str(error)), icon="✋")


def _dragged() -> None:
    """The chips keep each session's order; whoever sends another all the same changes nothing."""
    keys = st.session_state[KEY].get("order")
    with suppress(ScenarioError):
        picker.reschedule(reorder(picker.current().variant, [str(key) for key in keys or ()]))


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


@lru_cache(maxsize=1)
def _component() -> Any:
    return st.components.v2.component(
        "txscope_reorder",
        html='<div class="txr-row" role="list"></div>',
        css=(FOLDER / "reorder.css").read_text("utf-8"),
        js=(FOLDER / "reorder.js").read_text("utf-8"),
    )
