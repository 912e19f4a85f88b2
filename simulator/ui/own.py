"""A scenario of one's own: uploaded or typed, checked, and then treated like those of the catalogue."""

from __future__ import annotations

from importlib import resources

import streamlit as st

from simulator import scenarios
from simulator.errors import ScenarioError
from simulator.i18n import gettext as _
from simulator.scenarios.loader import load
from simulator.scenarios.schema import MAX_FILE_BYTES
from simulator.ui import picker
from simulator.ui.link import Pick
from simulator.ui.plain import plain

_TEXT = "own_source"


def show(pick: Pick) -> None:
    """Upload, or a text area that begins with what is picked."""
    st.markdown(_("Upload a scenario file, or change the one below, and run it on this server."))
    upload, text = st.columns([1, 2])
    with upload:
        file = st.file_uploader(_("Scenario file (TOML)"), type="toml", max_upload_size=1, key="own_file")
        if file is not None and st.button(_("Run the file"), type="primary", key="own_run_file"):
            _open(_decoded(file.getvalue()), file.name)
    with text:
        typed = st.text_area(
            _("Scenario"),
            st.session_state.get(_TEXT, "") if pick.own else source(pick.scenario.key),
            height=420,
            max_chars=MAX_FILE_BYTES,
            key=f"own_text {pick.scenario.key}",
            label_visibility="collapsed",
        )
        if st.button(_("Run this text"), type="primary", key="own_run_text"):
            _open(typed, _("your text"))


def source(key: str) -> str:
    """The file of a scenario of the catalogue, as it stands there."""
    return (resources.files(scenarios) / "catalogue" / f"{key}.toml").read_text("utf-8")


def _decoded(data: bytes) -> str:
    """Bytes that are no UTF-8 become characters that the loader refuses with their place."""
    return data[: MAX_FILE_BYTES + 1].decode("utf-8", errors="surrogateescape")


def _open(text: str, name: str) -> None:
    try:
        scenario = load(text, name)
    except ScenarioError as error:
        st.warning(plain(str(error)), icon="📄")
        return
    st.session_state["own"] = scenario
    st.session_state[_TEXT] = text
    picker.open_scenario(scenario, own=True)
    st.rerun(scope="app")
