"""Whether swimlanes count what happened, each step as wide, or milliseconds; a switch for the person."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import streamlit as st

from simulator.figures.score.info import Axis
from simulator.figures.swimlanes.info import SwimlanesInfo
from simulator.figures.swimlanes.steps import MOST, stepped
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.ui.kit.slots import Slot

AXES: Mapping[Axis, str] = MappingProxyType({Axis.STEPS: N_("Steps"), Axis.TIME: N_("Milliseconds")})


def switch(page: str, first: Axis) -> Axis:
    """Show the switch; what it stands at, which is the same for all figures of a page."""
    memory: Slot[Axis] = Slot(page, "axis", first)
    if not memory.is_set():
        memory.set(first)
    st.segmented_control(
        _("Axis"),
        list(AXES),
        key=memory.key,
        required=True,
        persist_state="session",
        format_func=lambda axis: _(AXES[axis]),
        label_visibility="collapsed",
    )
    return Axis(memory.get())


def now(page: str, first: Axis) -> Axis:
    """What the switch of this page stands at, before it is shown."""
    return Axis(Slot(page, "axis", first).get() or first)


def on(axis: Axis, info: SwimlanesInfo) -> SwimlanesInfo:
    """The info on this axis, on milliseconds where there are too many steps for a story."""
    return stepped(info) if axis is Axis.STEPS else info


def remark(axis: Axis, info: SwimlanesInfo) -> str:
    """Why the figure counts milliseconds though steps are asked for; "" where it does as it was asked."""
    if axis is Axis.TIME or info.steps or not info.pieces:
        return ""
    return _("More than {most} steps are no story to follow: the axis counts milliseconds.").format(most=MOST)
