"""The button that stops a run: the browser answers the click at once, whatever the server is busy with."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.sessions.progress import Progress

SCRIPT = Path(__file__).with_suffix(".js")


def button(progress: Progress) -> None:
    """Stop this run; what ran until then is shown."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(_("Stop"), icon="⏹️", key="sessions_stop", on_click=progress.stop, help=_("What ran so far is shown."))
        _component()(key="sessions_stop_told", data=_("Stopping: what ran so far is shown in a moment."))


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "txscope_stop", html='<b role="status"></b>', js=SCRIPT.read_text("utf-8"), isolate_styles=False
    )
