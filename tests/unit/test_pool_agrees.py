"""Slots, the pool's curve, its totals and what is drawn say the same, in every history."""

from __future__ import annotations

import pytest

from benchmarks.pool_histories import disagreements, examine
from simulator.figures.swimlanes.plot import plot_swimlanes, swimlanes_info
from simulator.history.application import (
    ConnectingStarted,
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionOpened,
    ConnectionRequested,
    PoolObserved,
    RequestEnded,
    RequestStarted,
)
from simulator.traces import occupancy, pool_totals
from tests.unit.trace_samples import at, recorded_history, trace

#: `python -m benchmarks pool_histories` examines a thousand
HISTORIES = 100


def test_slots_curve_totals_and_figure_agree_in_generated_histories() -> None:
    assert examine(HISTORIES, derandomize=True) >= HISTORIES


@pytest.mark.parametrize("name", ["save_message", "rollback", "pool_time_out", "asynchronous", "lock_wait"])
def test_they_agree_in_recorded_runs(name: str) -> None:
    assert disagreements(recorded_history(name)) == []


def test_requests_without_a_lane_count_in_the_pool() -> None:
    """The history of an application may have thousands of requests; the slowest have lanes."""
    events = [at(0, PoolObserved, class_name="QueuePool", size=5, max_overflow=0, timeout_s=1.0, request=None)]
    for number in range(5):
        name, slot = f"request {number}", number + 1
        events += [
            at(1, RequestStarted, key="k", request=name),
            at(1, ConnectionCheckedOut, slot=slot, request=name),
            at(9, ConnectionCheckedIn, slot=slot, request=name),
            at(9 + number, RequestEnded, outcome="ok", request=name),
        ]
    found = trace(*events)
    info = swimlanes_info(found, show=("request 4",))
    assert [lane.key for lane in info.lanes if lane.request] == ["request 4"]
    assert max(moment.checked_out for moment in info.pool) == pool_totals(found).checked_out == 5
    (in_use,) = (each for each in plot_swimlanes(info).data if each.name == "in use")
    assert max(in_use.y) == 5


def test_overflow_is_a_count_and_no_property_of_a_slot() -> None:
    found = trace(
        at(0, PoolObserved, class_name="QueuePool", size=1, max_overflow=1, timeout_s=1.0, request=None),
        at(1, RequestStarted, key="k"),
        at(2, ConnectionCheckedOut, slot=1),
        at(3, ConnectionCheckedOut, slot=2),
        # The one that was opened first comes back; the other stays out, and is not "the overflow".
        at(4, ConnectionCheckedIn, slot=1),
        at(9, RequestEnded, outcome="ok"),
    )
    info = swimlanes_info(found)
    assert [lane.label for lane in info.lanes if lane.request is None] == ["slot 1", "slot 2"]
    assert [(moment.open, moment.overflow) for moment in occupancy(found)] == [(1, 0), (2, 1), (2, 1)]
    (drawn,) = (each for each in plot_swimlanes(info).data if (each.name or "").startswith("overflow"))
    assert list(drawn.customdata)[-1] == 1


def test_connecting_that_was_tried_twice_does_not_hide_who_waits() -> None:
    found = trace(
        at(0, PoolObserved, class_name="QueuePool", size=1, max_overflow=0, timeout_s=1.0, request=None),
        at(1, RequestStarted, key="k"),
        at(1, ConnectionCheckedOut, slot=1, request=None),
        at(2, ConnectionRequested, asked=1),
        at(3, ConnectingStarted, asked=1),
        at(4, ConnectingStarted, asked=1),
        at(5, ConnectionOpened, asked=1, slot=2),
        at(6, ConnectionCheckedOut, asked=1, slot=2),
        at(7, ConnectionRequested, asked=2),
    )
    assert occupancy(found)[-1].waiting == 1
