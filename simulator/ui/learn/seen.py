"""Whether a place on the page has been scrolled to: until then nothing of it is run."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui.kit.slots import Slot

SCRIPT = Path(__file__).with_suffix(".js")
#: Pixels: about as high as what will stand there, so that what is below does not move far.
HEIGHT = 420


def is_seen(name: str, height: int = HEIGHT) -> bool:
    """Whether it has; where it has not, its place is kept. Called in a fragment, which runs again when it has."""
    slot: Slot[bool] = Slot("learn", f"seen_{name}", False)
    if slot.get():
        return True
    data = {"name": name, "label": _("This run begins when it is seen.")}
    if _component()(key=f"learn_seen_{name}", data=data, height=height, on_seen_change=_nothing).seen == name:
        slot.set(True)
        return True
    return False


def forget(name: str) -> None:
    """As if nobody had come by."""
    Slot("learn", f"seen_{name}", False).pop()


def see(name: str) -> None:
    """As if it had been: on a stage what is shown is what is seen."""
    Slot("learn", f"seen_{name}", False).set(True)


def _nothing() -> None:
    """Streamlit registers a state by its callback."""


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("txscope_seen", js=SCRIPT.read_text("utf-8"))
