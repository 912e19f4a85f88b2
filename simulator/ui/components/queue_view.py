"""What is shown while somebody waits for a run: the place in the queue, or how far it is; else nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simulator.errors import EngineBusy
from simulator.i18n import gettext as _
from simulator.ui.app.errands import Errand

T = TypeVar("T")

#: So often a script run that waits looks whether it is to end, in seconds; news are shown at once.
LOOK_S = 0.5
#: So often where there is something to see meanwhile.
GLANCE_S = 0.1
#: A page gives up after so many seconds: engines have deadlines of their own, and end long before.
LONGEST_S = 600.0


def wait_for(errand: Errand[T], doing: str = "", meanwhile: Callable[[], None] | None = None) -> T:
    """What was made; until then the person sees why not, and what is being done where that is said.

    `meanwhile` is called again and again: it shows what there is to see of what is being made.

    Its place on the page is there in any case, so that what follows does not move. Raises what was raised in the
    making, EngineBusy.
    """
    box = st.empty()
    until = time.monotonic() + LONGEST_S
    shown = False
    with errand.watched(), st.spinner(doing, show_time=True) if doing else nullcontext():
        while not errand.wait(GLANCE_S if meanwhile else LOOK_S):
            if time.monotonic() > until:
                raise EngineBusy(_("This takes too long, and was given up. Try again."))
            shown = _show(box, errand)
            if meanwhile is not None:
                meanwhile()
    if shown:
        box.empty()
    if errand.note:
        st.toast(errand.note, icon="🔌")
    return errand.result()


def _show(box: DeltaGenerator, errand: Errand[T]) -> bool:
    """Whether something is shown; where nothing is, this is still where a script run that is to end ends."""
    if errand.place is not None:
        box.info(words(errand.place.number, errand.place.of), icon="⏳")
    elif errand.share is not None:
        box.progress(errand.share)
    else:
        box.empty()
        return False
    return True


def words(number: int, of: int) -> str:
    """Where somebody stands."""
    return _("You are number {number} of {of} in the queue. It starts by itself when it is your turn.").format(
        number=number, of=of
    )
