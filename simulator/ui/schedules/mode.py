"""How a scenario is looked at: as a schedule that has run, or step by step by the person's own hand."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.ui.kit.link import Link, NotFollowed, Part, quoted
from simulator.ui.kit.slots import HERE, Slot
from simulator.ui.schedules import live

_MODES = {"schedule": N_("Run the schedule"), "drive": N_("Drive it yourself")}
SCHEDULE, DRIVE = "schedule", "drive"
_MODE: Slot[str] = Slot(HERE, "mode", SCHEDULE)


def _known(_mode: str, text: str) -> str:
    if text not in _MODES:
        raise NotFollowed(
            _("The link asks for mode “{text}”; there are {known}.").format(text=quoted(text), known=", ".join(_MODES))
        )
    return text


#: The part of a link that opens a page with the person at the wheel.
LINK = Link((Part("mode", _known, str),), _MODE.default)


def follow_link() -> None:
    """Take over the mode that the link asks for."""
    LINK.follow(_MODE.set, anew=False)


def choose() -> None:
    """Show the choice. Leaving ends the live run."""
    st.segmented_control(
        _("Mode"),
        list(_MODES),
        default=_MODE.default,
        required=True,
        key=_MODE.key,
        persist_state="session",
        label_visibility="collapsed",
        format_func=lambda one: _(_MODES[one]),
        on_change=live.leave,
    )


def is_drive() -> bool:
    """Whether the person wants to drive."""
    return _MODE.get() == DRIVE
