"""Playing by itself: where somebody asked for another run, and not where a page opens."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

SCRIPT = Path(__file__).with_suffix(".js")


def once(steps: int) -> None:
    """Play the page's score from its beginning, as soon as it stands before a run of so many steps."""
    _component()(key="home_play", data={"steps": steps})


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("txscope_play", js=SCRIPT.read_text("utf-8"))
