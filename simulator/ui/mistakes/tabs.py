"""Below both sides: why and the rule, a reader for one's own code, and all mistakes in one table."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.mistakes.entry import Mistake
from simulator.ui.mistakes import paste, table, words


def show(mistake: Mistake) -> None:
    """Only the tab that is open does its work. No fragment: whoever clicks elsewhere ends a run of all at once."""
    titles = (_("Why, and the rule"), _("Which of these is in my code?"), _("All mistakes"))
    why, mine, everything = st.tabs(list(titles), key="mistakes_tabs", on_change="rerun")
    if why.open:
        with why:
            _why(mistake)
    if mine.open:
        with mine:
            paste.show()
    if everything.open:
        with everything:
            table.show()


def _why(mistake: Mistake) -> None:
    parts = (
        (_("Why"), mistake.why),
        (_("The rule"), mistake.cure),
        (_("What makes every run the same"), mistake.repeatable),
    )
    for column, (title, text) in zip(st.columns(3, gap="medium"), parts, strict=True):
        column.html(f'<div class="tx-mistake-why"><h4>{escape(title)}</h4><p>{words.html(_(text))}</p></div>')
