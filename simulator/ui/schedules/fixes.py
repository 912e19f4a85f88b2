"""Every variant at every level, run now: a fix is a technique and a level."""

from __future__ import annotations

import streamlit as st

from simulator.figures.fix_table import fix_table_html, fix_table_info
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.ui.components import kept
from simulator.ui.schedules import runs
from simulator.ui.schedules.pick import Pick, href


def show(pick: Pick) -> None:
    """The table, and whether it is what was expected."""
    results = runs.table(pick)
    info = fix_table_info(results)
    st.html(fix_table_html(info, None if pick.own else href))
    said = ngettext("{n} run on this server, just now", "{n} runs on this server, just now", len(results))
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(_("Run the table again"), icon="🔁"):
            kept.forget("table")
            st.rerun(scope="fragment")
        st.caption(f"{said.format(n=len(results))}{_not_expected(info.unexpected)}")


def _not_expected(count: int) -> str:
    if not count:
        return ""
    text = ngettext("{n} cell is not as expected", "{n} cells are not as expected", count).format(n=count)
    return f" · {text}"
