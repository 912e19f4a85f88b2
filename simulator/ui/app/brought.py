"""Whatever is pasted or dropped, wherever: what it is, and the page that takes it."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.lint.brought import Brought, What, recognise
from simulator.ui.app import carried
from simulator.ui.kit.slots import here

#: What each kind is opened on.
_PAGES: dict[What, str] = {
    "code": "lint",
    "error": "lint",
    "deadlock": "lint",
    "lock_wait": "lint",
    "history": "application",
    "scenario": "anomalies",
    "spec": "anomalies",
}


def page_of(what: What) -> str:
    """The page that takes this kind of text; "" where none does."""
    return _PAGES.get(what, "")


def name_of(what: What) -> str:
    """What a text was recognised as."""
    return {
        "code": _("This is Python code."),
        "error": _("This is an error: a traceback, or a line of a log."),
        "deadlock": _("This is a report of a deadlock."),
        "lock_wait": _("This is a log of waits for locks."),
        "history": _("This is a history: a trace of an application, or a saved run."),
        "scenario": _("This is a scenario file."),
        "spec": _("This is a .spec file of PostgreSQL's isolationtester."),
        "unknown": _("This is neither code nor an error, a scenario or a history that is known here."),
        "nothing": _("There is no text yet."),
    }[what]


def leads_away(text: str, ours: tuple[What, ...]) -> bool:
    """Open the page of a text that is of another one than this; False where it is of this one, or of none."""
    found = recognise(text)
    page = page_of(found.what)
    if found.what in ours or not page:
        return False
    carried.carry(found.text, page)
    return True


def offer_way(found: Brought) -> None:
    """What it is, and a button that opens it where it belongs."""
    text, way = st.columns([3, 2], vertical_alignment="center")
    text.info(name_of(found.what), icon="🧭")
    if way.button(_("Open it on its page"), type="primary", key=here("brought_open")):
        carried.carry(found.text, page_of(found.what))
