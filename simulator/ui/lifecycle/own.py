"""A history that somebody recorded in an application of their own, and the one that is shown, to take along."""

from __future__ import annotations

import streamlit as st

from simulator.errors import HistoryError
from simulator.i18n import gettext as _
from simulator.ui.lifecycle import runs
from simulator.ui.lifecycle.runs import Shown
from simulator.ui.plain import plain

#: Megabytes; ten minutes of a busy application.
MAX_UPLOAD = 20

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
        file = st.file_uploader(_("History (JSON)"), type="json", max_upload_size=MAX_UPLOAD, key="lifecycle_file")
        if file is not None and st.button(_("Open it"), type="primary", key="lifecycle_open"):
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
    try:
        runs.open_history(data.decode("utf-8", errors="replace"), name)
    except HistoryError as error:
        st.warning(plain(str(error)), icon="📄")
        return
    st.rerun(scope="app")
