"""What surrounds every page: title, navigation, language and projector mode."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui import arrival, labs, language

#: Root font size in projector mode; everything on a page, figures too, is measured in it.
PROJECTOR_PX = 24
STYLE = Path(__file__).parent / "style.css"


def show() -> None:
    """Run one page for one person."""
    st.set_page_config(page_title="Txscope", page_icon="⏱️", layout="wide", initial_sidebar_state="collapsed")
    language.speak()
    page = st.navigation([labs.home(), *(lab.page() for lab in labs.built())], position="top")
    arrival.note(page.url_path)
    with st.sidebar:
        st.markdown(f"**{_('Display')}**")
        language.switch()
        projector = st.toggle(
            _("Projector"), key="projector", help=_("Larger text everywhere, for people in the last row.")
        )
    st.html(STYLE)
    if projector:
        st.html(f"<style>html{{font-size:{PROJECTOR_PX}px}}</style>")
    page.run()
