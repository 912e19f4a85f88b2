"""Both timelines at one scale, steps unless milliseconds are wished; a click on a bar tells what it stands for."""

from __future__ import annotations

from typing import Any, NamedTuple

import plotly.graph_objects as go
import streamlit as st

from simulator.figures.score.info import Axis
from simulator.figures.swimlanes.info import SwimlanesInfo
from simulator.figures.swimlanes.plot import plot_swimlanes, swimlanes_info
from simulator.i18n import gettext as _
from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import PairResult
from simulator.traces.spans import Trace
from simulator.traces.trace import read
from simulator.ui.app.language import fragment
from simulator.ui.components import axis as axes
from simulator.ui.components import kept, legend
from simulator.ui.components.chart_view import chart_view
from simulator.ui.kit.slots import Slot
from simulator.ui.sessions import bar

#: Requests with a lane of their own in one figure; the pool's curve counts all.
MOST_LANES = 12
#: A share of the height that lanes have elsewhere, so that both figures fit on a screen below the numbers.
COMPACT = 0.74
#: Beyond this, one scale would leave nothing to see of the shorter side.
_RATIO = 8.0
_OPEN: Slot[bool] = Slot("mistakes", "opened", False)


class Drawn(NamedTuple):
    """One side's timeline."""

    info: SwimlanesInfo
    figure: go.Figure
    requests: int
    shown: int


@fragment
def show(mistake: Mistake, pair: PairResult) -> None:
    """The mistake on the left, the fix on the right."""
    is_open, axis = _OPEN.get(), axes.now("mistakes", Axis.STEPS)
    wrong, right, shares_scale = both("mistake_traces", pair, axis, is_open=is_open)
    labels = (_("Timeline of the mistake"), _("Timeline of the fix"))
    for column, drawn, side, label in zip(
        st.columns(2, gap="medium"), (wrong, right), ("wrong", "right"), labels, strict=True
    ):
        with column:
            clicked = chart_view(drawn.figure, key=f"mistakes_{side}_{mistake.key}", label=label)
            found = drawn.info.bars.get(clicked or "")
            if found is not None:
                with st.container(border=True):
                    bar.show(found)
    legend.show(wrong.figure, right.figure)
    with st.container(horizontal=True, vertical_alignment="center"):
        axes.switch("mistakes", Axis.STEPS)
        st.toggle(_("Show Sessions, pool and statements of each request"), key=_OPEN.key, persist_state="session")
        st.caption(" ".join(_remarks(wrong, right, shares_scale=shares_scale)))


def both(name: str, pair: PairResult, axis: Axis, *, is_open: bool = False) -> tuple[Drawn, Drawn, bool]:
    """The mistake's timeline, the fix's, and whether they share one scale; what was read is kept under `name`."""
    traces = kept.kept(name, kept.This(pair), lambda: (read(pair.mistake.history), read(pair.fixed.history)))
    wrong, right = (_drawn(trace, axis, is_open=is_open) for trace in traces)
    return wrong, right, _align(wrong, right)


def _drawn(trace: Trace, axis: Axis, *, is_open: bool) -> Drawn:
    names = [request.name for request in trace.requests]
    shown = names[:MOST_LANES]
    info = axes.on(axis, swimlanes_info(trace, expanded=shown if is_open else (), show=(*shown, "")))
    figure = plot_swimlanes(info, dark=st.context.theme.type == "dark")
    # One legend for both stands below them; labels at half the page's width leave some of their margin free.
    margins = figure.layout.margin
    height = (figure.layout.height - margins.t - margins.b) * (1 if is_open or info.steps else COMPACT)
    figure.update_layout(height=height + margins.t + margins.b, margin_l=round(0.95 * margins.l))
    most = max((moment.open for moment in info.pool), default=0)
    if info.size and most <= info.size:
        # Overflow that nobody needed would only make the curve flat; what is not drawn has no place in the legend.
        figure.update_layout(yaxis2_range=[0, info.size * 1.1])
        figure.for_each_trace(_hide, lambda trace: trace.yaxis == "y2" and min(trace.y) > info.size * 1.1)
    figure.update_layout(uirevision=f"mistakes {info.steps}")
    return Drawn(info, figure, len(names), len(shown))


def _hide(trace: Any) -> None:
    trace.update(visible=False, showlegend=False)


def _align(wrong: Drawn, right: Drawn) -> bool:
    """One scale for both, unless one side took so much longer that nothing would be seen of the other."""
    if bool(wrong.info.steps) != bool(right.info.steps):
        return False
    lengths = [max(each.info.end_ms - each.info.start_ms, 0.001) for each in (wrong, right)]
    longest = max(lengths)
    if longest > _RATIO * min(lengths):
        return False
    for each in (wrong, right):
        start = each.info.start_ms
        each.figure.update_layout(xaxis_range=[start - 0.01 * longest, start + 1.02 * longest])
    return True


def _remarks(wrong: Drawn, right: Drawn, *, shares_scale: bool) -> list[str]:
    remarks = [_("Click a bar: its SQL, its times and its line of code.")]
    if not shares_scale:
        remarks.append(_("The two scales differ."))
    most = max((wrong, right), key=lambda each: each.requests)
    if most.shown < most.requests:
        remarks.append(
            _("{shown} of {all} requests have a lane; the pool's curve counts all.").format(
                shown=most.shown, all=most.requests
            )
        )
    return remarks
