"""Histories that somebody brings: dropped as files, plain or packed, or carried over from another page."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from simulator.errors import HistoryError
from simulator.history.files import unpacked
from simulator.history.schedule import PAGE, History
from simulator.i18n import gettext as _
from simulator.traces.spans import Trace
from simulator.traces.trace import read
from simulator.ui.app import brought, carried
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import Slot


@dataclass(frozen=True, slots=True)
class Opened:
    """A history that is looked at; `file` tells one upload from another of the same name."""

    file: str
    title: str
    trace: Trace


#: Those of this tab; they are forgotten with it.
_OPENED: Slot[tuple[Opened, ...]] = Slot("application", "opened_files", ())
#: Two are compared.
MOST = 2
_CARRIED = "carried"


def histories() -> tuple[Opened, ...]:
    """Show where files are put; what is open now, at most two, in the order in which they came."""
    files = st.file_uploader(
        _("A history that the recorder saved, or two to compare: .json, .json.gz"),
        accept_multiple_files=True,
        max_upload_size=PAGE.bytes // 10**6,
        key="application_files",
    )
    st.caption(_("Nothing of it is written to a disk here: it is in memory for this tab, and gone with it."))
    if files:
        return _kept(files)
    return _carried()


def _kept(files: Sequence[UploadedFile]) -> tuple[Opened, ...]:
    """Each file is read once."""
    if len(files) > MOST:
        st.warning(_("Two histories are compared; the first two of these are."), icon="📄")
    before = {each.file: each for each in _OPENED.get()}
    found = tuple(_each(files[:MOST], before))
    _OPENED.set(found)
    return found


def _each(files: Sequence[UploadedFile], before: dict[str, Opened]) -> Iterator[Opened]:
    for file in files:
        if file.file_id in before:
            yield before[file.file_id]
            continue
        try:
            yield _read(file)
        except HistoryError as error:
            st.warning(f"{plain(file.name)}: {plain(str(error))}", icon="📄")


def _read(file: UploadedFile) -> Opened:
    text = unpacked(io.BytesIO(file.getvalue()), PAGE).decode("utf-8", "replace")
    brought.leads_away(text, ("history",))
    return Opened(file.file_id, file.name, read(History.from_json(text, PAGE)))


def _carried() -> tuple[Opened, ...]:
    """What another page brought, until a file takes its place."""
    text = carried.take("application")
    if text:
        try:
            _OPENED.set((Opened(_CARRIED, _("your text"), read(History.from_json(text, PAGE))),))
        except HistoryError as error:
            st.warning(plain(str(error)), icon="📄")
    return tuple(each for each in _OPENED.get() if each.file == _CARRIED)
