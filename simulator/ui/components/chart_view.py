"""A figure on a page that keeps its zoom, follows the page's theme and tells which bar was clicked."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import plotly
import plotly.graph_objects as go
import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui.app.plotly_script import SCRIPT
from simulator.ui.components.score_view import ASSETS
from simulator.ui.kit.slots import Slot, told

SCRIPTS = ("score_page.js", "chart_view.js")


def chart_view(figure: go.Figure, *, key: str, label: str, on_lane: Callable[[str], None] | None = None) -> str | None:
    """Show it; the id (first of a bar's `customdata`) of the bar that was clicked last in this figure.

    Zoom and the clicked bar are kept as long as the figure's `uirevision` is the same. `label` says to who cannot see
    the figure what it is. `on_lane` is called before the next script run with what the figure's `meta["lanes"]` has
    for the lane whose name was clicked; lanes of None cannot be clicked.
    """
    memory, revision = _clicked(key), figure.layout.uirevision

    def lane() -> None:
        named = told(key).get("lane")
        if on_lane is not None and named is not None:
            on_lane(str(named))

    result = _component()(
        key=key,
        data={
            "figure": figure.to_json(),
            "label": label,
            "script": f"{SCRIPT}?v={plotly.__version__}",
            "unavailable": _("The figure needs its script, and this server did not deliver it. Reload the page."),
        },
        on_clicked_change=_nothing,
        on_lane_change=lane,
    )
    if result.clicked is not None:
        memory.set((revision, str(result.clicked)))
    of, clicked = memory.get()
    return clicked if of == revision else None


def forget_click(key: str) -> None:
    """As if no bar of the figure with this key had been clicked."""
    _clicked(key).pop()


def _clicked(key: str) -> Slot[tuple[object, str | None]]:
    """The figure by its revision, and the bar."""
    return Slot(key, "clicked", (None, None))


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
