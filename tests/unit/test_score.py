"""The score's info: where each statement, wait and arrow stands."""

from __future__ import annotations

import json

import pytest

from simulator.figures.labels import rows_text
from simulator.figures.score.info import HEAD, Axis, Range, Status
from simulator.figures.score.plot import plot_score
from simulator.figures.score.read import score_info
from simulator.history.schedule import History, StepResumed, TransactionEnded
from simulator.model import Schedule
from simulator.sql.bind import shown
from simulator.sql.label import short_sql
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
        ("accounts 1: balance", "100"),
        ("accounts 1: balance", "100"),
        ("accounts 1: balance = 120", ""),
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


def test_how_a_transaction_ended_that_nobody_committed_or_rolled_back() -> None:
    script = samples.Script("T1", "T2").begin("T1").read("T1").add(TransactionEnded, "T1", outcome="prepared")
    script.begin("T2").read("T2").add(TransactionEnded, "T2", outcome="left open").skip("T2", "late", "unsaved", "seen")
    info = score_info(script.history(), Schedule(("T1.read", "T2.read", "T2.late")))
    assert [span.outcome for span in info.spans] == ["prepared", "left open"]
    assert info.marks[-1].detail == "skipped: seen was not saved"
    assert {"<b>✓?</b>", "<b>…</b>"} <= {note.text for note in samples.checked(plot_score(info)).layout.annotations}


def test_failed_statement_keeps_sqlstate_and_message() -> None:
    mark = score_info(samples.lost_update_refused(), samples.LOST_UPDATE).marks[3]
    assert (mark.status, mark.sqlstate, mark.settled_at) == (Status.FAILED, "40001", 4)
    assert mark.detail.startswith("could not serialize access")


def test_a_pill_tells_what_its_code_means() -> None:
    drawn = samples.checked(plot_score(score_info(samples.lost_update_refused(), samples.LOST_UPDATE)))
    told = {note.text: note.hovertext for note in drawn.layout.annotations}
    assert "must be run again, as a whole" in told["<b>✕ 40001</b>"].replace("<br>", " ")
    assert told["<b>✓</b>"] is None


def test_cycle_and_closing_step_come_from_the_verdict() -> None:
    info = score_info(samples.lost_update(), samples.LOST_UPDATE, samples.lost_update_verdict())
    assert info.anomaly == "P4"
    assert info.closing == 3
    assert [mark.position for mark in info.marks if mark.in_cycle] == [1, 2, 3]


def test_a_circle_that_closed_is_final_with_the_last_commit_of_its_transactions() -> None:
    info = score_info(samples.lost_update(), samples.LOST_UPDATE, samples.lost_update_verdict())
    assert info.final == 5
    drawn = json.loads(plot_score(info).json)["layout"]
    told = {
        note["text"]: since["since"] for note, since in zip(drawn["annotations"], drawn["meta"]["notes"], strict=True)
    }
    assert (told["⚠ Lost update (P4): the circle closes"], told["⚠ final"]) == (4, 5)  # it waits until then
    frames = [
        (shape["line"].get("dash"), since)
        for shape, since in zip(drawn["shapes"], drawn["meta"]["shapes"], strict=True)
    ]
    assert frames == [("dot", 4), (None, 5)] * 3


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
        ("SELECT balance FROM wallet WHERE id = 1", "wallet 1: balance"),
        ("select id,\n  balance from wallet for no key update;", "wallet: id, balance for no key update"),
        ("UPDATE wallet w SET balance = balance - 40 WHERE id = 1 RETURNING balance", "wallet 1: balance − 40"),
        ("INSERT INTO booking (room, starts) VALUES (5, 10) ON CONFLICT DO NOTHING", "INSERT booking (5, 10)"),
        ("INSERT INTO archive SELECT * FROM booking", "INSERT archive"),
        ("DELETE FROM ONLY test WHERE value = 20", "DELETE test (value = 20)"),
        ("UPDATE test SET value = 11 WHERE id = 2", "test 2: value = 11"),
        ("SELECT * FROM test WHERE id IN (1, 2)", "test 1, 2: *"),
        ("SELECT count(*) FROM agent WHERE on_call AND team = 3", "agent (on_call AND team = 3): count(*)"),
        ("SELECT a.x FROM a JOIN b ON a.id = b.id", "SELECT a.x"),
        ("SELECT wallet.balance FROM wallet WHERE wallet.id = %(id_1)s", "SELECT wallet.balance"),
        ("UPDATE wallet SET balance = balance - 80 WHERE id = 1 AND balance >= 80", "wallet 1: balance − 80"),
        ("SELECT 1 FROM (SELECT 2) x", "SELECT 1"),
        ("UPDATE test SET value = 1, n = n + 1 WHERE id = 2", "test 2: value = 1, n + 1"),
        (
            "SELECT id FROM job WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE",
            "job (state = 'queued'): id FOR UPDATE",
        ),
        ("SET LOCAL lock_timeout = '50ms'; UPDATE a SET b = 1", "SET LOCAL lock_timeout = '50ms' …"),
        ("LOCK TABLE wallet IN SHARE MODE", "LOCK TABLE wallet IN SHARE MODE"),
        (";", ""),
    ],
)
def test_a_label_says_what_the_statement_does(sql: str, label: str) -> None:
    assert short_sql(sql) == label


def test_saved_values_are_filled_in_where_their_names_stand() -> None:
    sql = "UPDATE a SET b = :new, t = now()::time WHERE n = :newest"
    assert shown(sql, {"new": 3, "newest": "O'Hara\\1"}) == (
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
    figure = samples.checked(plot_score(info))
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
    figure = samples.checked(plot_score(score_info(script.history(), Schedule(("T1.read",)))))
    statement = next(trace for trace in figure.data if trace.name == "statement")
    assert "<b>T1.read</b>" in statement.hovertext[0]
    assert "a &lt;b&gt;, c" in statement.hovertext[0]
    assert "'&amp;amp;'" in statement.hovertext[0]


def test_what_is_told_of_a_statement_grows_with_what_is_known() -> None:
    drawing = plot_score(score_info(samples.lost_update(), samples.LOST_UPDATE))
    statement = next(trace for trace in json.loads(drawing.json)["data"] if trace["name"] == "statement")
    told = zip(statement["customdata"], statement["hovertext"], strict=True)
    (_position, _label, _result, sent, waits, settled, *_brief), whole = next(each for each in told if each[0][0] == 3)
    assert sent == "<b>T2.write</b><br>UPDATE accounts SET balance = 130 WHERE id = 1"
    assert waits == f"{sent}<br>waits for T1"
    assert settled == 4
    assert whole == f"{sent}<br>6.00 ms"
    assert statement["hovertext"][0].endswith("→ 100<br>1.00 ms")


@pytest.mark.parametrize("history", [History((), ()), History(("T1",), ())])
def test_empty_history_is_an_empty_score(history: History) -> None:
    info = score_info(history, Schedule(()))
    assert (info.marks, info.waits, info.spans) == ((), (), ())


HISTORIES = (samples.lost_update(), samples.lost_update_refused(), samples.queue(), History((), ()))


@pytest.mark.parametrize("axis", list(Axis))
@pytest.mark.parametrize("history", HISTORIES)
def test_what_a_page_sends_is_what_plotly_makes_of_it(history: History, axis: Axis) -> None:
    drawn = plot_score(score_info(history, samples.LOST_UPDATE), axis)
    sent, checked = json.loads(drawn.json), json.loads(samples.checked(drawn).to_json())
    for layout in (sent["layout"], checked["layout"]):
        layout.pop("template")  # an empty one; Plotly writes down that a scatter in it is a scatter
        for name in ("shapes", "annotations"):
            layout.setdefault(name, [])  # Plotly leaves out what is empty
    assert sent == checked
