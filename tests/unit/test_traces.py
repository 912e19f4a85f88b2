"""The reading of a history: spans, the pool, objects, and where a request's time went."""

from __future__ import annotations

from itertools import pairwise

import pytest

from simulator.history.application import (
    BackendSeen,
    CommitStarted,
    ConnectingStarted,
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionClosed,
    ConnectionEnding,
    ConnectionOpened,
    ConnectionRefused,
    ConnectionRequested,
    ConnectionReset,
    FlushStarted,
    PoolObserved,
    RequestEnded,
    RequestStarted,
    SessionBegan,
    SessionClosed,
    SessionConnected,
    SessionCreated,
    SessionEnded,
    WorkEnded,
    WorkStarted,
)
from simulator.history.schedule import StatementFailed, StatementFinished, StatementStarted
from simulator.traces import Parts, critical_path, object_lives, occupancy, segments, sentence, totals
from tests.unit.trace_samples import at, recorded, trace

POOL = at(0, PoolObserved, class_name="QueuePool", size=1, max_overflow=1, timeout_s=30.0, request=None)
RECORDED = ("save_message", "rollback", "pool_time_out", "asynchronous", "lock_wait")


def test_a_request_that_saves_a_message() -> None:
    (request,) = recorded("save_message").requests
    assert (request.name, request.key, request.outcome, request.failed) == ("request 1", "save_message", "ok", False)
    (session,) = request.sessions
    assert (session.name, session.class_name, session.closed_how) == ("S1", "Session", "close")
    (transaction,) = session.transactions
    (flush,), (commit,) = session.flushes, session.commits
    (wait,), (hold,), (statement,), (ending,) = request.waits, request.holds, request.statements, request.endings
    moments = [
        request.start_ms,
        session.created_ms,
        transaction.start_ms,
        commit.start_ms,
        flush.start_ms,
        wait.start_ms,
        wait.connecting[0].start_ms,
        wait.connecting[0].end_ms,
        wait.end_ms,
        *hold.begins_ms,
        transaction.connected_ms,
        statement.start_ms,
        statement.end_ms,
        flush.end_ms,
        ending.start_ms,
        ending.end_ms,
        hold.end_ms,
        transaction.end_ms,
        session.closed_ms,
        request.end_ms,
    ]
    assert request.start_ms == 0
    assert moments == sorted(moments)  # type: ignore[type-var]
    assert (transaction.outcome, commit.outcome, flush.new) == ("committed", "committed", 1)
    assert (hold.slot, hold.session, hold.request) == (1, "S1", "request 1")
    assert statement.sql.startswith("INSERT INTO messages")
    assert (statement.tag, statement.slot, statement.session) == ("INSERT 0 1", 1, "S1")
    assert statement.line.endswith(" save_message")
    assert statement.backend == hold.backend is not None
    assert ending.command == "COMMIT"


def test_a_request_that_fails_is_rolled_back() -> None:
    (request,) = recorded("rollback").requests
    assert (request.outcome, request.failed, request.timed_out) == ("failed", True, False)
    assert request.error.startswith("JSONDecodeError")
    assert [ending.command for ending in request.endings] == ["ROLLBACK"]
    assert [transaction.outcome for transaction in request.sessions[0].transactions] == ["rolled back"]
    assert request.sessions[0].commits == ()


def test_a_pool_of_two_and_four_who_wait() -> None:
    found = recorded("pool_time_out")
    refused = [wait for request in found.requests for wait in request.waits if wait.timed_out]
    assert len(refused) == 2
    for wait in refused:
        assert wait.queued
        assert wait.error.startswith("TimeoutError: QueuePool limit of size 2 overflow 0 reached")
        assert wait.end_ms is not None
        assert 150 <= wait.end_ms - wait.start_ms < 200
    assert sum(wait.queued for request in found.requests for wait in request.waits) == 4
    assert [len(slot.holds) for slot in found.slots] == [2, 2]
    assert all(work.category == "llm" for request in found.requests for work in request.works)
    told = totals(found)
    assert (told.requests, told.ok, told.failed, told.timed_out, told.unended) == (6, 4, 2, 2, 0)


def test_requests_interleaved_in_one_thread_keep_apart() -> None:
    found = recorded("asynchronous")
    assert [request.name for request in found.requests] == ["request 1", "request 2", "request 3"]
    for request in found.requests:
        assert [session.class_name for session in request.sessions] == ["AsyncSession"]
        assert {statement.session for statement in request.statements} == {request.sessions[0].name}
        assert [statement.sql.split()[0] for statement in request.statements] == ["SELECT", "INSERT"]
        # The connection goes back before the model thinks, and is taken again.
        (llm,) = request.works
        first, second = request.holds
        assert first.end_ms is not None
        assert llm.end_ms is not None
        assert first.end_ms <= llm.start_ms < llm.end_ms <= second.start_ms
    one, other = found.requests[:2]
    assert one.end_ms is not None
    assert other.start_ms < one.end_ms


def test_a_lock_wait_counts_for_the_statement_that_was_seen_to_wait() -> None:
    found = recorded("lock_wait")
    (request,) = found.requests
    parts = critical_path(request, found.backends)
    waited = next(stay for stay in found.backends if stay.wait.startswith("Lock/"))
    select, update = request.statements
    assert select.end_ms is not None
    assert update.end_ms is not None
    assert select.start_ms < waited.start_ms < select.end_ms
    assert parts.lock_ms == pytest.approx(select.end_ms - waited.start_ms)
    assert parts.sql_ms == pytest.approx(waited.start_ms - select.start_ms + update.end_ms - update.start_ms)


@pytest.mark.parametrize("name", RECORDED)
def test_the_parts_of_a_request_are_its_duration(name: str) -> None:
    found = recorded(name)
    for request in found.requests:
        assert request.end_ms is not None
        parts = segments(request, found.backends)
        assert (parts[0].start_ms, parts[-1].end_ms) == (request.start_ms, request.end_ms)
        assert all(one.end_ms == other.start_ms for one, other in pairwise(parts))
        path = critical_path(request, found.backends)
        assert path.total_ms == pytest.approx(request.end_ms - request.start_ms)
    every = sum((request.end_ms or 0) - request.start_ms for request in found.requests)
    assert totals(found).parts.total_ms == pytest.approx(every)


def test_what_happens_at_once_is_counted_once() -> None:
    found = trace(
        at(0, RequestStarted, key="k"),
        at(1, WorkStarted, category="llm", label="LLM"),
        at(2, ConnectionRequested, asked=1),
        at(3, ConnectingStarted, asked=1),
        at(5, ConnectionOpened, asked=1, slot=1, backend=9),
        at(6, ConnectionCheckedOut, asked=1, slot=1, backend=9),
        at(7, StatementStarted, sql="SELECT 1", slot=1),
        at(8, BackendSeen, backend=9, state="active", wait="Lock/tuple", request=None),
        at(9, BackendSeen, backend=9, state="active", request=None),
        at(11, StatementFinished, tag="SELECT 1", slot=1),
        at(12, WorkEnded, category="llm", label="LLM"),
        at(13, ConnectionEnding, command="COMMIT", slot=1),
        at(15, ConnectionCheckedIn, slot=1, backend=9),
        at(20, RequestEnded, outcome="ok"),
    )
    parts = critical_path(found.requests[0], found.backends)
    # Nobody was before it: taking a connection is not waiting for the pool.
    assert parts == Parts(connecting_ms=2, lock_ms=1, sql_ms=3, commit_ms=2, work_ms=5, application_ms=7)


def test_the_sentence_names_the_largest_first_and_leaves_out_crumbs() -> None:
    parts = Parts(queue_ms=2100, lock_ms=700, sql_ms=200, application_ms=12)
    assert str(sentence(parts)) == "What made this one take 3.0 s: 2.1 s pool queue, 700 ms lock, 200 ms SQL"


def test_failures_are_named_by_class_and_sqlstate_and_counted() -> None:
    classes = {"error_class": "OperationalError", "cause_class": "SerializationFailure", "sqlstate": "40001"}
    events = []
    for number in range(4):
        name = f"request {number}"
        end = {"outcome": "failed", "error": "TimeoutError: closed", "error_class": "TimeoutError"}
        end = {"outcome": "failed", "error": "OperationalError: could not", **classes} if number else end
        events += [at(0, RequestStarted, key="k", request=name), at(1, RequestEnded, request=name, **end)]
    # An older history has the class in the text alone.
    events += [at(0, RequestStarted, key="k"), at(1, RequestEnded, outcome="failed", error="KeyError: 'closed'")]
    found = totals(trace(*events))
    assert found.failures == (("SerializationFailure 40001", 3), ("TimeoutError", 1), ("KeyError", 1))


def test_ends_that_were_not_seen_stay_open() -> None:
    found = trace(
        at(0, RequestStarted, key="k"),
        at(1, SessionCreated, session="S1"),
        at(2, SessionBegan, session="S1"),
        at(3, CommitStarted, session="S1"),
        at(3, FlushStarted, session="S1", new=1),
        at(4, ConnectionRequested, asked=1, session="S1"),
        at(5, ConnectionCheckedOut, asked=1, slot=1, backend=9),
        at(5, SessionConnected, session="S1", slot=1),
        at(6, StatementStarted, sql="SELECT 1", slot=1, session="S1"),
    )
    (request,) = found.requests
    (session,) = request.sessions
    assert (request.end_ms, request.outcome, session.closed_ms) == (None, "", None)
    spans = (*session.transactions, *session.flushes, *session.commits, *request.holds, *request.statements)
    assert [span.end_ms for span in spans] == [None] * 5
    assert request.holds[0].session == "S1"
    assert totals(found).unended == 1
    assert critical_path(request, (), found.duration_ms).total_ms == 6


def test_an_empty_history_and_one_without_a_pool() -> None:
    empty = trace()
    assert (empty.requests, empty.outside, occupancy(empty), totals(empty).requests) == ((), None, (), 0)
    alone = trace(at(0, RequestStarted, key="k"), at(1, RequestEnded, outcome="ok"))
    assert occupancy(alone) == ()
    assert critical_path(alone.requests[0]) == Parts(application_ms=1)


def test_what_belongs_to_no_request_stands_outside() -> None:
    found = trace(
        at(0, ConnectionRequested, asked=1, request=None),
        at(1, ConnectionCheckedOut, asked=1, slot=1, backend=9, request=None),
        at(2, StatementStarted, sql="SELECT 1", slot=1, request=None),
        at(3, StatementFailed, sqlstate="57014", message="canceling statement", slot=1, request=None),
        at(5, RequestStarted, key="k"),
        at(6, RequestEnded, outcome="ok"),
    )
    assert [request.name for request in found.requests] == ["r"]
    assert found.outside is not None
    (statement,) = found.outside.statements
    # Times count from the first request.
    assert (statement.start_ms, statement.end_ms, statement.failed, statement.sqlstate) == (-3, -2, True, "57014")


def test_a_statement_whose_connection_died_is_the_requests_latest() -> None:
    found = trace(
        at(0, RequestStarted, key="k"),
        at(1, ConnectionCheckedOut, slot=1, backend=9),
        at(2, StatementStarted, sql="SELECT 1", slot=1),
        at(3, ConnectionClosed, slot=1, backend=9),
        at(4, StatementFailed, sqlstate="", message="server closed the connection"),
    )
    assert [(each.end_ms, each.failed) for each in found.requests[0].statements] == [(4, True)]
    assert found.requests[0].holds[0].end_ms == 3


def test_the_pool_rolls_back_what_came_back_in_a_transaction() -> None:
    def endings(settings: dict[str, str]) -> list[str]:
        pool = at(0, PoolObserved, class_name="QueuePool", size=1, max_overflow=0, timeout_s=1.0, **settings)
        found = trace(
            pool,
            at(1, ConnectionCheckedOut, slot=1),
            at(2, ConnectionReset, slot=1, status="in transaction"),
            at(3, ConnectionCheckedIn, slot=1),
        )
        return [f"{ending.command} {ending.end_ms}" for ending in found.requests[0].endings]

    assert endings({}) == ["reset 3.0"]
    assert endings({"reset_on_return": "none"}) == []


def test_occupancy_is_what_was_open_held_and_asked_for() -> None:
    found = trace(
        POOL,
        at(0, RequestStarted, key="k"),
        at(1, ConnectionRequested, asked=1),
        at(1, ConnectingStarted, asked=1),
        at(2, ConnectionOpened, asked=1, slot=1),
        at(2, ConnectionCheckedOut, asked=1, slot=1),
        at(3, ConnectionRequested, asked=2),
        at(3, ConnectingStarted, asked=2),
        at(4, ConnectionOpened, asked=2, slot=2),
        at(4, ConnectionCheckedOut, asked=2, slot=2),
        at(5, ConnectionRequested, asked=3),
        at(6, ConnectionRequested, asked=4),
        at(7, ConnectionRefused, asked=4, error="TimeoutError", timed_out=True),
        at(8, ConnectionCheckedIn, slot=1),
        at(8, ConnectionCheckedOut, asked=3, slot=1),
        at(9, ConnectionCheckedIn, slot=2),
        at(9, ConnectionClosed, slot=2),
        at(10, ConnectionCheckedIn, slot=1),
    )
    steps = [(each.at_ms, each.checked_out, each.overflow, each.waiting, each.idle) for each in occupancy(found)]
    assert steps == [
        (2, 1, 0, 0, 0),
        (4, 2, 1, 0, 0),
        (5, 2, 1, 1, 0),
        (6, 2, 1, 2, 0),
        (7, 2, 1, 1, 0),
        (8, 2, 1, 0, 0),
        (9, 1, 0, 0, 0),
        (10, 0, 0, 0, 1),
    ]


def test_objects_and_what_moved_them() -> None:
    one, other = object_lives(recorded("lock_wait"), "request 1")
    assert [(stay.state, stay.expired, stay.cause) for stay in one.stays] == [
        ("persistent", False, "query"),
        ("persistent", True, "commit"),
        ("detached", True, "close"),
    ]
    assert (one.key, other.key, one.stays[-1].ended_by) == ("1", "6", "collected")
    assert object_lives(recorded("lock_wait"), "request 2") == ()


def test_a_session_of_two_requests_stands_in_both() -> None:
    found = trace(
        at(0, RequestStarted, key="k"),
        at(0, RequestStarted, key="k", request="q"),
        at(1, SessionCreated, session="S1"),
        at(2, SessionBegan, session="S1", request="q"),
        at(3, SessionEnded, session="S1", outcome="closed", request="q"),
        at(4, SessionClosed, session="S1"),
    )
    one, other = found.requests
    assert (one.sessions[0].created_ms, one.sessions[0].closed_ms, one.sessions[0].transactions) == (1, 4, ())
    assert (other.sessions[0].created_ms, len(other.sessions[0].transactions)) == (None, 1)
