"""A figure on a page that keeps its zoom, follows the page's theme and tells which bar was clicked."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import plotly
import plotly.graph_objects as go
import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui.score_view import ASSETS, SCRIPT

SCRIPTS = ("score_page.js", "chart_view.js")


def chart_view(figure: go.Figure, *, key: str, label: str) -> str | None:
    """Show it; the id (first of a bar's `customdata`) of the bar that was clicked last, kept while the page is open.

    `label` says to who cannot see the figure what it is.
    """
    memory = f"{key}:clicked"
    result = _component()(
        key=key,
        data={
            "figure": figure.to_json(),
            "label": label,
            "script": f"{SCRIPT}?v={plotly.__version__}",
            "unavailable": _("The figure needs its script, and this server did not deliver it. Reload the page."),
        },
        on_clicked_change=_nothing,
    )
    if result.clicked is not None:
        st.session_state[memory] = str(result.clicked)
    return st.session_state.get(memory)


def _nothing() -> None:
    """Streamlit registers a trigger by its callback."""


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "txscope_chart",
        html=_asset("chart_view.html"),
        css=_asset("chart_view.css"),
        js="\n".join(map(_asset, SCRIPTS)),
        isolate_styles=False,  # as for the score: Plotly's style sheet goes into the document
    )


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
