"""Which strengths of a row lock exclude each other, asked of this server: sixteen runs of two sessions."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.experiments.conflicts import ConflictCell, Strength
from simulator.i18n import gettext as _
from simulator.ui.components import kept
from simulator.ui.kit.slots import here
from simulator.ui.schedules import runs


def show() -> None:
    """The table, and how long it took to ask."""
    cells = runs.conflicts()
    st.html(_table(cells))
    ms = sum(cell.result.elapsed_ns for cell in cells) / 1e6
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(_("Run the table again"), icon="🔁", key=here("conflicts_again")):
            kept.forget("conflicts")
            st.rerun(scope="fragment")
        st.caption(
            _("{n} runs on this server, just now, in {ms:.0f} ms: T1 holds the row, T2 asks for it.").format(
                n=len(cells), ms=ms
            )
        )


def _table(cells: tuple[ConflictCell, ...]) -> str:
    found = {(cell.held, cell.asked): cell for cell in cells}
    head = "".join(f"<th>{escape(asked.value)}</th>" for asked in Strength)
    body = "".join(
        f"<tr><th>{escape(held.value)}</th>{''.join(_cell(found[held, asked]) for asked in Strength)}</tr>"
        for held in Strength
    )
    corner = escape(_("T1 holds ↓   T2 asks for →"))
    return f'<div class="tx-wide"><table class="tx-conflicts"><tr><th>{corner}</th>{head}</tr>{body}</table></div>'


def _cell(cell: ConflictCell) -> str:
    if cell.waits:
        return f'<td><div class="tx-waits">⏳ {escape(_("waits"))}</div></td>'
    return f'<td><div class="tx-quiet">✓ {escape(_("goes on"))}</div></td>'
