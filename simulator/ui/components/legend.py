"""What stands for what in figures, below them: it takes the lines that it needs and never lies over a bar."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from simulator.figures.swimlanes.info import MARKS


def show(*figures: go.Figure) -> None:
    """One legend for all of them: each kind of bar, curve and symbol once, as the figures draw it."""
    st.html(legend_html(figures))


def legend_html(figures: Iterable[go.Figure]) -> str:
    """The same as HTML."""
    found = {trace.name: _entry(trace) for figure in figures for trace in figure.data if trace.showlegend}
    entries = "".join(f"<span>{sign}{escape(name)}</span>" for name, sign in found.items())
    return f'<div class="tx-swatches">{entries}</div>'


def _entry(trace: Any) -> str:
    if trace.type == "bar":
        return _swatch(trace.marker.color, hatched=bool(trace.marker.pattern.shape))
    if "markers" in trace.mode:
        sign = next(look.character for look in MARKS.values() if look.symbol == trace.marker.symbol)
        return f'<i class="tx-sign" style="color:{_one(trace.marker.color)}">{sign}</i>'
    if not trace.fill:
        style = "dotted" if trace.line.dash == "dot" else "dashed"
        return f'<i class="tx-dashes" style="border-top:.14rem {style} {_one(trace.line.color)}"></i>'
    return _swatch(trace.line.color, hatched=bool(trace.fillpattern.shape))


def _swatch(color: Any, *, hatched: bool) -> str:
    kind = "tx-swatch tx-hatched" if hatched else "tx-swatch"
    return f'<i class="{kind}" style="--tx-c:{_one(color)}"></i>'


def _one(color: Any) -> str:
    """Where each bar has its own colour, that of the first."""
    return escape(str(color if isinstance(color, str) else color[0]))
