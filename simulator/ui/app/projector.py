"""Projector mode: large letters, and of a run only what a room has to see; in the link, and kept while pages change."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui.kit.slots import Slot

PARAMETER = "projector"
STYLE = Path(__file__).parent / "projector.css"
_ON: Slot[bool] = Slot("app", "projector", False)


def switch() -> None:
    """The control that turns it on and off; the link is asked once, when the person comes."""
    if not _ON.is_set():
        _ON.set(st.query_params.get(PARAMETER) == "1")
    st.toggle(_("Projector"), key=_ON.key, help=_("Large letters, and only what a room has to see. Key P."))


def dress() -> None:
    """The page in its style."""
    if is_on():
        st.html(STYLE)


def is_on() -> bool:
    """Whether this person projects."""
    return _ON.get()


def parameters() -> dict[str, str]:
    """What a link must say so that it opens on the projector."""
    return {PARAMETER: "1"} if is_on() else {}
