"""What runs when: the code after `yield` beside background tasks, streams and exception handlers, by scope."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.requests.matrix import Cell
from simulator.labs.requests.teardown import CASES, SCOPES, run_teardown
from simulator.ui import runs
from simulator.ui.language import fragment
from simulator.ui.manager import manager
from simulator.ui.plain import plain
from simulator.ui.requests.cell import order_html
from simulator.ui.requests.matrix import rows, told

_KEPT = "requests_teardown"


@fragment
def show() -> None:
    """A row a case, a column a scope; eight requests, made when somebody asks."""
    st.markdown(f"#### {plain(_('When does the code after yield run?'))}")
    if f"kept_{_KEPT}" not in st.session_state and not st.button(
        _("Make eight requests and look"), icon="▶️", key="teardown_run"
    ):
        return
    cells = runs.kept(_KEPT, None, lambda: tuple(run_teardown(manager().engine())))
    found = {(cell.ending, cell.dependency): cell for cell in cells}
    for case in CASES:
        st.markdown(_("**{title}**: {sentence}").format(title=plain(_(case.title)), sentence=plain(_(case.sentence))))
        for column, scope in zip(st.columns(2, gap="medium"), SCOPES, strict=True):
            with column:
                _show(found[case.key, scope.key], "function" if scope.key == "function_scope" else "request")


def _show(cell: Cell, scope: str) -> None:
    leak = f" · 💧 {_('leak')}" if cell.leaks else ""
    st.markdown(f'`scope="{scope}"` · {plain(told(cell))} · {rows(cell)}{leak}')
    st.html(order_html(cell.order))
