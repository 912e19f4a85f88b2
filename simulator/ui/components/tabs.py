"""A row of tabs of which only the open one works: nothing runs which nobody looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, ParamSpec

import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui.app.banner import problems

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Tab(Generic[P]):
    """One tab; `show` draws it."""

    key: str
    #: translated where it is shown
    title: str
    show: Callable[P, None]


def row(key: str, tabs: Sequence[Tab[P]], *args: P.args, **kwargs: P.kwargs) -> None:
    """Show the tabs, the first open, and draw the open one of these; what goes wrong is told in it."""
    boxes = st.tabs([_(tab.title) for tab in tabs], key=key, on_change="rerun")
    for tab, box in zip(tabs, boxes, strict=True):
        if box.open:
            with box, problems(f"{key}_{tab.key}"):
                tab.show(*args, **kwargs)
