"""A run that goes on: its lanes grow on an axis that does not shrink them, and its numbers count."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from simulator.figures.swimlanes.live import horizon_ms, live_html
from simulator.figures.swimlanes.plot import swimlanes_info
from simulator.history.application import RequestStarted, WorkStarted
from simulator.traces import Trace
from simulator.ui.sessions.going import numbers
from tests.unit.test_swimlane_bands import rush
from tests.unit.trace_samples import at, trace


def thinking(now_ms: float) -> Trace:
    """One request that calls a model and has no answer yet."""
    found = trace(at(0, RequestStarted, key="k"), at(10, WorkStarted, category="llm", label="LLM"))
    return replace(found, duration_ms=now_ms)


def width(trace: Trace) -> float:
    """Of the model's bar, in percent of the axis."""
    html = live_html(swimlanes_info(trace))
    (found,) = re.findall(r'tx-live-work" style="left:[\d.]+%;width:([\d.]+)%', html)
    return float(found)


def test_a_bar_without_an_end_grows_as_time_passes() -> None:
    assert width(thinking(200)) < width(thinking(900))
    assert width(thinking(900)) == pytest.approx(89, abs=0.1)
    assert horizon_ms(900) == 1000


def test_numbers_count_what_has_ended_so_far() -> None:
    told = {box.key: box.value for box in numbers(replace(rush(50, 20), duration_ms=77.0))}
    assert told["going_answered"] == "30 / 50"
    assert told["going_failed"] == "20"
    assert told["going_time"] == "77 ms"
    assert {box.key: box.value for box in numbers(thinking(300))}["going_answered"] == "0 / 1"


def test_names_are_text_and_no_markup() -> None:
    found = trace(at(0, RequestStarted, key="<script>", request="<b>"))
    html = live_html(swimlanes_info(replace(found, duration_ms=5.0)))
    assert "<script>" not in html
    assert "&lt;b&gt;" in html


def test_fifty_requests_are_few_lanes() -> None:
    html = live_html(swimlanes_info(rush(50, 20), fold=True))
    assert html.count("tx-live-name") < 10
    assert html.count("tx-live-request") == 50
