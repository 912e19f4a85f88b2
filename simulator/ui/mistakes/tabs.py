"""Below both sides: the way to the reader of one's own code, why and the rule, and all mistakes in one table."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.mistakes.entry import Mistake
from simulator.ui.app import pages
from simulator.ui.components import versions
from simulator.ui.components.tabs import Tab, row
from simulator.ui.mistakes import table, words


def _why(mistake: Mistake) -> None:
    parts = (
        (_("Why"), mistake.why, ""),
        (_("The rule"), mistake.cure, _written(mistake)),
        (_("What makes every run the same"), mistake.repeatable, ""),
    )
    for column, (title, text, more) in zip(st.columns(3, gap="medium"), parts, strict=True):
        column.html(f'<div class="tx-mistake-why"><h4>{escape(title)}</h4><p>{words.html(_(text))}</p>{more}</div>')
    if mistake.since:
        st.html(versions.since(mistake.since))


def _written(mistake: Mistake) -> str:
    """Where the rule can be read, and since when it holds; "" where the catalogue names no place."""
    if not mistake.source:
        return ""
    since = f" · {_('since {version}').format(version=mistake.holds_for)}" if mistake.holds_for else ""
    # No link: pages lead nowhere else, and where this is shown there may be no internet.
    return f"<p><small>{escape(_('Written in'))} {escape(mistake.source)}{escape(since)}</small></p>"


TABS: tuple[Tab[Mistake], ...] = (
    Tab("why", N_("Why, and the rule"), _why),
    Tab("all", N_("All mistakes"), lambda _mistake: table.show()),
)


def show(mistake: Mistake) -> None:
    """No fragment: whoever clicks elsewhere ends a run of all at once."""
    st.page_link(pages.find("lint").page(), label=_("Which of these is in my code?"), icon="🔎")
    row("mistakes_tabs", TABS, mistake)
