"""The code of each kind of request, as it ran."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.i18n.comments import translated
from simulator.labs.sessions.catalogue import code, kind
from simulator.labs.sessions.load import Load
from simulator.ui.components import source_view
from simulator.ui.kit.plain import plain


def show(load: Load) -> None:
    """Two kinds beside each other; this is the source that the requests ran, not a copy of it."""
    columns = st.columns(2, gap="medium")
    for number, (key, _weight) in enumerate(load.mix.weights):
        each = kind(key)
        with columns[number % 2]:
            st.markdown(f"**{plain(_(each.title))}** · {plain(_(each.sentence))}")
            source_view.show(translated(code(each, load.is_async)))
