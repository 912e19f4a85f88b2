"""The score's info: where each statement, wait and arrow stands."""

from __future__ import annotations

import pytest

from simulator.figures.score_info import HEAD, Axis, Range, Status
from simulator.figures.score_reader import score_info
from simulator.history import History, StepResumed
from simulator.model import Schedule
from tests.unit import score_samples as samples


def test_one_mark_a_step_in_schedule_order() -> None:
    info = score_info(samples.lost_update(), samples.LOST_UPDATE)
    assert [mark.step for mark in info.marks] == list(samples.LOST_UPDATE.steps)
    assert [mark.place.steps for mark in info.marks] == [(0, 1), (1, 2), (2, 3), (3, 5), (4, 5), (5, 6)]
    assert [mark.lane for mark in info.marks] == [0, 1, 0, 1, 0, 1]
    assert info.sessions == ("T1", "T2")


def test_labels_are_short_and_carry_what_came_back() -> None:
    info = score_info(samples.lost_update(), samples.LOST_UPDATE)
    assert [(mark.label, mark.result) for mark in info.marks[:3]] == [
        ("SELECT balance", "100"),
        ("SELECT balance", "100"),
        ("UPDATE balance = 120", ""),
    ]
    assert info.marks[2].sql == "UPDATE accounts SET balance = 120 WHERE id = 1"


def test_hatched_part_ends_where_the_statement_resumed() -> None:
    info = score_info(samples.lost_update(), samples.LOST_UPDATE)
    (wait,) = info.waits
    assert (wait.mark, wait.by, wait.known_at) == (3, ("T1",), 3)
    assert wait.place.steps == (3 + HEAD, 5)
    assert info.marks[3].status is Status.WAITS
    assert info.marks[3].settled_at == 4


def test_wait_on_the_time_axis_is_from_blocked_to_resumed() -> None:
    history = samples.lost_update()
    info = score_info(history, samples.LOST_UPDATE)
    at = {type(event).__name__: (event.at_ns - history.events[0].at_ns) / samples.MS for event in history.events}
    assert info.waits[0].place.on(Axis.TIME) == Range(at["StepBlocked"], at["StepResumed"])


def test_arrow_starts_at_the_release_and_ends_at_the_woken_statement() -> None:
    info = score_info(samples.lost_update(), samples.LOST_UPDATE)
    (arrow,) = info.arrows
    commit, woken = info.marks[4], info.marks[3]
    assert (arrow.source_lane, arrow.target_lane, arrow.mark) == (0, 1, 3)
    assert arrow.place.steps == (commit.place.steps.end, woken.place.steps.end)
    assert arrow.place.ms.start == commit.place.ms.end < arrow.place.ms.end < woken.place.ms.end


def test_retries_follow_the_schedule_in_their_sessions_lane() -> None:
    info = score_info(samples.lost_update_refused(), samples.LOST_UPDATE)
    assert info.scheduled == 6
    again = info.marks[info.scheduled :]
    assert [(mark.step, mark.attempt, mark.lane) for mark in again] == [
        ("T2.read", 2, 1),
        ("T2.write", 2, 1),
        ("T2.commit", 2, 1),
    ]
    assert [mark.place.steps for mark in again] == [(6, 7), (7, 8), (8, 9)]
    assert info.marks[5].status is Status.SKIPPED


def test_spans_from_begin_to_end_with_outcome() -> None:
    info = score_info(samples.lost_update_refused(), samples.LOST_UPDATE)
    assert [(span.name, span.place.steps, span.outcome, span.sqlstate, span.known_at) for span in info.spans] == [
        ("T1", (0, 5), "committed", None, 4),
        ("T2", (1, 5), "aborted", "40001", 4),
        ("T2#2", (6, 9), "committed", None, 8),
    ]


def test_failed_statement_keeps_sqlstate_and_message() -> None:
    mark = score_info(samples.lost_update_refused(), samples.LOST_UPDATE).marks[3]
    assert (mark.status, mark.sqlstate, mark.settled_at) == (Status.FAILED, "40001", 4)
    assert mark.detail.startswith("could not serialize access")


def test_cycle_and_closing_step_come_from_the_verdict() -> None:
    info = score_info(samples.lost_update(), samples.LOST_UPDATE, samples.lost_update_verdict())
    assert info.anomaly == "P4"
    assert info.closing == 3
    assert [mark.position for mark in info.marks if mark.in_cycle] == [1, 2, 3]


def test_deadlock_wakes_by_the_victims_statement() -> None:
    info = score_info(samples.deadlock(), samples.DEADLOCK)
    assert [(wait.mark, wait.place.steps) for wait in info.waits] == [(2, (2 + HEAD, 4)), (3, (3 + HEAD, 4))]
    (arrow,) = info.arrows  # the victim was not woken: nothing was released for it
    assert (arrow.mark, arrow.source_lane, arrow.place.steps) == (2, 1, (4, 4))


def test_wait_whose_end_nobody_saw_ends_with_the_answer() -> None:
    events = tuple(event for event in samples.lost_update().events if not isinstance(event, StepResumed))
    info = score_info(History(("T1", "T2"), events), samples.LOST_UPDATE)
    assert info.waits[0].place.ms.end == info.marks[3].place.ms.end
    assert [(arrow.source_lane, arrow.target_lane, arrow.place.steps) for arrow in info.arrows] == [(0, 1, (5, 5))]


def test_queue_moves_up_and_the_blocker_changes() -> None:
    info = score_info(samples.queue(), samples.QUEUE)
    assert [(wait.mark, wait.by, wait.place.steps) for wait in info.waits if wait.mark == 2] == [
        (2, ("T1",), (2 + HEAD, 4)),
        (2, ("T2",), (4, 5)),
    ]


def test_statement_that_still_waits_reaches_to_the_last_step() -> None:
    events = samples.lost_update().events
    cut = next(n for n, event in enumerate(events) if event.step == "T1.commit")
    info = score_info(History(("T1", "T2"), events[:cut]), samples.LOST_UPDATE)
    assert (info.marks[3].status, info.marks[3].settled_at) == (Status.WAITS, None)
    assert info.marks[3].place.steps == (3, 4)
    assert [mark.status for mark in info.marks[4:]] == [Status.SKIPPED, Status.SKIPPED]
    assert info.spans[0].outcome is None


@pytest.mark.parametrize("history", [History((), ()), History(("T1",), ())])
def test_empty_history_is_an_empty_score(history: History) -> None:
    info = score_info(history, Schedule(()))
    assert (info.marks, info.waits, info.spans) == ((), (), ())
