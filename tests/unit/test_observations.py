"""What a history as PostgreSQL leaves it is taken to mean, and where it is not enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.observations import observe
from simulator.anomalies.versions import SETUP, Item, Observations
from simulator.history.schedule import CommittedStateObserved, History, StatementFinished
from tests.histories.checker.builder import RR, Played

TWO = {1: (1, 100), 2: (2, 20)}
READ_1 = "SELECT balance FROM account WHERE id = 1"
READ_2 = "SELECT balance FROM account WHERE id = 2"
SET_1 = "UPDATE account SET balance = 50 WHERE id = 1"
RICH = {"balance >= 60": lambda _, balance: balance >= 60}
READ_RICH = "SELECT id FROM account WHERE balance >= 60"
COUNT_RICH = "SELECT count(*) FROM account WHERE balance >= 60"
ANSWERS = {
    "SELECT COUNT(*) FROM account WHERE balance >= 60": lambda rows: ((sum(balance >= 60 for _, balance in rows),),)
}


def reads(observations: Observations) -> list[tuple[str, int, str]]:
    """(step, key, writer of the version)"""
    return [(read.step, int(str(read.version.item.key[0])), read.version.writer) for read in observations.reads]


def predicates(observations: Observations) -> list[tuple[str, list[str], list[str]]]:
    """(step, writers of changes seen, writers of changes missed)"""
    return [
        (read.step, [change.after.writer for change in read.seen], [change.after.writer for change in read.missed])
        for read in observations.predicate_reads
    ]


def refusal(history: History) -> str:
    with pytest.raises(NoVerdictError) as caught:
        observe(history)
    return str(caught.value)


# Writes


def test_writes_are_the_difference_of_committed_states() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 1").step("T2", "DELETE FROM account WHERE id = 2", tag="DELETE 1")
    run.commit("T2", r2=None).step("T1", "INSERT INTO account (id, balance) VALUES (3, 7)", tag="INSERT 0 1")
    versions = observe(run.commit("T1", r1=(1, 50), r3=(3, 7)).history()).versions
    assert {
        item.key: [(version.writer, version.values, version.first_step) for version in order]
        for item, order in versions.items()
    } == {
        (2,): [(SETUP, (2, 20), None), ("T2", None, "T2.1")],
        (1,): [(SETUP, (1, 100), None), ("T1", (1, 50), "T1.1")],
        (3,): [(SETUP, None, None), ("T1", (3, 7), "T1.2")],
    }


def test_a_row_that_was_written_back_unchanged_is_a_new_version() -> None:
    run = Played(TWO).step("T1", "UPDATE account SET balance = 100 WHERE id = 1", tag="UPDATE 1")
    run.commit("T1", r1=(1, 100))
    assert [version.writer for version in observe(run.history()).versions[Item("account", (1,))]] == [SETUP, "T1"]


def test_a_row_written_in_a_savepoint_is_of_the_transaction_that_committed() -> None:
    run = Played(TWO).step("T1", "SAVEPOINT s", tag="SAVEPOINT").step("T1", SET_1, tag="UPDATE 1")
    versions = observe(run.commit("T1", xmin=4711, r1=(1, 50)).history()).versions
    assert [version.writer for version in versions[Item("account", (1,))]] == [SETUP, "T1"]


def test_a_row_with_another_transactions_id_has_an_unknown_writer() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 1")
    assert "account 1" in refusal(run.commit("T1", xmin=4711, r1=(1, 50)).history())


def test_the_first_and_the_last_statement_that_wrote_a_row_are_known() -> None:
    run = Played(TWO)
    for _ in range(3):
        run.step("T1", SET_1, tag="UPDATE 1")
    run.step("T1", "UPDATE account SET balance = 5 WHERE id = 2", tag="UPDATE 1")
    version = observe(run.commit("T1", r1=(1, 50), r2=(2, 5)).history()).versions[Item("account", (1,))][-1]
    assert (version.first_step, version.last_step) == ("T1.1", "T1.3")


def test_a_changed_key_is_a_row_that_went_and_one_that_came() -> None:
    run = Played(TWO).step("T1", "UPDATE account SET id = 3 WHERE id = 1", tag="UPDATE 1")
    versions = observe(run.commit("T1", r1=None, r3=(3, 100)).history()).versions
    assert [(order[-1].exists, order[-1].first_step) for order in versions.values()] == [
        (False, "T1.1"),
        (True, "T1.1"),
    ]


# Which state a statement saw


def test_read_committed_sees_the_latest_commit_before_each_statement() -> None:
    run = Played(TWO).step("T1", READ_1, (100,)).step("T2", SET_1, tag="UPDATE 1").step("T1", READ_1, (100,))
    run.commit("T2", r1=(1, 50)).step("T1", READ_1, (50,)).commit("T1")
    assert reads(observe(run.history())) == [("T1.1", 1, SETUP), ("T1.2", 1, SETUP), ("T1.3", 1, "T2")]


def test_repeatable_read_sees_the_latest_commit_before_its_first_snapshot() -> None:
    run = Played(TWO, RR).step("T1", "SET LOCAL lock_timeout = 0", tag="SET")
    run.step("T2", SET_1, tag="UPDATE 1").commit("T2", r1=(1, 50)).step("T1", READ_2, (20,))
    run.step("T3", "UPDATE account SET balance = 0 WHERE id = 1", tag="UPDATE 1").commit("T3", r1=(1, 0))
    run.step("T1", READ_1, (50,)).commit("T1")
    assert reads(observe(run.history())) == [("T1.3", 1, "T2")]


def test_a_deferrable_snapshot_is_taken_after_the_wait() -> None:
    run = Played(TWO, RR).step("T2", SET_1, tag="UPDATE 1").start("T1", READ_1).wait("T1", "a safe snapshot")
    run.commit("T2", r1=(1, 50)).finish("T1", (50,)).commit("T1")
    assert reads(observe(run.history())) == [("T1.1", 1, "T2")]


def test_a_select_that_waited_for_its_table_sees_what_was_committed_meanwhile() -> None:
    run = Played(TWO).step("T2", "LOCK TABLE account", tag="LOCK TABLE").step("T2", SET_1, tag="UPDATE 1")
    run.start("T1", READ_1).wait("T1", "relation account (AccessShareLock)").commit("T2", r1=(1, 50))
    run.finish("T1", (50,)).commit("T1")
    assert reads(observe(run.history())) == [("T1.1", 1, "T2")]


def test_a_waiter_may_be_answered_before_the_commit_that_released_it() -> None:
    run = Played(TWO).step("T2", SET_1, tag="UPDATE 1").start("T1", f"{READ_1} FOR UPDATE").wait("T1")
    run.start("T2", "COMMIT").finish("T1", (50,)).finish("T2", tag="COMMIT").committed("T2", r1=(1, 50))
    run.step("T1", "COMMIT", tag="COMMIT").committed("T1")
    assert reads(observe(run.history())) == [("T1.1", 1, "T2")]


# READ COMMITTED looks again at what it waited for


def rechecked(final: int, *rows: tuple[int]) -> Played:
    run = Played(TWO, conditions=RICH).step("T1", "UPDATE account SET balance = 0 WHERE id = 1", tag="UPDATE 1")
    run.step("T1", "UPDATE account SET balance = 90 WHERE id = 2", tag="UPDATE 1")
    run.start("T2", f"{READ_RICH} FOR UPDATE").wait("T2").commit("T1", r1=(1, final), r2=(2, 90))
    return run.finish("T2", *rows).commit("T2")


def test_a_row_that_still_matches_is_read_in_its_new_version_and_others_are_missed() -> None:
    observations = observe(rechecked(70, (1,)).history())
    assert reads(observations) == [("T2.1", 1, "T1")]
    assert predicates(observations) == [("T2.1", [], ["T1"])]


def test_a_row_that_ceased_to_match_is_left_out_and_that_was_seen() -> None:
    observations = observe(rechecked(0).history())
    assert reads(observations) == []
    assert predicates(observations) == [("T2.1", ["T1"], ["T1"])]


def test_an_update_that_waited_reads_the_new_version_if_it_computes_from_it() -> None:
    for setting, expected in (("balance + 1", [("T2.1", 1, "T1")]), ("51", [])):
        run = Played(TWO).step("T1", SET_1, tag="UPDATE 1")
        run.start("T2", f"UPDATE account SET balance = {setting} WHERE id = 1").wait("T2").commit("T1", r1=(1, 50))
        run.finish("T2", tag="UPDATE 1").commit("T2", r1=(1, 51))
        assert reads(observe(run.history())) == expected


def test_an_insert_looks_at_the_conflict_that_it_waited_for() -> None:
    insert = "INSERT INTO account (id, balance) VALUES (3, 1) ON CONFLICT (id) DO NOTHING"
    run = Played(TWO, conditions={'"id" = 3': lambda key, _: key == 3}).step("T1", insert, tag="INSERT 0 1")
    run.start("T2", insert).wait("T2").commit("T1", r3=(3, 1)).finish("T2", tag="INSERT 0 0").commit("T2")
    assert predicates(observe(run.history())) == [("T2.1", ["T1"], [])]


def test_a_conflict_is_looked_for_among_the_current_rows_at_every_level() -> None:
    insert = (
        "INSERT INTO account (id, balance) VALUES (1, 7) ON CONFLICT (id) DO UPDATE SET balance = account.balance + 1"
    )
    run = Played(TWO, RR, conditions={'"id" = 1': lambda key, _: key == 1}).step("T1", READ_2, (20,))
    run.step("T2", "DELETE FROM account WHERE id = 1", tag="DELETE 1").commit("T2", r1=None)
    observations = observe(run.step("T1", insert, tag="INSERT 0 1").commit("T1", r1=(1, 7)).history())
    assert reads(observations) == []
    assert predicates(observations) == [("T1.2", ["T2"], [])]


@pytest.mark.parametrize(
    ("waiting", "tag"),
    [("SELECT * FROM account WHERE id = 1 FOR UPDATE", "SELECT 0"), (f"{SET_1}", "UPDATE 0")],
)
def test_a_row_that_was_deleted_and_inserted_anew_is_not_the_row_that_was_waited_for(waiting: str, tag: str) -> None:
    run = Played(TWO).step("T1", "DELETE FROM account WHERE id = 1", tag="DELETE 1").start("T2", waiting).wait("T2")
    run.step("T1", "INSERT INTO account (id, balance) VALUES (1, 7)", tag="INSERT 0 1").commit("T1", r1=(1, 7))
    assert "no committed state" in refusal(run.finish("T2", tag=tag).commit("T2").history())


# Predicates


def test_later_changes_of_what_matches_are_missed_and_earlier_ones_seen() -> None:
    run = Played(TWO, conditions=RICH).step("T2", SET_1, tag="UPDATE 1").commit("T2", r1=(1, 50))
    run.step("T1", READ_RICH).step("T3", "INSERT INTO account VALUES (3, 80)", tag="INSERT 0 1")
    run.commit("T3", r3=(3, 80)).commit("T1")
    assert predicates(observe(run.history())) == [("T1.1", ["T2"], ["T3"])]


def test_a_change_of_a_row_that_was_read_is_no_predicate_conflict() -> None:
    run = Played(TWO, conditions=RICH).step("T1", READ_RICH, (1,)).step("T2", SET_1, tag="UPDATE 1")
    observations = observe(run.commit("T2", r1=(1, 50)).commit("T1").history())
    assert reads(observations) == [("T1.1", 1, SETUP)]
    assert predicates(observations) == []


def test_a_row_that_was_missed_and_overwritten_later_was_missed_all_the_same() -> None:
    run = Played(TWO, conditions=RICH).step("T1", READ_RICH, (1,))
    run.step("T2", "INSERT INTO account VALUES (3, 80)", tag="INSERT 0 1").commit("T2", r3=(3, 80))
    run.step("T1", "UPDATE account SET balance = 90 WHERE id = 3", tag="UPDATE 1").commit("T1", r3=(3, 90))
    run.step("T3", "DELETE FROM account WHERE id = 3", tag="DELETE 1").commit("T3", r3=None)
    assert predicates(observe(run.history()))[0] == ("T1.1", [], ["T2"])


def test_the_whole_table_is_a_predicate_too() -> None:
    run = Played(TWO).step("T1", "SELECT * FROM account", (1, 100), (2, 20))
    run.step("T2", "INSERT INTO account VALUES (3, 80)", tag="INSERT 0 1").commit("T2", r3=(3, 80)).commit("T1")
    assert predicates(observe(run.history())) == [("T1.1", [], ["T2"])]


def test_skip_locked_promises_only_the_rows_that_it_returns() -> None:
    claim = "SELECT id FROM account WHERE balance >= 60 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
    run = Played({1: (1, 90), 2: (2, 80)}, conditions=RICH).step("T1", claim, (1,)).step("T2", claim, (2,))
    run.step("T1", "UPDATE account SET balance = 0 WHERE id = 1", tag="UPDATE 1").commit("T1", r1=(1, 0))
    run.step("T2", "UPDATE account SET balance = 0 WHERE id = 2", tag="UPDATE 1").commit("T2", r2=(2, 0))
    observations = observe(run.history())
    assert reads(observations) == [("T1.1", 1, SETUP), ("T2.1", 2, SETUP)]
    assert observations.predicate_reads == ()


# Own writes


def test_rows_that_the_transaction_wrote_itself_give_no_dependency() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 1").step("T1", READ_1, (50,)).step("T1", READ_2, (20,))
    run.step("T2", "UPDATE account SET balance = 0 WHERE id = 2", tag="UPDATE 1").commit("T2", r2=(2, 0))
    run.commit("T1", r1=(1, 50))
    assert reads(observe(run.history())) == [("T1.3", 2, SETUP)]


def test_a_row_read_before_its_own_write_is_read_from_the_committed_state() -> None:
    run = Played(TWO).step("T1", READ_1, (100,)).step("T1", SET_1, tag="UPDATE 1").commit("T1", r1=(1, 50))
    assert reads(observe(run.history())) == [("T1.1", 1, SETUP)]


def test_own_inserts_and_deletes_explain_a_result() -> None:
    run = Played(TWO).step("T1", "INSERT INTO account (id, balance) VALUES (3, 1)", tag="INSERT 0 1")
    run.step("T1", "DELETE FROM account WHERE id = 2", tag="DELETE 1")
    run.step("T1", "SELECT * FROM account", (1, 100), (3, 1)).commit("T1", r2=None, r3=(3, 1))
    assert reads(observe(run.history())) == []


def test_a_row_that_was_inserted_and_deleted_again_leaves_no_trace_but_explains_a_result() -> None:
    run = Played(TWO, conditions={"balance < 60": lambda _, balance: balance < 60})
    run.step("T1", "INSERT INTO account (id, balance) VALUES (3, 1)", tag="INSERT 0 1")
    run.step("T1", "SELECT * FROM account", (1, 100), (2, 20), (3, 1))
    run.step("T1", "DELETE FROM account WHERE balance < 60", tag="DELETE 2").commit("T1", r2=None)
    assert observe(run.history()).committed == ("T1",)


def test_a_cascade_is_a_write_of_some_statement_before() -> None:
    run = Played(TWO).step("T1", "DELETE FROM account WHERE id = 2", tag="DELETE 1")
    run.step("T1", READ_1).commit("T1", r1=None, r2=None)
    version = observe(run.history()).versions[Item("account", (1,))][-1]
    assert (version.exists, version.first_step) == (False, None)


# Verification


def test_rows_that_no_committed_state_holds_are_not_explained() -> None:
    run = Played(TWO).step("T1", READ_1, (77,)).commit("T1")
    assert refusal(run.history()) == "T1.1 returned rows that no committed state explains."


@pytest.mark.parametrize("rows", [(), ((100,), (100,))])
def test_a_row_too_many_or_too_few_is_not_explained(rows: tuple[tuple[int], ...]) -> None:
    assert "no committed state" in refusal(Played(TWO).step("T1", READ_1, *rows).commit("T1").history())


def test_a_computed_result_is_compared_with_the_observers_answer() -> None:
    def run(count: int, asked: bool = True) -> History:
        return (
            Played(TWO, conditions=RICH, answers=ANSWERS if asked else {})
            .step("T1", COUNT_RICH, (count,))
            .step("T2", SET_1, tag="UPDATE 1")
            .commit("T2", r1=(1, 50))
            .commit("T1")
            .history()
        )

    assert reads(observe(run(1))) == [("T1.1", 1, SETUP)]
    assert "no committed state" in refusal(run(2))
    assert "could not be verified" in refusal(run(1, asked=False))


def test_an_update_must_count_the_rows_that_matched() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 2").commit("T1", r1=(1, 50))
    assert "no committed state" in refusal(run.history())


# Dirty reads (no PostgreSQL shows them)


def test_a_value_that_was_written_and_rolled_back_is_an_aborted_read() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 1").step("T2", READ_1, (50,)).abort("T1").commit("T2")
    (read,) = observe(run.history()).reads
    assert (read.version.writer, read.version.final, read.version.last_step) == ("T1", False, "T1.1")


def test_a_value_that_its_writer_overwrote_is_an_intermediate_read() -> None:
    run = Played(TWO).step("T1", "UPDATE account SET balance = balance - 30 WHERE id = 1", tag="UPDATE 1")
    run.step("T2", "SELECT * FROM account", (1, 70), (2, 20)).step("T1", SET_1, tag="UPDATE 1")
    run.commit("T1", r1=(1, 50)).commit("T2")
    dirty = [read.version for read in observe(run.history()).reads if read.transaction == "T2"]
    assert [(version.writer, version.final) for version in dirty] == [("T1", False)]


def test_an_uncommitted_value_that_was_then_committed_is_that_version() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 1").step("T2", READ_1, (50,)).commit("T1", r1=(1, 50)).commit("T2")
    (read,) = observe(run.history()).reads
    assert (read.version.writer, read.version.final) == ("T1", True)


def test_uncommitted_inserts_and_deletes_are_recognised() -> None:
    run = Played(TWO).step("T1", "INSERT INTO account (id, balance) VALUES (3, 5)", tag="INSERT 0 1")
    run.step("T1", "DELETE FROM account WHERE id = 2", tag="DELETE 1")
    run.step("T2", "SELECT * FROM account", (1, 100), (3, 5)).abort("T1").commit("T2")
    versions = {read.version.item.key: read.version for read in observe(run.history()).reads}
    assert {key: (version.writer, version.exists) for key, version in versions.items()} == {
        (2,): ("T1", False),
        (3,): ("T1", True),
    }


def test_a_value_of_a_transaction_that_had_ended_is_not_taken_for_a_dirty_read() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 1").abort("T1").step("T2", READ_1, (50,)).commit("T2")
    assert "no committed state" in refusal(run.history())


# What is missing is said


def test_rows_without_a_primary_key_cannot_be_told_apart() -> None:
    run = Played(TWO, keyed=False).step("T1", SET_1, tag="UPDATE 1").commit("T1", r1=(1, 50))
    assert "no primary key" in refusal(run.history())


def test_a_table_without_a_primary_key_that_nobody_changes_does_not_matter() -> None:
    run = Played(TWO, keyed=False).step("T1", READ_1, (100,)).commit("T1")
    assert observe(run.history()).reads == ()


def test_a_step_that_cannot_be_followed_matters_only_if_its_transaction_committed() -> None:
    run = Played(TWO).step("T1", "TRUNCATE account", tag="TRUNCATE TABLE").step("T2", READ_1, (100,)).commit("T2")
    assert observe(run.abort("T1").history()).committed == ("T2",)
    run = Played(TWO).step("T1", "TRUNCATE account", tag="TRUNCATE TABLE").commit("T1", r1=None, r2=None)
    assert refusal(run.history()).startswith("T1.1 cannot be followed. TRUNCATE")


def test_only_the_last_result_of_a_step_is_kept() -> None:
    run = Played(TWO).step("T1", f"{READ_1}; {READ_2}", (20,)).commit("T1")
    assert "several statements" in refusal(run.history())
    run = Played(TWO).step("T1", f"SAVEPOINT a; {READ_2}", (20,)).commit("T1")
    assert observe(run.history()).committed == ("T1",)


def test_states_must_have_been_observed() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 1").commit("T1", look=False, r1=(1, 50))
    assert "after the commit of T1 was not observed" in refusal(run.history())
    events = tuple(event for event in run.history().events if not isinstance(event, CommittedStateObserved))
    assert "before the first step" in refusal(History(("T1",), events))


def test_two_commits_seen_at_once_cannot_be_told_apart() -> None:
    run = Played(TWO).step("T1", SET_1, tag="UPDATE 1").step("T2", SET_1, tag="UPDATE 1")
    run.commit("T1", look=False, r1=(1, 50)).commit("T2", look=False, r1=(1, 60))
    run._observe("T1")._observe("T2")
    assert "T1 and T2 committed at once" in refusal(run.history())


def test_a_table_that_is_cut_off_gives_no_verdict() -> None:
    history = Played(TWO).step("T1", READ_1, (100,)).commit("T1").history()
    events = tuple(
        replace(event, tables=tuple(replace(table, truncated=True) for table in event.tables))
        if isinstance(event, CommittedStateObserved)
        else event
        for event in history.events
    )
    assert "more rows" in refusal(History(("T1",), events))


def test_a_condition_that_was_not_probed_gives_no_verdict() -> None:
    run = Played(TWO).step("T1", READ_RICH, (1,)).commit("T1")
    assert "balance >= 60" in refusal(run.history())


def test_a_condition_that_became_known_late_is_known_by_the_row_versions() -> None:
    run = Played(TWO).step("T1", READ_2, (20,)).step("T2", SET_1, tag="UPDATE 1")
    run.conditions.update(RICH)
    run._observe(None).commit("T2", r1=(1, 50))
    run.step("T1", "SELECT id FROM account WHERE balance >= :least", parameters=(("least", 60),)).commit("T1")
    assert predicates(observe(run.history())) == [("T1.2", ["T2"], [])]


def test_an_unfinished_statement_and_an_unknown_table_are_no_surprise() -> None:
    run = Played(TWO).step("T1", READ_1, (100,)).start("T2", SET_1).wait("T2").commit("T1")
    assert observe(run.history()).committed == ("T1",)
    run = Played(TWO).step("T1", "SELECT * FROM elsewhere").commit("T1")
    assert "elsewhere" in refusal(run.history())


def test_places_are_where_statements_finished() -> None:
    run = Played(TWO).start("T1", READ_1).step("T2", READ_2, (20,)).finish("T1", (100,)).commit("T1").commit("T2")
    places = observe(run.history()).places
    finished = {event.step: event.seq for event in run.events if isinstance(event, StatementFinished)}
    assert places["T1", "T1.1"] == finished["T1.1"] > places["T2", "T2.1"]
