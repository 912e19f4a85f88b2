"""This person: a tab of a browser, for as long as it is open."""

from __future__ import annotations

import secrets

import streamlit as st

from simulator.ui.app.manager import manager
from simulator.ui.kit import slots
from simulator.ui.kit.slots import Slot

_SEEN: Slot[int | None] = Slot("app", "resets_seen", None)


def _left(owner: str) -> None:
    """The tab was closed: its session is gone, and so is what was made for it or driven by it."""
    manager().leave(owner)


@st.cache_resource(scope="session", on_release=_left, show_spinner=False)
def owner() -> str:
    """A name of this tab."""
    return secrets.token_urlsafe(8)


def forget_what_was_reset() -> None:
    """Begins every script run: after a reset nothing is left of what this person saw or chose."""
    resets = manager().resets
    if _SEEN.get() not in (None, resets):
        slots.forget_all()
    _SEEN.set(resets)
