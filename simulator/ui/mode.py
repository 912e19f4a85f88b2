"""How a scenario is looked at: as a schedule that has run, or step by step by the person's own hand."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.ui import live

_MODES = {"schedule": N_("Run the schedule"), "drive": N_("Drive it yourself")}


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
    return chosen == "drive"
