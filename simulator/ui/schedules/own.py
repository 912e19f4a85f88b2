"""A scenario of one's own: uploaded or typed, checked, and then treated like those of the catalogue."""

from __future__ import annotations

import tomllib
from importlib import resources

import streamlit as st

from simulator import scenarios
from simulator.errors import ScenarioError
from simulator.i18n import gettext as _
from simulator.model import Scenario
from simulator.scenarios.loader import load
from simulator.scenarios.schema import MAX_FILE_BYTES
from simulator.scenarios.spec_reader import is_spec, load_spec
from simulator.scenarios.spec_variants import to_scenario
from simulator.ui.app import brought, carried
from simulator.ui.app.manager import manager
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import HERE, PAGE, Slot, here
from simulator.ui.schedules import picker
from simulator.ui.schedules.pick import Pick

_TEXT: Slot[str] = Slot(HERE, "own_source", "")


def show(pick: Pick) -> None:
    """Upload, or a text area that begins with what is picked."""
    if not manager().takes_own_sql():
        st.info(
            _(
                "On this server all runs share one role, so SQL of your own could reach another person's run: it is "
                "switched off. Name a role that may create roles in DATABASE_URL, or set TXSCOPE_OWN_SQL=1 where you "
                "trust everybody who can open this page."
            ),
            icon="🔒",
        )
        return
    st.markdown(_("Upload a scenario file, or change the one below, and run it on this server."))
    upload, text = st.columns([1, 2])
    with upload:
        file = st.file_uploader(
            _("Scenario file (TOML), or a .spec file of PostgreSQL's isolationtester"),
            max_upload_size=1,
            key=here("own_file"),
        )
        st.caption(
            _(
                "Each permutation of a .spec file becomes a variant. What needs a superuser, as CREATE ROLE does, runs "
                "from the command line alone: python -m simulator run FILE.spec --superuser"
            )
        )
        if file is not None and st.button(_("Run the file"), type="primary", key=here("own_run_file")):
            _open(_decoded(file.getvalue()), file.name)
    with text:
        typed = st.text_area(
            _("Scenario"),
            _TEXT.get() if pick.own else source(pick.scenario.key),
            height=420,
            max_chars=MAX_FILE_BYTES,
            key=f"{here('own_text')} {pick.scenario.key}",
            label_visibility="collapsed",
        )
        if st.button(_("Run this text"), type="primary", key=here("own_run_text")):
            _open(typed, _("your text"))


def source(key: str) -> str:
    """The file of a scenario of the catalogue, as it stands there."""
    return (resources.files(scenarios) / "catalogue" / f"{key}.toml").read_text("utf-8")


def _decoded(data: bytes) -> str:
    """Bytes that are no UTF-8 become characters that the loader refuses with their place."""
    return data[: MAX_FILE_BYTES + 1].decode("utf-8", errors="surrogateescape")


def _read(text: str, name: str) -> Scenario:
    return to_scenario(load_spec(text, name, MAX_FILE_BYTES)) if is_spec(text) else load(text, name)


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return False
    return True


def take() -> None:
    """Open what was brought to this page from another one."""
    text = carried.take(PAGE.get())
    if not text or not manager().takes_own_sql():
        return
    try:
        picker.load_own(_read(text, _("your text")))
    except ScenarioError as error:
        st.warning(plain(str(error)), icon="📄")
        return
    _TEXT.set(text)


def _open(text: str, name: str) -> None:
    # What TOML reads is a scenario here, if a wrong one, though Python may read it, too.
    if not _is_toml(text) and brought.leads_away(text, ("scenario", "spec")):
        return
    try:
        scenario = _read(text, name)
    except ScenarioError as error:
        st.warning(plain(str(error)), icon="📄")
        return
    _TEXT.set(text)
    picker.load_own(scenario)
    st.rerun(scope="app")
