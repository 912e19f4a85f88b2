"""What surrounds every page: title, navigation, language and projector mode."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui.app import arrival, keys, language, links, pages, playlist, playlist_editor, projector, tab, way_back

STYLE = Path(__file__).parent / "style.css"


def show() -> None:
    """Run one page for one person."""
    st.set_page_config(page_title="Txscope", page_icon="⏱️", layout="wide", initial_sidebar_state="collapsed")
    tab.forget_what_was_reset()
    language.speak()
    page = pages.navigation()
    arrival.note(page.url_path or pages.HOME)
    playlist.show()
    way_back.show(page.url_path or pages.HOME)
    with st.sidebar:
        links.follow_clicked()
        st.markdown(f"**{_('Display')}**")
        language.switch()
        projector.switch()
        keys.listen()
        playlist_editor.show()
    st.html(STYLE)
    projector.dress()
    page.run()
