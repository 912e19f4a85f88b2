"""Free order: a bar is dragged on the score, or the order is written down, and the schedule runs again like that."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from simulator.errors import ScenarioError
from simulator.i18n import gettext as _
from simulator.scenarios.order import MAX_TEXT, parse_order, reorder
from simulator.ui.components.score_view import ordered
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import here
from simulator.ui.schedules import picker
from simulator.ui.schedules.pick import Pick


def show(pick: Pick) -> None:
    """The order as text, for many moves at once, and to be taken along; a single one is made on the score."""
    st.caption(
        _(
            "One step is moved on the score: drag the handle below its bar, or press Alt with ← →. "
            "Here stands the whole order, to be written anew, copied, or pasted."
        )
    )
    with st.form(here("order_form"), border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            _("Order of the steps"),
            " ".join(pick.schedule.steps),
            max_chars=MAX_TEXT,
            key=f"{here('order_text')} {' '.join(pick.schedule.steps)}",
        )
        if st.form_submit_button(_("Run this order")):
            _typed(pick, text)
    if picker.current().schedule != pick.schedule:
        st.rerun(scope="app")


def moved(key: str) -> None:
    """Take over the order that the score with this key was given; it keeps each session's order, as the view does."""
    with suppress(ScenarioError):
        picker.reschedule(reorder(picker.current().variant, ordered(key)))


def back(pick: Pick) -> None:
    """The way back, where the order is not the scenario's own."""
    if pick.schedule != pick.variant.schedule:
        st.button(
            _("Back to the scenario's own order"),
            icon="↩️",
            key=here("own_order"),
            on_click=picker.reschedule,
            args=(pick.variant.schedule,),
        )


def _typed(pick: Pick, text: str) -> None:
    try:
        picker.reschedule(reorder(pick.variant, parse_order(text)))
    except ScenarioError as error:
        st.warning(plain(str(error)), icon="✋")
