"""Transactions of one session after another, by what the fake server answers, and what is sent to learn their ids."""

from __future__ import annotations

import pytest

from simulator.execution.message import message
from simulator.history.schedule import (
    History,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepSkipped,
    TransactionBegan,
    TransactionEnded,
)
from simulator.model import Isolation, Outcome, Scenario, Schedule, SessionScript, Step, Variant
from simulator.verdict.run import RunResult, run_scenario
from tests.fake_engine import FakeEngine

READ = "SELECT value FROM item WHERE id = 1"
WRITE = "UPDATE item SET value = 5 WHERE id = 1"
RC, RR = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ


def session(name: str, *texts: str | Step, **options: object) -> SessionScript:
    """Steps called a, b, c ... of these texts."""
    steps = tuple(Step("abcdefghij"[i], name, each) if isinstance(each, str) else each for i, each in enumerate(texts))
    return SessionScript(name, steps, **options)  # type: ignore[arg-type]


def run(*sessions: SessionScript, order: str = "", isolation: Isolation = RC, retry: bool = True) -> RunResult:
    keys = tuple(order.split()) or tuple(step.key for each in sessions for step in each.steps)
    variant = Variant("v", "V", sessions, Schedule(keys), is_fix=False, expectations={})
    scenario = Scenario("fake", "Fake", "isolation", 1, "", "", (variant,))
    return run_scenario(FakeEngine(), scenario, variant, isolation, retry=retry)


def ends(history: History) -> list[tuple[str | None, str]]:
    return [(event.transaction, event.outcome.value) for event in history.events if isinstance(event, TransactionEnded)]


def sent(history: History) -> list[tuple[str | None, str | None]]:
    return [(event.transaction, event.step) for event in history.events if isinstance(event, StatementStarted)]


def test_the_first_step_after_a_commit_begins_the_sessions_next_transaction() -> None:
    history = run(session("T1", READ, "COMMIT", WRITE, "ROLLBACK", READ, "COMMIT")).history
    assert ends(history) == [("T1", "committed"), ("T1:2", "rolled back"), ("T1:3", "committed")]
    began = [event.transaction for event in history.events if isinstance(event, TransactionBegan)]
    assert began == ["T1", "T1:2", "T1:3"]
    assert History.from_json(history.to_json()) == history


def test_a_commit_where_nothing_is_open_is_passed_over_and_begins_nothing() -> None:
    result = run(session("T1", READ, "COMMIT", "COMMIT"))
    assert ends(result.history) == [("T1", "committed")]
    assert [event.step for event in result.history.events if isinstance(event, StepSkipped)] == ["T1.c"]


def test_a_step_of_several_statements_may_end_with_commit_and_its_id_is_known() -> None:
    history = run(session("T1", f"{WRITE}; COMMIT", READ, "COMMIT")).history
    (first, second) = [event for event in history.events if isinstance(event, TransactionEnded)]
    assert (first.transaction, first.outcome, first.xid) == ("T1", "committed", 700)
    assert (second.transaction, second.xid) == ("T1:2", None)
    finished = next(event for event in history.events if isinstance(event, StatementFinished))
    assert (finished.earlier, finished.tag, finished.columns) == (("UPDATE 1",), "COMMIT", ())


def test_what_is_left_of_a_transaction_after_a_conditional_rollback_is_skipped_and_the_next_one_is_not() -> None:
    steps = (
        Step("a", "T1", READ, save="seen"),
        Step("b", "T1", "ROLLBACK", when="seen == 100"),
        Step("c", "T1", WRITE),
        Step("d", "T1", "COMMIT"),
        Step("e", "T1", READ),
        Step("f", "T1", "COMMIT"),
    )
    history = run(session("T1", *steps)).history
    assert ends(history) == [("T1", "rolled back"), ("T1:2", "committed")]
    assert [event.step for event in history.events if isinstance(event, StepSkipped)] == ["T1.c", "T1.d"]


def test_only_the_transaction_that_was_aborted_is_run_again_and_then_what_followed_it() -> None:
    again = session("T1", READ, "COMMIT", READ, "UPDATE item SET value = 7 WHERE id = 1", "COMMIT", READ, "COMMIT")
    other = session("T2", WRITE, "COMMIT")
    result = run(again, other, order="T1.a T1.b T1.c T2.a T2.b T1.d T1.e T1.f T1.g", isolation=RR)
    assert ends(result.history) == [
        ("T1", "committed"),
        ("T2", "committed"),
        ("T1:2", "aborted"),
        ("T1:2#2", "committed"),
        ("T1:3", "committed"),
    ]
    assert [(abort.transaction, abort.retried_as) for abort in result.aborts] == [("T1:2", "T1:2#2")]
    assert [key for name, key in sent(result.history) if name == "T1:2#2"] == ["T1.c", "T1.d", "T1.e"]


def test_a_later_transaction_of_the_session_is_no_second_attempt_at_an_aborted_one() -> None:
    script = session("T1", "BEGIN", "FAIL 23505", "ROLLBACK", READ, autocommit=True)
    result = run(script)
    assert [(abort.transaction, abort.sqlstate, abort.retried_as) for abort in result.aborts] == [("T1", "23505", None)]
    assert ends(result.history) == [("T1", "aborted"), ("T1:2", "committed")]


def test_values_that_a_session_saved_before_survive_the_second_attempt_and_others_may_use_them() -> None:
    first = session("T1", Step("a", "T1", READ, save="seen"), "COMMIT")
    second = session(
        "T2", Step("a", "T2", "UPDATE item SET value = :seen + 1 WHERE id = 2", when="seen == 100"), "COMMIT"
    )
    history = run(first, second).history
    started = [event for event in history.events if isinstance(event, StatementStarted)]
    assert started[2].parameters == (("seen", 100),)


def test_a_step_whose_value_nobody_has_saved_is_skipped_and_says_which() -> None:
    first = session("T1", Step("a", "T1", READ, save="seen"), "COMMIT")
    second = session("T2", "UPDATE item SET value = :seen WHERE id = 2", "COMMIT")
    history = run(first, second, order="T2.a T1.a T1.b T2.b").history
    skipped = [(event.reason, event.detail) for event in history.events if isinstance(event, StepSkipped)]
    assert skipped[0] == ("unsaved", "seen")


def test_a_session_without_begin_commits_each_statement_and_goes_on_after_an_error() -> None:
    script = session("T1", WRITE, "FAIL 23505", READ, autocommit=True)
    result = run(script)
    assert ends(result.history) == [("T1", "committed"), ("T1:2", "aborted"), ("T1:3", "committed")]
    xids = [event.xid for event in result.history.events if isinstance(event, TransactionEnded)]
    assert xids == [700, None, None]


def test_what_concerns_only_the_session_is_no_transaction() -> None:
    history = run(session("T1", "SET a = 1", READ, autocommit=True)).history
    assert sent(history) == [(None, "T1.a"), ("T1", "T1.b")]
    assert ends(history) == [("T1", "committed")]


def test_a_block_in_such_a_session_lasts_until_its_commit() -> None:
    history = run(session("T1", "BEGIN ISOLATION LEVEL SERIALIZABLE", WRITE, READ, "COMMIT", autocommit=True)).history
    assert ends(history) == [("T1", "committed")]
    (began,) = [event for event in history.events if isinstance(event, TransactionBegan)]
    assert began.isolation is Isolation.SERIALIZABLE


def test_a_block_that_a_conflict_aborted_is_run_again_where_nothing_followed_it() -> None:
    block = (
        "SET a = 1",
        "BEGIN ISOLATION LEVEL REPEATABLE READ",
        READ,
        "UPDATE item SET value = 7 WHERE id = 1",
        "COMMIT",
    )
    other = session("T2", WRITE, "COMMIT")
    order = "P.a P.b P.c T2.a T2.b P.d P.e"
    result = run(session("P", *block, autocommit=True), other, order=order)
    assert ends(result.history) == [("T2", "committed"), ("P", "aborted"), ("P#2", "committed")]
    assert [step for name, step in sent(result.history) if name == "P#2"] == ["P.b", "P.c", "P.d", "P.e"]
    followed = run(session("P", *block, READ, autocommit=True), other, order=f"{order} P.f")
    assert ends(followed.history) == [("T2", "committed"), ("P", "aborted"), ("P:2", "committed")]
    assert followed.outcome is Outcome.ABORTED


def test_one_message_may_hold_several_transactions() -> None:
    text = f"{WRITE}; COMMIT; BEGIN; {WRITE}; ROLLBACK; {WRITE}"
    history = run(session("T1", text, autocommit=True)).history
    assert ends(history) == [("T1", "committed"), ("T1:2", "rolled back"), ("T1:3", "committed")]
    assert len(sent(history)) == 1


def test_after_an_error_a_transaction_goes_on_only_where_the_script_goes_back_to_a_savepoint() -> None:
    steps = ("SAVEPOINT s", "FAIL 23505", READ, "ROLLBACK TO s", WRITE, "COMMIT")
    history = run(session("T1", *steps)).history
    failed = [event.sqlstate for event in history.events if isinstance(event, StatementFailed)]
    assert failed == ["23505", "25P02"]
    assert ends(history) == [("T1", "committed")]
    without = run(session("T1", *(text for text in steps if text != "ROLLBACK TO s"))).history
    assert ends(without) == [("T1", "aborted")]
    assert [event.step for event in without.events if isinstance(event, StepSkipped)] == ["T1.c", "T1.d", "T1.e"]


def test_a_commit_of_a_failed_transaction_is_an_abort() -> None:
    steps = (Step("a", "T1", "SAVEPOINT s"), Step("b", "T1", "FAIL 23505"), Step("c", "T1", "COMMIT"))
    never = Step("d", "T1", "ROLLBACK TO s", when="1 > 2")
    result = run(session("T1", steps[0], steps[1], never, steps[2]))
    (abort,) = result.aborts
    assert (abort.sqlstate, abort.step, str(abort.message)) == ("23505", "T1.b", "told to fail")
    assert ends(result.history) == [("T1", "aborted")]


def test_a_session_may_be_left_open_and_is_never_taken_for_committed() -> None:
    result = run(session("T1", WRITE), session("T2", "SELECT value FROM item WHERE id = 2", "COMMIT"))
    assert ends(result.history) == [("T2", "committed"), ("T1", "left open")]
    assert result.outcome is Outcome.SAFE


def test_the_teardown_of_a_session_ends_what_its_steps_left_open() -> None:
    history = run(session("T1", "BEGIN", WRITE, autocommit=True, setup="SET a = 1", teardown="COMMIT")).history
    assert ends(history) == [("T1", "committed")]
    (ended,) = [event for event in history.events if isinstance(event, TransactionEnded)]
    assert (ended.step, ended.xid) == (None, 700)


def test_a_begin_in_a_sessions_setup_begins_its_first_transaction() -> None:
    script = session("T1", WRITE, "COMMIT", autocommit=True, setup="BEGIN ISOLATION LEVEL REPEATABLE READ")
    history = run(script).history
    (began,) = [event for event in history.events if isinstance(event, TransactionBegan)]
    assert (began.isolation, began.step) == (RR, None)
    assert ends(history) == [("T1", "committed")]


@pytest.mark.parametrize(
    ("sql", "in_block", "failed", "text"),
    [
        ("COMMIT", True, False, "Q;COMMIT"),
        ("COMMIT", True, True, "COMMIT"),
        ("UPDATE a; COMMIT -- done", True, False, "UPDATE a; Q;COMMIT -- done"),
        ("ROLLBACK TO s; COMMIT", True, True, "ROLLBACK TO s; Q;COMMIT"),
        ("ROLLBACK", True, False, "ROLLBACK"),
        ("PREPARE TRANSACTION 'x'", True, False, "Q;PREPARE TRANSACTION 'x'"),
        ("SELECT 'COMMIT; x'", True, False, "SELECT 'COMMIT; x'"),
        ("UPDATE a; UPDATE b -- end", False, False, "UPDATE a; UPDATE b -- end\n;Q"),
        ("VACUUM a", False, False, "VACUUM a"),
        ("UPDATE a; VACUUM a", False, False, "UPDATE a; VACUUM a"),
        ("BEGIN; UPDATE a", False, False, "BEGIN; UPDATE a"),
        ("UPDATE a; COMMIT; UPDATE b", False, False, "UPDATE a; Q;COMMIT; UPDATE b\n;Q"),
        ("COMMIT AND CHAIN", True, False, "Q;COMMIT AND CHAIN"),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END", True, False, None),
        ("SELECT 'open", True, False, None),
    ],
)
def test_the_question_for_the_id_stands_before_each_end_and_never_where_it_would_fail(
    sql: str, in_block: bool, failed: bool, text: str | None
) -> None:
    made = message(sql, "Q", in_block=in_block, failed=failed, bound=False)
    assert made.sql == (sql if text is None else text)
    assert len(made.asked) == made.sql.count("Q") - sql.count("Q")
