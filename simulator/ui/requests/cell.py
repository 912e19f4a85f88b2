"""One cell: what the client got, what the database holds, in which order things ran, and the code that did it."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.requests.dependencies import dependency
from simulator.labs.requests.endings import ending
from simulator.labs.requests.matrix import Cell
from simulator.labs.requests.order import COMMIT, COMMIT_FAILED, RESPONSE
from simulator.traces.trace import read
from simulator.ui.lifecycle import lanes
from simulator.ui.plain import plain
from simulator.ui.requests.matrix import rows, told


def show(cell: Cell) -> None:
    """Code on the left, what came of it on the right."""
    written, end = dependency(cell.dependency), ending(cell.ending)
    left, right = st.columns([4, 5], gap="medium")
    with left:
        st.markdown(f"**{plain(_(written.title))}**")
        st.markdown(plain(_(written.sentence)))
        st.code(cell.code, language="python", wrap_lines=True)
    with right:
        st.markdown(f"**{plain(_(end.title))}**")
        st.markdown(plain(_(end.sentence)))
        _numbers(cell)
        _order(cell)
    lanes.show(read(cell.history), key=f"cell_{cell.is_async}_{cell.dependency}_{cell.ending}")
    with right:
        for line in cell.log:
            st.caption(_("The web server logged: {line}").format(line=plain(line)))


def _numbers(cell: Cell) -> None:
    client, stored, leaked = st.columns(3)
    client.metric(_("The client was told"), told(cell), border=True)
    stored.metric(_("The database holds"), rows(cell), border=True)
    leaked.metric(
        _("Still held"),
        cell.leak.connections,
        border=True,
        help=_("Connections that were not back in the pool when the request had ended."),
    )
    if cell.silent:
        st.html(f'<div class="tx-verdict" style="--tx-color:#DC2F3C"><span>🔇 {escape(_silent(cell))}</span></div>')


def _silent(cell: Cell) -> str:
    if cell.succeeded:
        return _("Silent: the client was told that it worked, and nothing is stored.")
    return _("Silent: the client was told that it failed, and its row is stored.")


def _order(cell: Cell) -> None:
    """As it was observed in this run; what is after the response, the client never learns."""
    parts = []
    for part in cell.order:
        style = {RESPONSE: "tx-part-response", COMMIT: "tx-part-commit", COMMIT_FAILED: "tx-part-failed"}.get(part, "")
        parts.append(f'<span class="tx-part {style}">{escape(_(part))}</span>')
    st.html(f'<div class="tx-order"><b>{escape(_("Observed order"))}</b>{"<i>→</i>".join(parts)}</div>')
