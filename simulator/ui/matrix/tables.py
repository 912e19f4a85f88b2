"""Both tables on the page: each cell leads to its run, and what is not as expected is counted and marked."""

from __future__ import annotations

import streamlit as st

from simulator.figures.fix_table import fix_table_html
from simulator.figures.hermitage_table import hermitage_html
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.model import Isolation
from simulator.scenarios.loader import find
from simulator.ui.components import kept
from simulator.ui.kit.slots import Slot
from simulator.ui.matrix import runs
from simulator.ui.schedules.pick import FAMILIES, href

_WANTED: Slot[bool] = Slot("matrix", "wanted", False)


def hermitage() -> None:
    """Ten cases at four levels."""
    st.subheader(_("Does the phenomenon occur?"))
    info = runs.hermitage()
    st.html(hermitage_html(info, _first_variant))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(_("Run again"), icon="🔁", key="matrix_again_cases", on_click=kept.forget, args=(runs.HERMITAGE,))
        st.caption(_said(len(info.cells), info.unexpected, 0) + " · github.com/ept/hermitage")


def fixes() -> None:
    """Everything else, once somebody wants it: it takes a while."""
    st.subheader(_("What does each way to write it come to?"))
    if not (_WANTED.get() or runs.are_fixes_known()):
        label = _("Run all {number} cells").format(number=runs.CELLS)
        st.button(label, icon="▶️", type="primary", key="matrix_run_fixes", on_click=_WANTED.set, args=(True,))
        return
    tables = runs.fixes()
    every = tables.values()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(_("Run again"), icon="🔁", key="matrix_again_fixes", on_click=kept.forget, args=(runs.FIXES,))
        cells = sum(len(table.cells) for table in every)
        st.caption(_said(cells, sum(each.unexpected for each in every), sum(each.disputed for each in every)))
    for family, table in tables.items():
        st.markdown(f"### {_(FAMILIES[family])}")
        st.html(fix_table_html(table, href))


def _first_variant(scenario: str, level: Isolation) -> str:
    return href(scenario, find(scenario).variants[0].key, level)


def _said(cells: int, unexpected: int, disputed: int) -> str:
    said = [ngettext("{n} run on this server, just now", "{n} runs on this server, just now", cells).format(n=cells)]
    if unexpected:
        said.append(
            ngettext("{n} cell is not as expected", "{n} cells are not as expected", unexpected).format(n=unexpected)
        )
    else:
        said.append(_("every cell as expected"))
    if disputed:
        said.append(
            ngettext(
                "in {n} cell graph and replay disagree (≁), and the replay decides",
                "in {n} cells graph and replay disagree (≁), and the replay decides",
                disputed,
            ).format(n=disputed)
        )
    return " · ".join(said)
