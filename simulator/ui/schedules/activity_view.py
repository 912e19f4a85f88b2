"""Watch live: the sessions of this server at this moment, and who blocks whom as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from simulator.engines.postgres.activity import Blocker, SessionRow, blocking_tree, look
from simulator.i18n import gettext as _
from simulator.ui.app.banner import problems
from simulator.ui.app.language import speak
from simulator.ui.app.manager import manager

REFRESH_S = 1.0
#: More sessions than this are counted and not shown.
MAX_SESSIONS = 40


@st.fragment(run_every=REFRESH_S)
def show() -> None:
    """One look a second, for as long as somebody has this open."""
    speak()
    with problems("activity"):
        rows = manager().using(lambda engine: look(engine, manager().live.levels()))
        if not rows:
            st.markdown(_("No run has a session at this moment. **Drive it yourself** opens some."))
            return
        left, right = st.columns([3, 2], gap="medium")
        with left:
            st.html(_table(rows))
        with right:
            st.html(_tree(rows))
        st.caption(_whose())


def _whose() -> str:
    if manager().info().embedded:
        return _("The sessions of all runs of this Txscope, asked every second.")
    return _("The sessions of runs, and others as far as this role may see them, asked every second.")


def _table(rows: Sequence[SessionRow]) -> str:
    names = [_("session"), _("process"), _("state"), _("in transaction for"), _("statement"), _("waits for")]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(map(_row, rows[:MAX_SESSIONS]))
    left = len(rows) - MAX_SESSIONS
    more = f"<p>{escape(_('{n} more sessions').format(n=left))}</p>" if left > 0 else ""
    return f'<div class="tx-wide"><table class="tx-rows tx-activity"><tr>{head}</tr>{body}</table>{more}</div>'


def _row(row: SessionRow) -> str:
    level = f" <small>{escape(row.isolation.short)}</small>" if row.isolation else ""
    wait = escape(row.lock or row.wait) if row.waits else ""
    css = ' class="tx-waits"' if row.waits else ""
    return (
        f"<tr{css}><td><b>{escape(row.session)}</b>{level}<br><small>{escape(row.run or row.role)}</small></td>"
        f"<td>{row.pid}</td><td>{escape(row.state)}</td><td>{_seconds(row.transaction_ms)}</td>"
        f"<td>{escape(' '.join(row.statement.split())[:90])}</td><td>{wait}</td></tr>"
    )


def _seconds(ms: float | None) -> str:
    return "" if ms is None else f"{ms / 1000:.1f} s"


def _tree(rows: Sequence[SessionRow]) -> str:
    roots = blocking_tree(rows)
    if not roots:
        return f'<p class="tx-quiet">{escape(_("Nobody waits for anybody."))}</p>'
    return f'<b>{escape(_("Who blocks whom"))}</b><ul class="tx-tree">{"".join(map(_node, roots))}</ul>'


def _node(node: Blocker) -> str:
    name = f"{node.row.session} ({node.pid})" if node.row else str(node.pid)
    state = node.row.state if node.row else _("not ours to see")
    css = "tx-red" if node.in_cycle else "tx-waits" if node.row and node.row.waits else ""
    below = f'<ul class="tx-tree">{"".join(map(_node, node.waiters))}</ul>' if node.waiters else ""
    return f'<li><span class="{css}">{escape(name)}</span> <small>{escape(state)}</small>{below}</li>'
