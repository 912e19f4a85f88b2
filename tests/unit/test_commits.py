"""Whose a new state is: also where the server told no id, or rows carry a subtransaction's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.anomalies.checker import check
from simulator.anomalies.recover.observations import observe
from simulator.anomalies.versions import SETUP
from simulator.history.schedule import History, RowVersion, TableRules
from simulator.model import Isolation
from tests.histories.checker.builder import RC, RR, Played
from tests.notation import edges, silence

TWO = {1: (1, 100), 2: (2, 20)}
READ_1 = "SELECT balance FROM account WHERE id = 1"
READ_2 = "SELECT balance FROM account WHERE id = 2"
SET_1 = "UPDATE account SET balance = 50 WHERE id = 1"
DELETE_1 = "DELETE FROM account WHERE id = 1"


def writers(history: History) -> dict[object, list[str]]:
    """key -> writers of its versions"""
    versions = observe(history).versions
    return {item.key[0]: [version.writer for version in order] for item, order in versions.items()}


def test_a_statement_outside_of_begin_wrote_what_changed_since_the_last_look() -> None:
    run = Played(TWO).step("T1", READ_1, (100,)).alone("T2", SET_1, tag="UPDATE 1", r1=(1, 50))
    history = run.step("T1", READ_1, (50,)).commit("T1").history()
    assert writers(history) == {1: [SETUP, "T2"]}
    assert edges(history) == {("T1", "rw", "T2"), ("T2", "wr", "T1")}


def test_several_transactions_of_one_session_are_told_apart_by_their_names() -> None:
    run = Played(TWO).alone("T1", SET_1, tag="UPDATE 1", r1=(1, 50)).step("T2", READ_1, (50,))
    run.alone("T1:2", SET_1, tag="UPDATE 1", r1=(1, 50)).step("T2", READ_1, (50,)).commit("T2")
    assert writers(run.history()) == {1: [SETUP, "T1", "T1:2"]}
    assert ("T1", "wr", "T2") in edges(run.history())
    assert check(run.history()).anomalies


@pytest.mark.parametrize("level", [RC, RR])
def test_a_delete_that_waited_is_not_put_down_to_its_blocker(level: Isolation) -> None:
    """The blocker has an id, for it locked a row, but none of its statements could have changed one."""
    run = Played(TWO, level)
    run.step("T1", READ_1, (100,)).step("T1", f"{READ_1} FOR UPDATE", (100,)).start("T2", DELETE_1).wait("T2")
    run.step("T1", "COMMIT", tag="COMMIT").committed("T1", look=False, r1=(1, 100))
    run.rows[1] = RowVersion((1,), 3, (1, 100))  # a lock leaves the row as it was
    run.finish("T2", tag="DELETE 1").committed("T2", known=False, r1=None)
    assert writers(run.history()) == {1: [SETUP, "T2"]}
    assert edges(run.history()) == {("T1", "rw", "T2")}
    assert check(run.history()).serial_order == ("T1", "T2")


def test_two_that_may_have_written_between_two_looks_are_not_told_apart() -> None:
    run = Played(TWO).step("T1", "UPDATE account SET balance = 0 WHERE id = 2", tag="UPDATE 1")
    run.start("T2", DELETE_1).wait("T2", "relation account (RowExclusiveLock)")
    run.commit("T1", look=False, r2=(2, 0)).finish("T2", tag="DELETE 1").committed("T2", known=False, r1=None)
    assert "T1 and T2 committed at once" in silence(run.history())


def test_what_one_transaction_wrote_and_another_took_away_before_anybody_looked_is_not_overlooked() -> None:
    run = Played(TWO).step("T1", "INSERT INTO account (id, balance) VALUES (3, 1)", tag="INSERT 0 1")
    run.start("T2", "DELETE FROM account").wait("T2", "relation account (RowExclusiveLock)")
    run.commit("T1", look=False, r3=(3, 1)).finish("T2", tag="DELETE 3")
    run.committed("T2", known=False, r1=None, r2=None, r3=None)
    assert "committed at once" in silence(run.history())


def test_a_transaction_that_waited_for_a_statement_outside_of_begin_may_be_answered_first() -> None:
    run = Played(TWO).start("T2", SET_1).start("T3", f"{READ_1} FOR UPDATE").wait("T3").finish("T3", (50,))
    run.finish("T2", tag="UPDATE 1").committed("T2", known=False, r1=(1, 50)).commit("T3")
    assert "Whether T2 had committed when T3 went on" in silence(run.history())


def test_who_says_commit_prepared_is_not_the_writer() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 1").step("T1", "PREPARE TRANSACTION 'x'", tag="PREPARE TRANSACTION")
    run.step("T2", READ_1, (100,)).commit("T2").start("T3", "COMMIT PREPARED 'x'")
    run._running["T1"] = run._running["T3"]
    run.committed("T1", r1=(1, 50)).finish("T3", tag="COMMIT PREPARED")
    assert edges(run.history()) == {("T2", "rw", "T1")}


def test_what_a_sessions_setup_or_teardown_did_in_a_transaction_is_not_visible() -> None:
    run = Played(TWO).step("T1", READ_1, (100,)).commit("T1")
    first, *events = run.events
    setup = History(("T1",), (*events[:1], replace(first, seq=2), *(replace(e, seq=e.seq + 1) for e in events[1:])))
    assert "began before the first step" in silence(setup)
    last = replace(events[-1], step=None)
    assert "did last was not seen" in silence(History(("T1",), (first, *events[:-1], last)))


def test_rows_that_change_without_a_writer_give_no_verdict() -> None:
    run = Played(TWO).step("T1", READ_1, (100,)).step("T1", "COMMIT", tag="COMMIT")
    assert "wrote nothing" in silence(run.committed("T1", known=False, r1=(1, 7)).history())


def test_a_missing_id_of_a_statement_and_a_commit_in_one_step_says_nothing() -> None:
    run = Played(TWO).step("T1", f"{SET_1}; COMMIT", tag="COMMIT").committed("T1", known=False, r1=(1, 50))
    assert writers(run.history()) == {1: [SETUP, "T1"]}
    run = Played(TWO).step("T1", f"{SET_1}; COMMIT", tag="COMMIT").committed("T1", look=False)
    assert "after the commit of T1 was not observed" in silence(run.history())


def test_a_look_that_failed_does_not_matter_where_only_one_could_have_written() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 1").commit("T1", look=False, r1=(1, 50))
    run.step("T2", READ_1, (50,)).commit("T2")._observe("T2")
    assert writers(run.history()) == {1: [SETUP, "T1"]}


# Savepoints


def test_what_a_savepoint_took_back_is_no_write_but_what_was_read_in_it_was_read() -> None:
    run = Played(TWO).step("T1", "SAVEPOINT s", tag="SAVEPOINT").step("T1", READ_1, (100,))
    run.step("T1", SET_1, tag="UPDATE 1").step("T1", "ROLLBACK TO s", tag="ROLLBACK").step("T1", READ_1, (100,))
    run.step("T1", "UPDATE account SET balance = 9 WHERE id = 1", tag="UPDATE 1").commit("T1", r1=(1, 9))
    observations = observe(run.history())
    assert [(read.step, read.version.writer) for read in observations.reads] == [("T1.2", SETUP), ("T1.5", SETUP)]
    (order,) = observations.versions.values()
    assert order[-1].first_step == "T1.6"


def test_what_a_statement_saw_of_its_own_that_was_taken_back_later_gives_no_verdict() -> None:
    run = Played(TWO).step("T1", "SAVEPOINT s", tag="SAVEPOINT").step("T1", SET_1, tag="UPDATE 1")
    run.step("T1", READ_1, (50,)).step("T1", "ROLLBACK TO s", tag="ROLLBACK").commit("T1")
    assert silence(run.history()).startswith("T1.3 saw what its own transaction took back")


def test_an_inner_savepoint_ends_with_the_outer_one() -> None:
    run = Played(TWO).step("T1", "SAVEPOINT a", tag="SAVEPOINT").step("T1", "SAVEPOINT b", tag="SAVEPOINT")
    run.step("T1", SET_1, tag="UPDATE 1").step("T1", "RELEASE b", tag="RELEASE")
    run.step("T1", "ROLLBACK TO a", tag="ROLLBACK").step("T2", SET_1, tag="UPDATE 1").commit("T2", r1=(1, 50))
    run.step("T1", READ_1, (50,)).commit("T1")
    assert edges(run.history()) == {("T2", "wr", "T1")}


def test_a_duplicate_that_was_caught_has_read_the_row_that_was_in_the_way() -> None:
    insert = "INSERT INTO account (id, balance) VALUES (1, 7)"
    run = Played(TWO, rules=TableRules()).step("T1", "SAVEPOINT s", tag="SAVEPOINT").fail("T1", insert)
    run.step("T1", "ROLLBACK TO s", tag="ROLLBACK").step("T2", DELETE_1, tag="DELETE 1").commit("T2", r1=None)
    run.step("T1", READ_1).commit("T1")
    assert edges(run.history()) == {("T1", "rw", "T2"), ("T2", "wr", "T1")}


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [(SET_1, "23514"), ("INSERT INTO account (id, balance) VALUES (1, 7), (2, 7)", "23505"), (READ_1, "22012")],
)
def test_any_other_failure_that_was_caught_gives_no_verdict(sql: str, sqlstate: str) -> None:
    run = Played(TWO, rules=TableRules()).step("T1", "SAVEPOINT s", tag="SAVEPOINT").fail("T1", sql, sqlstate)
    run.step("T1", "ROLLBACK TO s", tag="ROLLBACK").commit("T1")
    silence(run.history())
    run = Played(TWO).fail("T1", sql, sqlstate).abort("T1")
    assert observe(run.history()).committed == ()


def test_what_the_server_did_not_look_at_was_no_read() -> None:
    insert = "INSERT INTO account (id, balance) VALUES (1, 7)"
    run = Played(TWO, rules=TableRules()).step("T1", "SAVEPOINT s", tag="SAVEPOINT").fail("T1", insert)
    run.fail("T1", READ_2, "25P02").step("T1", "ROLLBACK TO s", tag="ROLLBACK").commit("T1")
    assert observe(run.history()).committed == ("T1",)


def test_statements_behind_a_commit_in_one_step_give_no_verdict() -> None:
    run = Played(TWO).step("T1", f"COMMIT; {SET_1}", tag="UPDATE 1").committed("T1", known=False, r1=(1, 50))
    assert "behind a COMMIT" in silence(run.history())
