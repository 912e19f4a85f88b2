"""Who waits for whom at each place of a history, and locks in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.history.observed import Lock, SessionSeen
from simulator.history.schedule import (
    AnyEvent,
    History,
    LocksObserved,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    StepResumed,
    TransactionEnded,
)
from simulator.state.locks import Wait, WaitForGraph, lock_object, lock_sentence, wait_for_graph, wanted
from tests.unit.observed import observed

SESSIONS = ("T1", "T2", "T3", "T4")


def history(*events: AnyEvent) -> History:
    return History(SESSIONS, tuple(replace(event, seq=seq) for seq, event in enumerate(events)))


def blocked(session: str, *by: str, lock: str = "transactionid 745 (ShareLock)", inferred: bool = False) -> StepBlocked:
    return StepBlocked(
        seq=0, at_ns=0, session=session, step=f"{session}.x", transaction=session, by=by, lock=lock, inferred=inferred
    )


def event(kind: type, session: str, **fields: object) -> AnyEvent:
    return kind(seq=0, at_ns=0, session=session, step=f"{session}.y", transaction=session, **fields)


def edges(graph: WaitForGraph) -> list[tuple[str, str]]:
    return [(wait.waiter, wait.blocker) for wait in graph.waits]


def last(*events: AnyEvent) -> WaitForGraph:
    return wait_for_graph(history(*events), len(events) - 1)


def test_before_the_first_event_nobody_waits() -> None:
    graph = wait_for_graph(history(blocked("T2", "T1")), -1)
    assert graph == WaitForGraph(SESSIONS)
    assert graph.cycle() == ()
    assert graph.roots() == ()


def test_a_wait_is_an_edge_with_its_lock_in_words_and_its_beginning() -> None:
    (wait,) = last(event(StatementStarted, "T2", sql="x"), blocked("T2", "T1")).waits
    assert wait == Wait("T2", "T1", "T2.x", "transactionid 745 (ShareLock)", since=1)
    assert str(wait.sentence) == "T2 waits for T1: ShareLock on T1's transaction 745"


def test_an_inferred_wait_says_so() -> None:
    (wait,) = last(blocked("T2", "T1", inferred=True)).waits
    assert str(wait.sentence).endswith("(inferred)")


@pytest.mark.parametrize(
    "end",
    [
        event(StepResumed, "T2"),
        event(StatementFinished, "T2", tag="UPDATE 1"),
        event(StatementFailed, "T2", sqlstate="55P03", message="lock timeout"),
        event(TransactionEnded, "T2", outcome="aborted"),
        event(TransactionEnded, "T1", outcome="committed"),
    ],
)
def test_a_wait_ends_with_its_statement_or_with_the_blockers_transaction(end: AnyEvent) -> None:
    assert edges(last(blocked("T2", "T1"), end)) == []


def test_a_sessions_advisory_lock_outlives_its_transaction() -> None:
    lock = "advisory 42 (ExclusiveLock)"
    end = event(TransactionEnded, "T1", outcome="committed")
    assert edges(last(blocked("T2", "T1", lock=lock), end)) == [("T2", "T1")]


def test_a_chain_and_its_root() -> None:
    graph = last(blocked("T2", "T1"), blocked("T3", "T2"), blocked("T4", "T3", "T2"))
    assert graph.chain("T4") == ("T3", "T2", "T1")
    assert graph.blockers("T4") == ("T3", "T2")
    assert graph.roots() == ("T1",)
    assert graph.cycle() == ()


def test_two_who_wait_for_each_other_are_a_cycle() -> None:
    graph = last(blocked("T1", "T2"), blocked("T3", "T1"), blocked("T2", "T1"))
    assert {(wait.waiter, wait.blocker) for wait in graph.cycle()} == {("T1", "T2"), ("T2", "T1")}
    assert graph.chain("T1") == ("T2", "T1")


def test_a_cycle_of_three_is_told_around() -> None:
    cycle = last(blocked("T1", "T2"), blocked("T2", "T3"), blocked("T3", "T1")).cycle()
    assert len(cycle) == 3
    assert all(one.blocker == other.waiter for one, other in zip(cycle, (*cycle[1:], cycle[0]), strict=True))


def test_the_same_wait_for_somebody_else_keeps_what_was_known() -> None:
    graph = last(blocked("T3", "T1", "T2"), blocked("T3", "T2"))
    assert [(wait.blocker, wait.since) for wait in graph.waits] == [("T2", 0)]


def test_a_queue_that_moved_on_is_corrected_by_the_servers_answer() -> None:
    seen = (SessionSeen("T2", 2, "idle in transaction"), SessionSeen("T3", 3, "active", blockers=("T2",)))
    look = LocksObserved(seq=0, at_ns=0, sessions=seen, locks=())
    graph = last(blocked("T2", "T1"), blocked("T3", "T1"), event(StepResumed, "T2"), look)
    assert [(wait.waiter, wait.blocker, wait.since) for wait in graph.waits] == [("T3", "T2", 3)]


def test_a_broken_deadlock_stays_until_the_next_step() -> None:
    stored = observed("deadlock_rc")
    error = next(e for e in stored.events if isinstance(e, StatementFailed))
    closed = [wait_for_graph(stored, seq) for seq in range(error.seq) if wait_for_graph(stored, seq).cycle()]
    assert closed, "the cycle must be seen before the server breaks it"
    assert closed[0].deadlock is None
    graph = wait_for_graph(stored, error.seq)
    assert graph.deadlock is not None
    assert graph.deadlock.victim == error.session
    assert graph.deadlock.waits[0].waiter == error.session
    assert graph.deadlock.waits[-1].blocker == error.session
    assert graph.deadlock.detail == error.detail
    following = next(e.seq for e in stored.events if e.seq > error.seq and isinstance(e, StatementStarted))
    assert wait_for_graph(stored, following - 1).deadlock == graph.deadlock
    assert wait_for_graph(stored, following).deadlock is None
    assert wait_for_graph(stored, len(stored.events) - 1).waits == ()


def test_a_queue_for_a_row_as_it_was_stored() -> None:
    stored = observed("queue_rc")
    second = [e for e in stored.events if isinstance(e, StepBlocked)][1]
    graph = wait_for_graph(stored, second.seq)
    assert edges(graph) == [("T2", "T1"), ("T3", "T2")]
    assert str(graph.waits[1].words) == "ExclusiveLock on a row of budget"


OWN = Lock("T1", "transactionid", "ExclusiveLock", granted=True, xid=745, owner="T1")


@pytest.mark.parametrize(
    ("lock", "sentence"),
    [
        (
            Lock("T2", "relation", "RowExclusiveLock", True, relation="account"),
            "T2 holds RowExclusiveLock on table account",
        ),
        (
            Lock("T2", "transactionid", "ShareLock", False, xid=745, owner="T1"),
            "T2 waits for ShareLock on T1's transaction 745",
        ),
        (Lock("T2", "transactionid", "ShareLock", False, xid=9), "T2 waits for ShareLock on transaction 9"),
        (OWN, "T1 holds ExclusiveLock on its own transaction id 745"),
        (
            Lock("T1", "virtualxid", "ExclusiveLock", True, owner="T1", raw=(("virtualxid", "3/45"),)),
            "T1 holds ExclusiveLock on its own virtual transaction id 3/45",
        ),
        (
            Lock("T2", "tuple", "ExclusiveLock", True, relation="account", page=0, place=1),
            "T2 holds ExclusiveLock on row (0,1) of account",
        ),
        (
            Lock("T2", "page", "SIReadLock", True, relation="account_pkey", page=1),
            "T2 holds SIReadLock on page 1 of account_pkey",
        ),
        (
            Lock("T2", "advisory", "ExclusiveLock", True, raw=(("classid", 0), ("objid", 42), ("objsubid", 1))),
            "T2 holds ExclusiveLock on advisory lock 42",
        ),
        (
            Lock("T2", "advisory", "ShareLock", False, raw=(("classid", 7), ("objid", 4294967295), ("objsubid", 2))),
            "T2 waits for ShareLock on advisory lock 7, -1",
        ),
        (Lock("T2", "object", "AccessShareLock", True), "T2 holds AccessShareLock on object"),
    ],
)
def test_locks_in_words(lock: Lock, sentence: str) -> None:
    assert str(lock_sentence(lock)) == sentence


def test_every_transaction_holds_its_own_id() -> None:
    assert OWN.is_own_id
    assert str(lock_object(OWN)) == "T1's transaction 745"


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ("relation wallet (AccessExclusiveLock)", "AccessExclusiveLock on table wallet"),
        ("advisory 42 (ExclusiveLock)", "ExclusiveLock on advisory lock 42"),
        ("a safe snapshot", "a safe snapshot"),
        ("row 1", "row 1"),
    ],
)
def test_what_is_waited_for_in_words(lock: str, words: str) -> None:
    assert str(wanted(lock, "T1")) == words
