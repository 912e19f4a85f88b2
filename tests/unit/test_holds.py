"""Who held the pool: what a connection did while it was out, by kind and line, and who waited for it."""

from __future__ import annotations

import pytest

from simulator.history.application import (
    ConnectionBegan,
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionEnding,
    RequestEnded,
    RequestStarted,
    SessionEnded,
    WorkEnded,
    WorkStarted,
)
from simulator.history.schedule import StatementFinished, StatementStarted
from simulator.history.words import EndingCommand, SessionOutcome
from simulator.traces import Trace
from simulator.traces.holds import Cause, holders, pressure, uses
from tests.unit.trace_samples import at, recorded, trace

LINE = "app.py:7 answer"


def statement(start: float, end: float, request: str = "r", line: str = LINE) -> list[object]:
    return [
        at(start, StatementStarted, sql="SELECT 1", slot=1, line=line, request=request),
        at(end, StatementFinished, tag="SELECT 1", slot=1, request=request),
    ]


def held(*inside: object, start: float = 10, end: float = 110) -> Trace:
    """One request that holds a connection from `start` to `end`; a BEGIN at once, a COMMIT of 2 ms at its end."""
    events = [
        at(0, RequestStarted, key="k", title="Answer"),
        at(start, ConnectionCheckedOut, slot=1),
        at(start, ConnectionBegan, slot=1),
        *inside,
        at(end - 2, ConnectionEnding, command=EndingCommand.COMMIT, session="S1", slot=1),
        at(end, SessionEnded, outcome=SessionOutcome.COMMITTED, session="S1"),
        at(end, ConnectionCheckedIn, slot=1),
        at(end + 10, RequestEnded, outcome="ok"),
    ]
    return trace(*sorted(events, key=lambda event: event[0]))  # type: ignore[arg-type]


def test_a_hold_is_sql_idle_in_transaction_and_the_rest() -> None:
    (use,) = uses(held(*statement(20, 23), *statement(90, 95)))
    assert use.held_ms == pytest.approx(100)
    assert use.sql_ms == pytest.approx(3 + 5 + 2)
    # From the first statement, at 20, to the COMMIT: before it the server knows of no transaction.
    assert use.idle_ms == pytest.approx(90 - 10)
    assert (use.line, use.kept) == (LINE, False)


def test_a_model_that_is_called_while_the_connection_is_held_is_the_cause() -> None:
    model = [at(30, WorkStarted, category="llm", label="LLM"), at(85, WorkEnded, category="llm", label="LLM")]
    (use,) = uses(held(*statement(20, 23), *model))
    assert use.away_ms == pytest.approx(55)
    (holder,) = holders(held(*statement(20, 23), *model))
    assert holder.cause is Cause.AWAY


def test_what_the_application_does_between_two_statements_is_another_cause() -> None:
    (holder,) = holders(held(*statement(20, 23)))
    assert holder.cause is Cause.IDLE
    (holder,) = holders(held(*statement(11, 100)))
    assert holder.cause is Cause.SQL


def test_a_connection_that_is_not_given_back_is_told_first() -> None:
    found = trace(
        at(0, RequestStarted, key="k"),
        at(1, ConnectionCheckedOut, slot=1),
        *statement(2, 3),  # type: ignore[arg-type]
        at(4, RequestEnded, outcome="ok"),
        at(100, RequestStarted, key="k", request="later"),
    )
    (holder,) = holders(found)
    assert (holder.kept, holder.cause) == (1, Cause.KEPT)
    assert holder.held_ms == pytest.approx(99)


def test_kinds_and_lines_are_ranked_by_what_they_held() -> None:
    found = recorded("pool_time_out")
    (holder,) = holders(found)
    assert (holder.key, holder.holds, holder.cause) == ("llm_inside", 4, Cause.AWAY)
    assert holder.line.endswith("llm_inside")
    assert holder.typical_held_ms > 100 > 10 > holder.typical_sql_ms
    assert holder.idle_share > 0.8
    assert holder.held_ms == pytest.approx(sum(use.held_ms for use in uses(found)))


def test_sql_idle_and_the_hold_agree() -> None:
    for name in ("save_message", "rollback", "pool_time_out", "asynchronous", "lock_wait"):
        for use in uses(recorded(name)):
            assert use.sql_ms >= 0
            assert use.sql_ms + use.idle_ms <= use.held_ms + 1e-6
            assert use.away_ms <= use.held_ms - use.sql_ms + 1e-6


def test_a_lock_is_the_cause_where_the_looks_saw_it() -> None:
    (holder,) = holders(recorded("lock_wait"))
    assert holder.cause is Cause.LOCK


def test_who_waited_and_what_they_were_told() -> None:
    found = pressure(recorded("pool_time_out"))
    assert (found.requests, found.in_vain) == (6, 2)
    assert found.queued == 4
    assert found.longest_wait_ms > 140
    assert found.error.startswith("TimeoutError: QueuePool limit of size 2 overflow 0 reached")


def test_nobody_held_anything() -> None:
    assert holders(trace()) == ()
    assert pressure(trace()).error == ""
