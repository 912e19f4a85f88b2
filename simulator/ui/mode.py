"""How a scenario is looked at: as a schedule that has run, or step by step by the person's own hand."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.ui import link, live

_MODES = {"schedule": N_("Run the schedule"), "drive": N_("Drive it yourself")}
#: The part of a link that opens a page with the person at the wheel.
PARAMETER, DRIVE = "mode", "drive"


def follow_link() -> str:
    """Take over the mode that the link asks for; a sentence where there is no such mode."""
    asked = st.query_params.get(PARAMETER)
    if asked is None:
        return ""
    if asked not in _MODES:
        return _("The link asks for mode “{text}”; there are {known}.").format(
            text=asked[: link.MAX_QUOTED], known=", ".join(_MODES)
        )
    st.session_state["mode"] = asked
    return ""


def is_drive() -> bool:
    """Show the choice; whether the person wants to drive. Leaving ends the live run."""
    chosen = st.segmented_control(
        _("Mode"),
        list(_MODES),
        default="schedule",
        required=True,
        key="mode",
        persist_state="session",
        label_visibility="collapsed",
        format_func=lambda one: _(_MODES[one]),
        on_change=live.leave,
    )
    return chosen == DRIVE
