"""What runs when: the code after `yield` beside background tasks, streams and exception handlers, by scope."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.fastapi.matrix import Cell
from simulator.labs.fastapi.teardown import CASES, SCOPES, run_teardown
from simulator.ui.app.language import fragment
from simulator.ui.components import kept, versions
from simulator.ui.fastapi.cell import order_html
from simulator.ui.fastapi.matrix import held, rows, told
from simulator.ui.kit.plain import plain

_KEPT = "fastapi_teardown"


@fragment
def show() -> None:
    """A row a case, a column a scope; eight requests, made when somebody asks."""
    st.markdown(f"#### {plain(_('When does the code after yield run?'))}")
    st.html(versions.since(("teardown_after_response", "scope_function")))
    if kept.known(_KEPT) is None and not st.button(_("Make eight requests and look"), icon="▶️", key="fastapi_teardown"):
        return
    cells = kept.made(_KEPT, None, lambda engine: tuple(run_teardown(engine)))
    found = {(cell.ending, cell.dependency): cell for cell in cells}
    for case in CASES:
        st.markdown(_("**{title}**: {sentence}").format(title=plain(_(case.title)), sentence=plain(_(case.sentence))))
        for column, scope in zip(st.columns(2, gap="medium"), SCOPES, strict=True):
            with column:
                _show(found[case.key, scope.key], "function" if scope.key == "function_scope" else "request")


def _show(cell: Cell, scope: str) -> None:
    leak = f" · 💧 {_('leak')}" if cell.leaks else ""
    out = _("Connection out: {time}").format(time=held(cell))
    st.markdown(f'`scope="{scope}"` · {plain(told(cell))} · {rows(cell)}{leak}  \n{plain(out)}')
    st.html(order_html(cell.order))
