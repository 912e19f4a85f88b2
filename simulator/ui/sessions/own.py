"""A history that somebody recorded in an application of their own, and the one that is shown, to take along."""

from __future__ import annotations

import streamlit as st

from simulator.errors import HistoryError
from simulator.history.schedule import MAX_BYTES
from simulator.i18n import gettext as _
from simulator.ui.app import brought
from simulator.ui.kit.plain import plain
from simulator.ui.sessions import runs
from simulator.ui.sessions.runs import Shown

EXAMPLE = """\
from simulator.recorder import trace

with trace(engine, SessionLocal) as recorder:
    with recorder.request("POST /messages"):
        handle(request)

Path("trace.json").write_text(recorder.history().to_json())
"""


def show(shown: Shown) -> None:
    """How a trace is made, on the left; opening and saving one, on the right."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.markdown(
            _("Trace your own application: put this around code of yours that uses SQLAlchemy, and open the file here.")
        )
        st.code(EXAMPLE, language="python")
    with right:
        file = st.file_uploader(_("History (JSON)"), max_upload_size=MAX_BYTES // 10**6, key="sessions_file")
        if file is not None and st.button(_("Open it"), type="primary", key="sessions_open"):
            _open(file.getvalue(), file.name)
        st.download_button(
            _("Save what is shown"),
            shown.history.to_json,
            file_name="txscope-trace.json",
            mime="application/json",
            on_click="ignore",
            icon="💾",
        )


def _open(data: bytes, name: str) -> None:
    text = data.decode("utf-8", errors="replace")
    if brought.leads_away(text, ("history",)):
        return
    try:
        runs.open_history(text, name)
    except HistoryError as error:
        st.warning(plain(str(error)), icon="📄")
        return
    st.rerun(scope="app")
