"""Bars that light up: those of the spans that are asked for, and nothing else changes."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from simulator.figures.swimlanes.lit import PALE, light_up, seq_of
from simulator.figures.swimlanes.plot import plot_swimlanes, swimlanes_info
from simulator.findings import judge_trace
from tests.unit.trace_samples import recorded


def bright(figure: go.Figure) -> set[str]:
    """Ids of the bars that are not pale."""
    found: set[str] = set()
    for trace in figure.data:
        if trace.type == "bar" and trace.customdata is not None:
            opacity: Any = trace.marker.opacity or [1.0] * len(trace.customdata)
            found |= {str(row[0]) for row, each in zip(trace.customdata, opacity, strict=True) if each > PALE}
    return found


def test_the_bars_of_a_finding_light_up_and_the_others_step_back() -> None:
    trace = recorded("pool_time_out")
    info = swimlanes_info(trace)
    figure = plot_swimlanes(info)
    every = bright(figure)
    worst = judge_trace(trace)[0]
    assert light_up(figure, worst.evidence) == len(bright(figure))
    assert bright(figure) == {each for each in every if seq_of(each) in worst.evidence}
    assert {each.partition(":")[0] for each in bright(figure)} == {"wait", "held"}


def test_a_span_that_is_not_drawn_pales_nothing() -> None:
    figure = plot_swimlanes(swimlanes_info(recorded("save_message")))
    before = figure.to_json()
    assert light_up(figure, {999_999}) == 0
    assert figure.to_json() == before
