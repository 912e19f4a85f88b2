"""The swimlanes' info: lanes, bars and what is told of them; and the traces that draw them."""

from __future__ import annotations

from collections import Counter

import pytest

from simulator.figures.palette import RED
from simulator.figures.phases import phases_info, plot_phases
from simulator.figures.swimlanes.plot import BarKind, SwimlanesInfo, lane_height, plot_swimlanes, swimlanes_info
from simulator.history.application import (
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionEnding,
    ConnectionRefused,
    ConnectionRequested,
    Moment,
    PoolObserved,
    RequestEnded,
    RequestStarted,
    SessionBegan,
    SessionCreated,
)
from simulator.history.schedule import StatementFailed, StatementFinished, StatementStarted
from simulator.traces import Trace, critical_path
from tests.unit.trace_samples import at, recorded, trace


def kinds(info: SwimlanesInfo, lane: str) -> list[BarKind]:
    """Kinds of the bars in this lane, by their beginnings."""
    (number,) = (number for number, each in enumerate(info.lanes) if each.key == lane)
    return [piece.kind for piece in sorted(info.pieces, key=lambda piece: piece.start_ms) if piece.lane == number]


def test_a_collapsed_request_is_one_lane_with_its_phases() -> None:
    info = swimlanes_info(recorded("save_message"))
    assert [(lane.key, lane.label) for lane in info.lanes] == [
        ("request 1", "request 1 · Save a message"),
        ("slot 1", "slot 1"),
    ]
    assert kinds(info, "request 1") == [
        BarKind.REQUEST,
        BarKind.WAIT,
        BarKind.CONNECTING,
        BarKind.STATEMENT,
        BarKind.COMMIT,
    ]
    assert kinds(info, "slot 1") == [BarKind.HELD]
    assert [piece.label for piece in info.pieces if piece.kind is BarKind.HELD] == ["request 1"]


def test_an_expanded_request_has_its_session_the_pool_and_its_statements() -> None:
    info = swimlanes_info(recorded("save_message"), expanded={"request 1"})
    keys = ["request 1", "request 1/S1", "request 1/pool", "request 1/statements", "slot 1"]
    assert [lane.key for lane in info.lanes] == keys
    assert kinds(info, "request 1/S1") == [BarKind.SESSION, BarKind.TRANSACTION, BarKind.COMMITTING, BarKind.FLUSH]
    assert kinds(info, "request 1/pool") == [BarKind.WAIT, BarKind.CONNECTING, BarKind.HELD]
    assert kinds(info, "request 1/statements") == [BarKind.STATEMENT, BarKind.COMMIT]
    assert Counter(mark.kind for mark in info.marks) == {"created": 1, "closed": 1, "begin": 1}


def test_a_click_on_a_bar_tells_its_statement() -> None:
    info = swimlanes_info(recorded("save_message"))
    figure = plot_swimlanes(info)
    (drawn,) = (each for each in figure.data if each.name == "statement")
    bar = info.bars[drawn.customdata[0][0]]
    assert bar.sql.startswith("INSERT INTO messages")
    assert dict(bar.parameters)["role"] == "user"
    assert (bar.tag, bar.request, bar.session, bar.slot) == ("INSERT 0 1", "request 1", "S1", 1)
    assert bar.line.endswith("save_message")
    assert drawn.x[0] == pytest.approx(bar.busy_ms)


def test_ids_stay_the_same_when_a_request_is_expanded() -> None:
    found = recorded("pool_time_out")
    collapsed, expanded = swimlanes_info(found), swimlanes_info(found, expanded={"request 1"})
    assert set(collapsed.bars) < set(expanded.bars)
    assert all(expanded.bars[name] == bar for name, bar in collapsed.bars.items())


def test_a_time_out_is_hatched_with_a_red_edge_and_its_message() -> None:
    info = swimlanes_info(recorded("pool_time_out"))
    errors = [piece for piece in info.pieces if piece.error]
    assert [(piece.kind, piece.waits, piece.label) for piece in errors] == [(BarKind.WAIT, True, "time-out")] * 2
    assert all("QueuePool limit of size 2" in info.bars[piece.bar].error for piece in errors)
    assert sum(lane.failed for lane in info.lanes) == 2
    (drawn,) = (each for each in plot_swimlanes(info).data if each.name == "waits for the pool")
    assert drawn.marker.pattern.shape == "/"
    assert Counter(drawn.marker.line.color)[RED] == 2


def test_red_is_for_errors_alone() -> None:
    fine = plot_swimlanes(swimlanes_info(recorded("lock_wait"), expanded={"request 1"}))
    assert RED not in fine.to_json()


def test_slots_tell_who_held_them() -> None:
    info = swimlanes_info(recorded("pool_time_out"))
    held = [piece for piece in info.pieces if piece.kind is BarKind.HELD]
    served = {request.name for request in recorded("pool_time_out").requests if not request.timed_out}
    assert {piece.label for piece in held} == served
    colors = {lane.request: lane.color for lane in info.lanes if lane.request}
    assert all(piece.color == colors[piece.label] for piece in held)


def test_a_lock_wait_lies_over_its_statement() -> None:
    info = swimlanes_info(recorded("lock_wait"), expanded={"request 1"})
    locks = [piece for piece in info.pieces if piece.kind is BarKind.LOCK and piece.lane == 0]
    select = next(piece for piece in info.pieces if piece.kind is BarKind.STATEMENT)
    assert [piece.end_ms for piece in locks] == [select.end_ms]
    assert "Lock/transactionid" in info.bars[locks[0].bar].title
    assert info.lanes[4].label.startswith("backend ")


def test_only_the_requests_asked_for_are_shown() -> None:
    info = swimlanes_info(recorded("pool_time_out"), show={"request 2"})
    assert [lane.key for lane in info.lanes] == ["request 2", "slot 1", "slot 2"]


def test_the_pool_is_drawn_below_with_its_limits() -> None:
    info = swimlanes_info(recorded("pool_time_out"))
    assert (info.size, info.capacity) == (2, 2)
    assert max(moment.waiting for moment in info.pool) == 4
    figure = plot_swimlanes(info)
    # Nobody who waits has a connection: they stand on an axis of their own.
    assert [each.name for each in figure.data if each.yaxis == "y2"] == ["in use", "pool_size 2"]
    assert [each.name for each in figure.data if each.yaxis == "y3"] == ["waiting requests"]
    assert max(next(each for each in figure.data if each.yaxis == "y3").y) == 4
    assert figure.layout.xaxis.anchor == "y3"
    assert all(each.showlegend for each in figure.data if each.yaxis in ("y2", "y3"))


def crowd(requests: int, statements: int) -> Trace:
    """Requests one after the other in 100 ms each, with so many statements of 0.2 ms every millisecond."""
    events = []
    for number in range(requests):
        name, start = f"request {number}", 100.0 * number
        events.append(at(start, RequestStarted, key="k", request=name))
        events.append(at(start, ConnectionCheckedOut, slot=1, request=name))
        for each in range(statements):
            sql = f"SELECT {each}"
            events.append(at(start + each, StatementStarted, sql=sql, slot=1, request=name))
            events.append(at(start + each + 0.2, StatementFinished, tag="SELECT 1", slot=1, request=name))
        events.append(at(start + 99, ConnectionCheckedIn, slot=1, request=name))
        events.append(at(start + 99, RequestEnded, outcome="ok", request=name))
    return trace(*events)


def test_no_more_bars_than_the_limit_and_what_was_merged_is_counted() -> None:
    found = crowd(50, 90)
    info = swimlanes_info(found)
    assert len(info.pieces) <= 1000
    assert info.merged > 0
    assert sum(piece.spans for piece in info.pieces) == 50 * (1 + 90 + 1)
    statements = [piece for piece in info.pieces if piece.kind is BarKind.STATEMENT]
    assert {piece.lane for piece in statements} == set(range(50))
    assert sum(piece.spans for piece in statements) == 50 * 90
    one = max(statements, key=lambda piece: piece.spans)
    bar = info.bars[one.bar]
    assert one.label == f"×{one.spans} · 18 ms"
    assert bar.title == f"{one.spans} × statement"
    assert bar.busy_ms == pytest.approx(0.2 * one.spans)
    assert swimlanes_info(crowd(5, 90)).merged == 0


def import_of(messages: int) -> Trace:
    """A message a transaction: each takes a connection in 0.01 ms, sends one of two statements, and commits."""
    events = [at(0, PoolObserved, class_name="QueuePool", size=2, max_overflow=0, timeout_s=1.0, request=None)]
    events.append(at(0, RequestStarted, key="k"))
    for number in range(messages):
        start, sql = 4.0 * number, f"{'UPDATE' if number % 4 == 3 else 'INSERT INTO'} messages"
        events += [
            at(start, ConnectionRequested, asked=number + 1),
            at(start + 0.01, ConnectionCheckedOut, asked=number + 1, slot=1),
            at(start + 0.1, StatementStarted, sql=sql, line=f"kinds.py:{80 + number % 4} save", slot=1),
            at(start + 1.1, StatementFinished, tag="INSERT 0 1", slot=1),
            at(start + 1.2, ConnectionEnding, command="COMMIT", slot=1),
            at(start + 2.2, ConnectionCheckedIn, slot=1),
        ]
    return trace(*events, at(4.0 * messages, RequestEnded, outcome="ok"))


def test_a_merged_bar_tells_its_statements_and_does_not_look_like_waiting() -> None:
    info = swimlanes_info(import_of(500), limit=60)
    lane = [piece for piece in info.pieces if piece.lane == 0]
    # 5 ms of 2,000 were spent on taking connections: nothing of the lane is hatched.
    assert not any(piece.waits for piece in lane)
    drawn = plot_swimlanes(info).data
    assert not any(each.marker.pattern.shape for each in drawn if each.type == "bar")
    merged = [info.bars[piece.bar] for piece in lane if piece.kind is BarKind.STATEMENT and piece.spans > 1]
    groups = [group for bar in merged for group in bar.groups]
    assert sum(group.times for group in groups if group.what == "INSERT INTO messages") == 375
    assert sum(group.times for group in groups if group.what == "UPDATE messages") == 125
    assert sum(group.busy_ms for group in groups) == pytest.approx(500)
    assert {line for group in groups for line, _count in group.lines} == {f"kinds.py:{n} save" for n in range(80, 84)}
    assert [group.what for group in merged[0].groups] == ["INSERT INTO messages", "UPDATE messages"]


def test_a_merged_bar_that_was_waiting_nearly_all_the_time_is_hatched() -> None:
    events = [at(0, PoolObserved, class_name="QueuePool", size=1, max_overflow=0, timeout_s=1.0, request=None)]
    events += [at(0, RequestStarted, key="k"), at(0, ConnectionCheckedOut, slot=1, request=None)]
    for number in range(50):
        events.append(at(2.0 * number, ConnectionRequested, asked=number + 1))
        events.append(at(2.0 * number + 1.8, ConnectionRefused, asked=number + 1, error="E", timed_out=True))
    info = swimlanes_info(trace(*events, at(120, RequestEnded, outcome="ok")), limit=10)
    (wait,) = (piece for piece in info.pieces if piece.kind is BarKind.WAIT)
    assert (wait.spans, wait.waits, info.bars[wait.bar].groups[0].failed) == (50, True, 50)


def test_fifty_requests_and_five_slots_fit_a_screen() -> None:
    assert lane_height(3) == 34
    assert 55 * lane_height(55) <= 880


def test_an_end_that_was_not_seen_is_drawn_to_the_end_with_a_mark() -> None:
    found = trace(
        at(0, RequestStarted, key="k"),
        at(1, SessionCreated, session="S1"),
        at(2, SessionBegan, session="S1"),
        at(3, ConnectionRequested, asked=1, session="S1"),
        at(10, Moment, label="client disconnected"),
    )
    info = swimlanes_info(found, expanded={"r"})
    assert all(piece.open and piece.end_ms == 10 for piece in info.pieces)
    assert all(bar.end_ms is None for bar in info.bars.values())
    assert Counter(mark.kind for mark in info.marks) == {"open": 5, "moment": 1, "created": 1}


def test_a_failed_statement_tells_why() -> None:
    found = trace(
        at(0, RequestStarted, key="k"),
        at(1, StatementStarted, sql="SELECT 1/0", slot=1),
        at(2, StatementFailed, sqlstate="22012", message="division by zero", slot=1),
        at(3, RequestEnded, outcome="failed", error="DataError: division by zero"),
    )
    info = swimlanes_info(found)
    (bar,) = (bar for bar in info.bars.values() if bar.kind is BarKind.STATEMENT)
    assert (bar.sqlstate, bar.error) == ("22012", "division by zero")
    assert [mark.text for mark in info.marks if mark.kind == "failed"] == ["DataError: division by zero"]


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_at_all_can_be_drawn(dark: bool) -> None:
    empty = swimlanes_info(trace())
    assert (empty.lanes, empty.pieces, empty.merged, empty.size) == ((), (), 0, None)
    assert plot_swimlanes(empty, dark).layout.height > 0
    assert plot_phases(phases_info(trace()), dark).layout.height > 0


def test_the_median_request_is_one_that_was_made_and_those_that_failed_stand_apart() -> None:
    found = recorded("pool_time_out")
    answered, refused = phases_info(found).rows
    assert (answered.key, answered.failure, len(answered.requests)) == ("llm_inside", "", 4)
    assert (refused.key, refused.failure, len(refused.requests)) == ("llm_inside", "TimeoutError", 2)
    for row in (answered, refused):
        request = found.request(row.median)
        assert request is not None
        # The bar is that request: its parts are its duration, and p50 is on a dot.
        assert row.parts == critical_path(request, found.backends, found.duration_ms)
        assert row.parts.total_ms == pytest.approx(row.p50_ms)
        assert (row.median, row.p50_ms) in row.requests
        assert row.p95_ms == row.requests[-1][1]
    assert answered.parts.work_ms > 100 > answered.parts.sql_ms
    figure = plot_phases(phases_info(found))
    assert [each.name for each in figure.data][:2] == ["pool queue", "connecting"]
    assert figure.data[0].marker.pattern.shape == "/"
    for row, dots, symbol in zip((answered, refused), figure.data[-2:], ("circle", "x"), strict=True):
        assert (sorted(dots.x), dots.marker.symbol) == (sorted(ms for _name, ms in row.requests), symbol)
    assert "TimeoutError" in figure.layout.yaxis.ticktext[1]


def test_p50_and_p95_are_durations_of_requests_by_nearest_rank() -> None:
    events = []
    for number in range(1, 21):
        name = f"request {number}"
        events += [at(0, RequestStarted, key="k", request=name), at(number, RequestEnded, outcome="ok", request=name)]
    (row,) = phases_info(trace(*sorted(events, key=lambda event: event[0]))).rows
    assert (row.median, row.p50_ms, row.p95_ms) == ("request 10", 10, 19)


def test_without_a_pool_the_time_axis_hangs_on_the_lanes() -> None:
    info = swimlanes_info(recorded("save_message"))._replace(pool=())
    layout = plot_swimlanes(info).layout
    assert layout.xaxis.anchor == "y"
    assert layout.yaxis.domain == (0, 1)
    assert "yaxis2" not in layout.to_plotly_json()
