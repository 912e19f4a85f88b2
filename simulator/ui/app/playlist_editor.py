"""The playlist in the sidebar: its lines, typed or from a file, and the one link that brings it to others."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.ui.app import address, playlist
from simulator.ui.app.playlist import MAX_CHARACTERS, PLAYLIST, TEXT
from simulator.ui.kit.slots import Slot

_FILE: Slot[UploadedFile | None] = Slot("app", "playlist_file", None)


def show() -> None:
    """Starting opens the first link. What is shut is not drawn: every page would load what few people use."""
    with st.expander(_("Playlist"), key="app_playlist_box", on_change="rerun") as box:
        if not box.open:
            return
        st.file_uploader(
            _("A text file, a link a line"), type=["txt"], max_upload_size=1, key=_FILE.key, on_change=_take
        )
        st.text_area(_("Links, one a line"), key=TEXT.key, height=160, persist_state="session")
        found, left = playlist.parse(TEXT.get())
        if left:
            text = ngettext("{n} line leads to no page", "{n} lines lead to no page", len(left)).format(n=len(left))
            st.caption(f"⚠ {text}")
        if found:
            st.code(address.link_to({PLAYLIST: "\n".join(found)}), language=None, wrap_lines=True)
        start = st.button(_("Start"), key="playlist_start", disabled=not found)
        st.button(_("End"), key="playlist_end", disabled=not playlist.parameters(), on_click=playlist.end)
    if start:
        playlist.begin(TEXT.get())


def _take() -> None:
    file = _FILE.get()
    if file is not None:
        TEXT.set(file.getvalue()[:MAX_CHARACTERS].decode("utf-8", errors="replace"))
