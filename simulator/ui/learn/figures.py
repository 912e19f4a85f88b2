"""A run in place: the lab's own figure, small, with what it came to in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from simulator.figures.score.drawing import Drawing
from simulator.figures.score.info import Axis, ScoreInfo
from simulator.figures.score.plot import plot_score, score_of
from simulator.figures.swimlanes.plot import plot_swimlanes, swimlanes_info
from simulator.history.schedule import History
from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.labs.fastapi.matrix import Cell
from simulator.labs.mistakes.catalogue import find
from simulator.labs.mistakes.run import PairResult
from simulator.labs.sessions.acid import AcidRun
from simulator.labs.sessions.load import LoadResult
from simulator.traces.trace import read
from simulator.ui.components import axis as axes
from simulator.ui.components import kept, legend, source_view
from simulator.ui.components.chart_view import chart_view
from simulator.ui.components.score_view import run_name, score_view
from simulator.ui.fastapi import cell as cells
from simulator.ui.kit import boxes
from simulator.ui.kit.plain import plain
from simulator.ui.learn.runs import Plan, Result
from simulator.ui.mistakes import headline, sides, timelines
from simulator.ui.schedules import verdict, waited
from simulator.ui.sessions import headline as load_headline
from simulator.ui.sessions.runs import Shown
from simulator.verdict.run import RunResult

#: Pixels of a lane, so that a score and its verdict fit between two paragraphs.
LANE_HEIGHT = 84


def show(name: str, plan: Plan, result: Result, *, start: bool = False) -> None:
    """The figure of a run that is called `name` on its page; a score may stand at its `start`."""
    if isinstance(result, RunResult):
        _schedule(name, plan, result, start=start)
    else:
        _FIGURES[plan.lab](name, plan, result)


def _schedule(name: str, plan: Plan, result: RunResult, *, start: bool) -> None:
    if plan.lab == "locks":
        waited.banner(result)
    else:
        verdict.headline(result)
    score(name, result, start=start)


def score(name: str, result: RunResult, *, start: bool = False) -> None:
    """The score of a schedule, at its end or its start; `ends`: what it came to is covered until then."""
    info, figure = _drawn(name, result)
    step, run = -1 if start else len(info.marks) - 1, run_name(result.history)
    score_view(figure, info.marks, key=f"learn_score_{name}", step=step, run=run, ends=start)


def _drawn(name: str, result: RunResult) -> tuple[ScoreInfo, Drawing]:
    def draw() -> tuple[ScoreInfo, Drawing]:
        info = score_of(result)
        return info, plot_score(info, lane_height=LANE_HEIGHT)

    return kept.kept(f"learn_score_{name}", (kept.This(result), language()), draw)


def _pair(name: str, plan: Plan, pair: PairResult) -> None:
    mistake = find(str(plan.value))
    headline.verdict(mistake, pair)
    wrong, right, _shared = timelines.both(f"learn_traces_{name}", pair, Axis.STEPS)
    left, beside = st.columns(2, gap="medium")
    with left:
        sides.numbers_wrong(mistake, pair)
        chart_view(wrong.figure, key=f"learn_wrong_{name}", label=_("Timeline of the mistake"))
        sides.code(mistake.mistake, "mistake")
    with beside:
        sides.numbers_right(mistake, pair)
        chart_view(right.figure, key=f"learn_right_{name}", label=_("Timeline of the fix"))
        sides.code(mistake.fixed, "fix")
    legend.show(wrong.figure, right.figure)


def _load(name: str, plan: Plan, result: LoadResult) -> None:
    shown = Shown(result.history, read(result.history), result)
    st.html(boxes.html(load_headline.numbers(shown), strip=True))
    lanes(name, result.history, Axis.TIME)


def _cell(name: str, plan: Plan, cell: Cell) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        st.html(cells.numbers(cell))
        st.html(cells.order_html(cell.order))
        lanes(name, cell.history)
    with right:
        source_view.show(cell.code)


def _letter(name: str, plan: Plan, run: AcidRun) -> None:
    symbol = "✅" if run.held else "❌"
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**{symbol} {plain(_(run.title))}**")
        st.markdown("\n".join(f"- {plain(sentence)}" for sentence in run.sentences))
    with right:
        source_view.show(run.code)
    lanes(name, run.history)


def lanes(name: str, history: History, axis: Axis = Axis.STEPS) -> None:
    """The swimlanes of an application, folded."""
    figure = swimlanes(history, axis)
    figure.update_layout(uirevision=f"learn {name} {run_name(history)}")
    chart_view(
        figure,
        key=f"learn_lanes_{name}",
        label=_("Swimlanes: a lane a request, a lane a pool slot, and the pool over time"),
    )
    legend.show(figure)


def swimlanes(history: History, axis: Axis = Axis.STEPS) -> go.Figure:
    """The same as a figure."""
    info = axes.on(axis, swimlanes_info(read(history), fold=True))
    return plot_swimlanes(info, dark=st.context.theme.type == "dark")


_FIGURES: Mapping[str, Callable[[str, Plan, Any], None]] = MappingProxyType(
    {
        "mistakes": _pair,
        "sessions": _load,
        "fastapi": _cell,
        "acid": _letter,
    }
)
