"""A chapter on paper: a button that prints it; learn.css has what is printed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.i18n import gettext as _

SCRIPT = Path(__file__).with_suffix(".js")


def button() -> None:
    """The browser's own dialogue opens."""
    _component()(key="learn_print", data={"label": f"🖨️ {_('Print as a handout')}"}, width="content")


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("txscope_print", js=SCRIPT.read_text("utf-8"), isolate_styles=False)
