"""The settle rule, on the fake engine: what is blocked, what is a deadlock, what an old answer must not decide."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

import pytest

from simulator.engines.base import Block, SessionConnection
from simulator.errors import RunError
from simulator.execution.lane import EventLog, StillWaiting
from simulator.execution.scheduler import Scheduler
from simulator.history.schedule import (
    StatementFailed,
    StatementFinished,
    StepBlocked,
    StepResumed,
    StepSkipped,
    TransactionEnded,
)
from simulator.model import Isolation, SessionScript, Step
from tests.fake_engine import FakeEngine, FakeRoom


class Stage:
    """A scheduler on a fake room, fed with one-line steps: `T1: UPDATE item SET value = 1 WHERE id = 1`."""

    def __init__(
        self,
        *sessions: str,
        isolation: Isolation = Isolation.READ_COMMITTED,
        room: FakeRoom | None = None,
        seconds: float = 1.0,
    ) -> None:
        self.log = EventLog()
        self.room = room or FakeEngine().create_room((), len(sessions))
        self.scheduler = Scheduler(
            self.room, FakeEngine().capabilities(), isolation, self.log, deadline=time.monotonic() + seconds
        )
        for name in sessions:
            self.scheduler.open(SessionScript(name, ()))

    def play(self, *lines: str, **fields: str) -> None:
        for line in lines:
            session, _, sql = line.partition(": ")
            self.scheduler.issue(Step(f"s{len(self.log.events)}", session, sql, **fields))  # type: ignore[arg-type]

    def of(self, kind: type) -> list[object]:
        return [event for event in self.log.events if isinstance(event, kind)]


def test_a_statement_that_needs_a_row_lock_waits_for_its_holder_and_goes_on_when_it_commits() -> None:
    stage = Stage("T1", "T2")
    stage.play("T1: UPDATE item SET value = 1 WHERE id = 1", "T2: UPDATE item SET value = 2 WHERE id = 1")
    (blocked,) = stage.of(StepBlocked)
    assert (blocked.session, blocked.by) == ("T2", ("T1",))
    stage.play("T1: COMMIT")
    (resumed,) = stage.of(StepResumed)
    assert resumed.session == "T2"
    assert resumed.released_by == stage.of(TransactionEnded)[0].step
    assert not stage.scheduler.waiting()


def test_a_chain_of_waits_settles_because_it_ends_at_an_idle_session() -> None:
    stage = Stage("T1", "T2", "T3")
    stage.play(
        "T1: UPDATE item SET value = 1 WHERE id = 1",
        "T2: UPDATE item SET value = 2 WHERE id = 2",
        "T2: UPDATE item SET value = 2 WHERE id = 1",
        "T3: UPDATE item SET value = 3 WHERE id = 2",
    )
    assert [(event.session, event.by) for event in stage.of(StepBlocked)] == [("T2", ("T1",)), ("T3", ("T2",))]
    stage.play("T1: COMMIT")
    assert [lane.name for lane in stage.scheduler.waiting()] == ["T3"]


def test_a_cycle_of_waits_is_no_block_but_a_deadlock_whose_victim_is_rolled_back_at_once() -> None:
    stage = Stage("T1", "T2")
    stage.play(
        "T1: UPDATE item SET value = 1 WHERE id = 1",
        "T2: UPDATE item SET value = 2 WHERE id = 2",
        "T1: UPDATE item SET value = 1 WHERE id = 2",
        "T2: UPDATE item SET value = 2 WHERE id = 1",
    )
    (failed,) = stage.of(StatementFailed)
    assert (failed.session, failed.sqlstate) == ("T2", "40P01")
    (resumed,) = stage.of(StepResumed)
    assert resumed.session == "T1"
    assert stage.scheduler.lanes["T2"].retryable


def test_a_step_of_a_waiting_session_cannot_be_issued() -> None:
    stage = Stage("T1", "T2")
    stage.play("T1: UPDATE item SET value = 1 WHERE id = 1", "T2: UPDATE item SET value = 2 WHERE id = 1")
    with pytest.raises(StillWaiting) as caught:
        stage.play("T2: COMMIT")
    assert caught.value.lane.name == "T2"


class StaleAnswers(FakeRoom):
    """Its answer to "who blocks?" is as old as the moment before the blocker's reply arrived."""

    def blocks(self, sessions: Collection[SessionConnection]) -> Mapping[str, Block]:
        if any(session.name == "T1" for session in sessions):
            return {"T2": Block(("T1",), "row", since="1")}
        return super().blocks(sessions)


def test_an_answer_older_than_a_reply_is_not_believed() -> None:
    room = StaleAnswers({1: 100}, lambda: None, time.monotonic() + 1)
    stage = Stage("T1", "T2", room=room)
    stage.play("T1: UPDATE item SET value = 1 WHERE id = 1", "T2: UPDATE item SET value = 2 WHERE id = 1")
    # T1's COMMIT answers late: between the look and the next reply T2 seems to wait for a session that is idle.
    room.sessions["T1"].stall(3)
    stage.play("T1: COMMIT")
    assert not stage.scheduler.waiting()
    stage.play("T2: COMMIT")
    assert room.store.rows[1][1] == 2


def test_a_failed_statement_ends_its_transaction_and_later_steps_are_skipped() -> None:
    stage = Stage("T1")
    stage.play("T1: FAIL 23505", "T1: COMMIT")
    (ended,) = stage.of(TransactionEnded)
    assert (ended.outcome, ended.sqlstate) == ("aborted", "23505")
    assert [event.reason for event in stage.of(StepSkipped)] == ["ended"]
    assert not stage.scheduler.lanes["T1"].retryable


def test_a_guard_on_a_saved_value_decides_whether_a_step_is_sent() -> None:
    stage = Stage("T1")
    stage.play("T1: SELECT value FROM item WHERE id = 1", save="seen")
    stage.play("T1: UPDATE item SET value = 0 WHERE id = 1", when="seen > 100")
    stage.play("T1: UPDATE item SET value = :seen + 20 WHERE id = 1", when="seen >= 100")
    stage.play("T1: COMMIT")
    assert [event.detail for event in stage.of(StepSkipped)] == ["seen > 100"]
    assert stage.room.store.rows[1][1] == 120
    assert stage.of(StatementFinished)[0].saved == ("seen", 100)


def test_a_run_that_never_settles_ends_at_its_deadline_and_names_the_statement() -> None:
    stage = Stage("T1", seconds=0.0)
    stage.room.sessions["T1"].stall(10**6)
    with pytest.raises(RunError, match=r"T1 \(T1\.s0\)"):
        stage.play("T1: SELECT value FROM item WHERE id = 1")
