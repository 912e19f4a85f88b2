"""The axis of steps: order instead of milliseconds, moments with their names, nothing of the opening of connections."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.figures.swimlanes.info import BarKind, Piece, SwimlanesInfo
from simulator.figures.swimlanes.plot import plot_swimlanes, swimlanes_info
from simulator.figures.swimlanes.steps import MOST, stepped
from simulator.history.application import (
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionEnding,
    ConnectionRequested,
    Moment,
    RequestEnded,
    RequestStarted,
    SessionBegan,
    SessionEnded,
)
from simulator.history.schedule import StatementFinished, StatementStarted
from simulator.history.words import EndingCommand, SessionOutcome
from simulator.traces import Trace
from tests.unit.test_swimlanes import crowd
from tests.unit.trace_samples import at, recorded, trace

RECORDED = ("save_message", "rollback", "pool_time_out", "asynchronous", "lock_wait")
ACTIONS = (BarKind.STATEMENT, BarKind.COMMIT, BarKind.WORK, BarKind.LOCK)


def of(info: SwimlanesInfo, *kinds: BarKind) -> list[Piece]:
    return sorted((piece for piece in info.pieces if piece.kind in kinds), key=lambda piece: piece.start_ms)


def blocked() -> Trace:
    """A updates for 90 ms while B commits after 80: who began earlier stands further left, whatever the times."""
    return trace(
        at(0, RequestStarted, key="k", request="A"),
        at(1, StatementStarted, sql="UPDATE a SET x = 1", slot=1, request="A"),
        at(2, RequestStarted, key="k", request="B"),
        at(3, StatementStarted, sql="SELECT 1", slot=2, request="B"),
        at(83, StatementFinished, tag="SELECT 1", slot=2, request="B"),
        at(85, Moment, label="gate", detail="before_commit", request="B"),
        at(91, StatementFinished, tag="UPDATE 1", slot=1, request="A"),
        at(92, StatementStarted, sql="SELECT 2", slot=1, request="A"),
        at(93, StatementFinished, tag="SELECT 1", slot=1, request="A"),
        at(94, RequestEnded, outcome="ok", request="A"),
        at(95, RequestEnded, outcome="ok", request="B"),
    )


def test_what_began_earlier_stands_further_left_and_every_step_is_as_wide() -> None:
    info = stepped(swimlanes_info(blocked()))
    drawn = [(piece.lane, piece.start_ms, piece.end_ms) for piece in of(info, BarKind.STATEMENT)]
    # A's UPDATE lasts until its next statement, over B's; the gate has a step of its own.
    assert drawn == [(0, 0, 3), (1, 1, 2), (0, 3, 4)]
    assert [(mark.x, mark.label) for mark in info.marks] == [(2.5, "gate")]
    assert info.steps == 4


@pytest.mark.parametrize("name", RECORDED)
def test_order_is_kept(name: str) -> None:
    told = swimlanes_info(recorded(name), expanded={"request 1"})
    info = stepped(told)
    assert info.steps
    before = {(piece.bar, piece.lane): piece for piece in told.pieces}
    for one in of(info, *ACTIONS):
        for other in of(info, *ACTIONS):
            first, second = before[one.bar, one.lane], before[other.bar, other.lane]
            if first.start_ms < second.start_ms:
                assert one.start_ms < other.start_ms
            if first.end_ms <= second.start_ms:
                assert one.end_ms <= other.start_ms
    assert all(piece.end_ms - piece.start_ms >= 1 for piece in of(info, *ACTIONS))
    assert all(0 <= piece.start_ms <= piece.end_ms <= info.steps for piece in info.pieces)


def test_connecting_is_folded_away_and_waiting_in_the_queue_is_not() -> None:
    assert not of(stepped(swimlanes_info(recorded("save_message"))), BarKind.CONNECTING, BarKind.WAIT)
    waits = of(stepped(swimlanes_info(recorded("pool_time_out"))), BarKind.WAIT)
    assert sorted(piece.label for piece in waits) == ["pool queue", "pool queue", "time-out", "time-out"]


def test_times_are_still_told_of_a_bar_and_of_a_moment() -> None:
    told = swimlanes_info(blocked())
    info = stepped(told)
    assert info.bars == told.bars
    (gate,) = info.marks
    assert gate.at_ms == pytest.approx(85)
    drawn = next(each for each in plot_swimlanes(info).data if each.name == "a moment with a name")
    assert "85.0 ms" in drawn.hovertext[0]
    assert drawn.text[0] == "gate"


def test_the_pool_follows_the_steps() -> None:
    told = swimlanes_info(recorded("pool_time_out"))
    info = stepped(told)
    assert max(moment.waiting for moment in info.pool) == max(moment.waiting for moment in told.pool) == 4
    assert max(moment.checked_out for moment in info.pool) == 2
    assert all(0 <= moment.at_ms <= info.steps for moment in info.pool)


def test_a_commit_that_failed_and_a_connection_that_was_kept_are_named() -> None:
    found = trace(
        at(0, RequestStarted, key="POST /"),
        at(1, SessionBegan, session="S1"),
        at(2, ConnectionCheckedOut, slot=1),
        at(3, ConnectionEnding, command=EndingCommand.COMMIT, session="S1", slot=1),
        at(5, SessionEnded, outcome=SessionOutcome.ROLLED_BACK, session="S1"),
        at(6, Moment, label="response started", detail="200"),
        at(7, RequestEnded, outcome="200"),
        at(9, ConnectionRequested, asked=1, request="later"),
    )
    info = stepped(swimlanes_info(found))
    (commit,) = of(info, BarKind.COMMIT)
    assert (commit.label, commit.error) == ("COMMIT failed", True)
    assert [mark.label for mark in info.marks if mark.label] == ["response 200", "not given back"]
    fine = trace(
        at(1, SessionBegan, session="S1"),
        at(2, ConnectionCheckedOut, slot=1),
        at(3, ConnectionEnding, command=EndingCommand.COMMIT, session="S1", slot=1),
        at(5, SessionEnded, outcome=SessionOutcome.COMMITTED, session="S1"),
        at(6, ConnectionCheckedIn, slot=1),
    )
    (commit,) = of(swimlanes_info(fine), BarKind.COMMIT)
    assert (commit.label, commit.error) == ("COMMIT", False)


def test_what_is_no_story_stays_in_milliseconds() -> None:
    long = swimlanes_info(crowd(3, 90))
    assert len(of(long, BarKind.STATEMENT)) > MOST
    assert stepped(long) == long
    empty = swimlanes_info(trace())
    assert stepped(empty) == empty


def test_every_symbol_has_its_words() -> None:
    info = stepped(swimlanes_info(recorded("rollback"), expanded={"request 1"}))
    shown = {each.name for each in plot_swimlanes(info).data if each.showlegend}
    assert {"Session created", "Session closed", "BEGIN: nothing is sent yet", "failed"} <= shown


@pytest.mark.parametrize(("ended", "label"), [(True, "COMMIT failed"), (False, "COMMIT")])
def test_a_commit_behind_which_nothing_ended_has_failed_where_its_request_is_over(ended: bool, label: str) -> None:
    found = trace(
        at(0, RequestStarted, key="POST /"),
        at(1, SessionBegan, session="S1"),
        at(2, ConnectionCheckedOut, slot=1),
        at(3, ConnectionEnding, command=EndingCommand.COMMIT, session="S1", slot=1),
        at(4, Moment, label="gate", session="S1"),
        *([at(7, RequestEnded, outcome="200")] if ended else []),
        at(9, ConnectionRequested, asked=1, request="later"),
    )
    (commit,) = of(stepped(swimlanes_info(found)), BarKind.COMMIT)
    assert commit.label == label


def points(*at_ms: int) -> Any:
    """How moments of one request are drawn at these times, behind its one statement."""
    begin = [at(0, RequestStarted, key="k"), at(1, StatementStarted, sql="SELECT 1", slot=1)]
    end = [at(2, StatementFinished, tag="SELECT 1", slot=1)]
    named = [at(each, Moment, label="response started", detail="200") for each in at_ms]
    info = stepped(swimlanes_info(trace(*begin, *end, *named, at(90, RequestEnded, outcome="ok"))))
    (drawn,) = (each for each in plot_swimlanes(info).data if each.name == "a moment with a name")
    return drawn


def test_words_of_moments_that_are_close_stand_below_each_other() -> None:
    upper, lower = points(5, 6).y
    assert upper < lower
    assert list(points(5, 6).text) == ["response 200", "response 200"]
    assert list(points(5).text) == ["response<br>200"]


def test_where_steps_are_narrow_a_moment_has_short_words() -> None:
    drawn = points(*range(5, 20))
    assert set(drawn.text) == {"200"}
    assert len({round(y) for y in drawn.y}) == 2
