"""To the place of a chapter that a link names."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.ui.kit.slots import Slot

SCRIPT = Path(__file__).with_suffix(".js")
_ARRIVALS: Slot[int] = Slot("learn", "arrivals", 0)


def arrive() -> None:
    """Somebody has come by a link: the next `to` scrolls."""
    _ARRIVALS.set(_ARRIVALS.get() + 1)


def to(at: str) -> None:
    """Bring what has this id into view, once an arrival."""
    _component()(key="learn_scroll", data={"at": at, "arrival": _ARRIVALS.get()})


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("txscope_scroll", js=SCRIPT.read_text("utf-8"))
