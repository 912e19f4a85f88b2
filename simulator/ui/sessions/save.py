"""The history that is shown, to take along; and where one that was recorded elsewhere is opened."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui.app import pages
from simulator.ui.sessions.runs import Shown


def show(shown: Shown) -> None:
    """A file of it, and the way to the page that opens such files."""
    st.download_button(
        _("Save what is shown"),
        shown.history.to_json,
        file_name="txscope-trace.json",
        mime="application/json",
        on_click="ignore",
        icon="💾",
    )
    application = pages.find("application")
    st.page_link(application.page(), label=_("Open a history of your own application"), icon=application.icon)
