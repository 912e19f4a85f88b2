"""The score's info: where each statement, wait and arrow stands."""

from __future__ import annotations

import pytest

from simulator.figures.labels import bound, rows_text, short_sql
from simulator.figures.score import plot_score
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


@pytest.mark.parametrize(
    ("sql", "label"),
    [
        ("SELECT balance FROM wallet WHERE id = 1", "SELECT balance"),
        ("select id,\n  balance from wallet for no key update;", "SELECT id, balance for no key update"),
        ("UPDATE wallet w SET balance = balance - 40 WHERE id = 1 RETURNING balance", "UPDATE balance = balance - 40"),
        ("INSERT INTO booking (room, starts) VALUES (5, 10) ON CONFLICT DO NOTHING", "INSERT booking (5, 10)"),
        ("INSERT INTO archive SELECT * FROM booking", "INSERT archive"),
        ("DELETE FROM ONLY test WHERE value = 20", "DELETE test"),
        ("SET LOCAL lock_timeout = '50ms'; UPDATE a SET b = 1", "SET LOCAL lock_timeout = '50ms' …"),
        ("LOCK TABLE wallet IN SHARE MODE", "LOCK TABLE wallet IN SHARE MODE"),
        (";", ""),
    ],
)
def test_a_label_says_what_the_statement_does(sql: str, label: str) -> None:
    assert short_sql(sql) == label


def test_saved_values_are_filled_in_where_their_names_stand() -> None:
    sql = "UPDATE a SET b = :new, t = now()::time WHERE n = :newest"
    assert bound(sql, [("new", 3), ("newest", "O'Hara\\1")]) == (
        "UPDATE a SET b = 3, t = now()::time WHERE n = 'O''Hara\\1'"
    )


@pytest.mark.parametrize(
    ("rows", "text"),
    [([], "no rows"), ([(None,)], "NULL"), ([(1,), (2,)], "1 | 2"), ([("a" * 10,), ("b" * 10,)], "2 rows")],
)
def test_rows_on_one_line(rows: list[tuple[str | int | None, ...]], text: str) -> None:
    assert rows_text(rows) == text


def test_the_picture_is_drawn_with_one_trace_a_category_and_says_when_each_note_became_known() -> None:
    info = score_info(samples.lost_update_refused(), samples.LOST_UPDATE)
    figure = plot_score(info)
    assert [trace.name for trace in figure.data] == ["transaction", "statement", "waits", "skipped"]
    meta = figure.layout.meta
    assert len(meta["notes"]) == len(figure.layout.annotations)
    assert len(meta["shapes"]) == len(figure.layout.shapes)
    since = {note.text: known["since"] for note, known in zip(figure.layout.annotations, meta["notes"], strict=True)}
    assert since["<b>✕ 40001</b>"] == 4
    assert since["waits for T1"] == 3
    assert since["↻ second attempt"] == 6


def test_what_a_statement_says_cannot_become_markup() -> None:
    script = samples.Script("T1").begin("T1").read("T1", sql="SELECT a <b>, c FROM t WHERE a < 3 AND b > '&amp;'")
    figure = plot_score(score_info(script.history(), Schedule(("T1.read",))))
    statement = next(trace for trace in figure.data if trace.name == "statement")
    assert "<b>T1.read</b>" in statement.hovertext[0]
    assert "a &lt;b&gt;, c" in statement.hovertext[0]
    assert "'&amp;amp;'" in statement.hovertext[0]


@pytest.mark.parametrize("history", [History((), ()), History(("T1",), ())])
def test_empty_history_is_an_empty_score(history: History) -> None:
    info = score_info(history, Schedule(()))
    assert (info.marks, info.waits, info.spans) == ((), (), ())
