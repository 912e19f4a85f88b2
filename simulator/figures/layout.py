"""What the figures have in common: a transparent ground, and a legend on one line above."""

from __future__ import annotations

from typing import Any

Plain = dict[str, Any]


def frame(text: str | None = None) -> Plain:
    """The layout that every figure begins with; `text` is the colour of its words, None the theme's."""
    clear = "rgba(0,0,0,0)"
    font = {"size": 16} if text is None else {"size": 16, "color": text}
    return {
        "template": {},
        "paper_bgcolor": clear,
        "plot_bgcolor": clear,
        "font": font,
        "hoverlabel": {"align": "left"},
    }


def legend_above() -> Plain:
    """A legend that lies on the figure and switches nothing."""
    return {
        "orientation": "h",
        "x": 0,
        "y": 1,
        "yanchor": "bottom",
        "font": {"size": 14},
        "itemclick": False,
        "itemdoubleclick": False,
    }
