"""Many requests: those that are alike share a lane, and fifty of them with the pool fit a projector."""

from __future__ import annotations

import pytest

from simulator.figures.swimlanes.bands import FOLD, band_labels, bands
from simulator.figures.swimlanes.info import BarKind
from simulator.figures.swimlanes.plot import plot_swimlanes, swimlanes_info
from simulator.figures.swimlanes.rooms import rooms
from simulator.history.application import (
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionRefused,
    ConnectionRequested,
    PoolObserved,
    RequestEnded,
    RequestStarted,
)
from simulator.traces import Trace
from tests.unit.trace_samples import at, trace

#: style.css makes a letter so large at 1920 × 1080, and figures grow with it
PROJECTOR = 24 / 16


def rush(requests: int, refused: int, slots: int = 5) -> Trace:
    """So many requests of one kind: the first `refused` wait for the pool in vain, the others take turns on slots."""
    events = [at(0, PoolObserved, class_name="QueuePool", size=slots, max_overflow=0, timeout_s=1.0, request=None)]
    for number in range(requests):
        name = f"request {number + 1}"
        events += [
            at(1, RequestStarted, key="ask", title="Ask", request=name),
            at(2, ConnectionRequested, asked=number, request=name),
        ]
    for number in range(requests):
        name = f"request {number + 1}"
        if number < refused:
            error = "TimeoutError: QueuePool limit"
            events += [
                at(50 + number, ConnectionRefused, asked=number, error=error, timed_out=True, request=name),
                at(51 + number, RequestEnded, outcome="failed", error=error, request=name),
            ]
        else:
            slot, turn = number % slots + 1, number // slots
            events += [
                at(100 + 5 * turn, ConnectionCheckedOut, asked=number, slot=slot, request=name),
                at(104 + 5 * turn, ConnectionCheckedIn, slot=slot, request=name),
                at(104.5 + 5 * turn, RequestEnded, outcome="ok", request=name),
            ]
    return trace(*sorted(events, key=lambda event: event[0]))


def test_alike_requests_share_a_lane_and_the_slowest_of_each_stays_its_own() -> None:
    info = swimlanes_info(rush(50, 20), fold=True)
    assert info.folded
    assert [(lane.label + lane.tail, lane.rows) for lane in info.lanes if lane.rows > 1] == [
        ("slots 1 to 5", 5),
        ("Ask ×29", 29),
        ("Ask · TimeoutError ×19", 19),
    ]
    own = [lane for lane in info.lanes if lane.rows == 1]
    assert [(lane.request, lane.failed) for lane in own] == [("request 20", True), ("request 46", False)]
    # Every request is drawn, once.
    assert sum(piece.kind is BarKind.REQUEST for piece in info.pieces) == 50


def test_what_failed_differently_is_no_crowd() -> None:
    assert [band.name + band.tail for band in bands(rush(30, 4))] == ["Ask ×25"]
    assert bands(rush(FOLD, 4)) == ()


def test_a_request_or_a_band_that_is_opened_has_lanes_of_its_own() -> None:
    found = rush(50, 20)
    (fine, vain) = band_labels(found)
    one = swimlanes_info(found, expanded=("request 3",), fold=True)
    assert "request 3" in {lane.key for lane in one.lanes}
    assert next(lane for lane in one.lanes if lane.key == vain).rows == 18
    unfolded = swimlanes_info(found, expanded=(vain,), fold=True)
    assert sum(lane.rows == 1 and lane.failed for lane in unfolded.lanes) == 20
    assert next(lane for lane in unfolded.lanes if lane.key == fine).rows == 29


@pytest.mark.parametrize("refused", [0, 20, 45, 50])
def test_fifty_lanes_with_the_pool_fit_a_projector(refused: int) -> None:
    figure = plot_swimlanes(swimlanes_info(rush(50, refused), fold=True))
    assert figure.layout.height * PROJECTOR <= 1080


def test_the_pool_and_the_slots_stand_above_the_requests() -> None:
    info = swimlanes_info(rush(50, 20), fold=True)
    layout = plot_swimlanes(info).layout
    assert layout.yaxis2.domain[0] > layout.yaxis.domain[1]
    assert layout.yaxis3.domain[0] > layout.yaxis.domain[1]
    assert layout.xaxis.anchor == "y"
    assert info.lanes[0].key == "slots"


def test_rows_of_a_band_lie_below_each_other_inside_of_their_lane() -> None:
    info = swimlanes_info(rush(50, 20), fold=True)
    room = rooms(info.lanes)
    for piece in info.pieces:
        middle, height = room.of(piece, info.lanes[piece.lane].rows)
        assert room.edges[piece.lane] <= middle - height / 2 + 1e-6
        assert middle + height / 2 <= room.edges[piece.lane + 1] + 1e-6
    rows = {(piece.lane, piece.row) for piece in info.pieces if piece.kind is BarKind.REQUEST}
    assert len(rows) == 50
