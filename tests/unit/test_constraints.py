"""What the server reads by itself, for keys and where a table has code of its own."""

from __future__ import annotations

import pytest

from simulator.anomalies.checker import check
from simulator.history.schedule import ForeignKey, TableRules
from tests.histories.checker.builder import RR, Played
from tests.notation import edges, silence

#: `balance` is unique beside the key
UNIQUE = TableRules(unique=(("balance",),))
#: `balance` names a parent row of the same table
TREE = TableRules(foreign_keys=(ForeignKey(("balance",), "account", ("id",)),))
TWO = {1: (1, 100), 2: (2, 20)}


def test_who_takes_a_unique_value_comes_after_who_gave_it_up() -> None:
    run = Played(TWO, rules=UNIQUE).step("T1", "DELETE FROM account WHERE id = 1", tag="DELETE 1").commit("T1", r1=None)
    run.step("T2", "INSERT INTO account (id, balance) VALUES (3, 100)", tag="INSERT 0 1").commit("T2", r3=(3, 100))
    (edge,) = check(run.history()).dependencies
    assert (edge.source, edge.kind, edge.target, edge.predicate) == ("T1", "wr", "T2", True)
    assert (edge.evidence.item, edge.evidence.row, edge.evidence.deleted) == (
        "account WHERE balance = 100",
        "account 1",
        True,
    )


def test_an_update_gives_up_and_takes_as_well() -> None:
    run = Played(TWO, rules=UNIQUE).step("T1", "UPDATE account SET balance = 7 WHERE id = 1", tag="UPDATE 1")
    run.commit("T1", r1=(1, 7)).step("T2", "UPDATE account SET balance = 100 WHERE id = 2", tag="UPDATE 1")
    assert edges(run.commit("T2", r2=(2, 100)).history()) == {("T1", "wr", "T2")}


def test_values_that_nobody_gave_up_and_nulls_are_in_nobodys_way() -> None:
    run = Played({1: (1, None), 2: (2, 20)}, rules=UNIQUE)
    run.step("T1", "DELETE FROM account WHERE id = 1", tag="DELETE 1").commit("T1", r1=None)
    run.step("T2", "INSERT INTO account (id, balance) VALUES (3, NULL), (4, 5)", tag="INSERT 0 2")
    assert edges(run.commit("T2", r3=(3, None), r4=(4, 5)).history()) == set()


def test_who_refers_to_a_row_comes_after_who_made_it() -> None:
    run = Played(TWO, rules=TREE).step("T1", "INSERT INTO account (id, balance) VALUES (3, 1)", tag="INSERT 0 1")
    run.commit("T1", r3=(3, 1)).step("T2", "UPDATE account SET balance = 3 WHERE id = 2", tag="UPDATE 1")
    assert edges(run.commit("T2", r2=(2, 3)).history()) == {("T1", "wr", "T2")}


def test_who_takes_a_parent_away_comes_after_who_took_its_child_away() -> None:
    run = Played({1: (1, None), 2: (2, 1)}, rules=TREE).step("T1", "DELETE FROM account WHERE id = 2", tag="DELETE 1")
    run.commit("T1", r2=None).step("T2", "DELETE FROM account WHERE id = 1", tag="DELETE 1")
    assert edges(run.commit("T2", r1=None).history()) == {("T1", "wr", "T2")}


def test_a_key_that_closes_a_cycle_is_an_anomaly_and_not_safe() -> None:
    """T2 had read the row before T1 took it away, and then took its unique value: no serial order does both."""
    run = Played(TWO, rules=UNIQUE).step("T2", "SELECT balance FROM account WHERE id = 1", (100,))
    run.step("T1", "DELETE FROM account WHERE id = 1", tag="DELETE 1").commit("T1", r1=None)
    run.step("T2", "INSERT INTO account (id, balance) VALUES (3, 100)", tag="INSERT 0 1").commit("T2", r3=(3, 100))
    verdict = check(run.history())
    assert verdict.serial_order is None
    assert {(edge.source, edge.target) for edge in verdict.anomalies[0].cycle} == {("T1", "T2"), ("T2", "T1")}


def test_an_index_that_cannot_be_followed_gives_no_verdict_only_where_a_row_made_room() -> None:
    rules = TableRules(hidden=("index",))

    def run() -> Played:
        return Played(TWO, rules=rules).step("T1", "DELETE FROM account WHERE id = 1", tag="DELETE 1")

    insert = "INSERT INTO account (id, balance) VALUES (3, 100)"
    both = run().commit("T1", r1=None).step("T2", insert, tag="INSERT 0 1").commit("T2", r3=(3, 100))
    assert "an index that cannot be followed" in silence(both.history())
    apart = run().step("T2", insert, tag="INSERT 0 1").commit("T2", r3=(3, 100)).commit("T1", r1=None)
    assert edges(apart.history()) == set()


@pytest.mark.parametrize(
    ("hidden", "reads", "writes"),
    [("trigger", True, False), ("function", True, False), ("policy", False, False), ("rule", False, False)],
)
def test_code_that_no_statement_shows_gives_no_verdict(hidden: str, reads: bool, writes: bool) -> None:
    read = Played(TWO, rules=TableRules(hidden=(hidden,))).step("T1", "SELECT id FROM account WHERE id = 1", (1,))
    write = Played(TWO, rules=TableRules(hidden=(hidden,))).step(
        "T1", "UPDATE account SET balance = 7 WHERE id = 1", tag="UPDATE 1"
    )
    for history, followed in ((read.commit("T1").history(), reads), (write.commit("T1", r1=(1, 7)).history(), writes)):
        assert (check(history).no_verdict is None) is followed


# What INSERT ... ON CONFLICT met


def test_a_row_that_was_in_the_way_was_read() -> None:
    """PostgreSQL 18 commits this at SERIALIZABLE: T1's first INSERT met the row that T2 deleted, its second did not."""
    insert = "INSERT INTO account (id, balance) VALUES (1, {}) ON CONFLICT (id) DO NOTHING"
    conflict = {'"id" = 1': lambda key, _: key == 1}
    run = Played(TWO, RR, conditions=conflict).step("T1", insert.format(15), tag="INSERT 0 0")
    run.step("T2", "DELETE FROM account WHERE id = 1", tag="DELETE 1").commit("T2", r1=None)
    run.step("T1", insert.format(25), tag="INSERT 0 1").commit("T1", r1=(1, 25))
    verdict = check(run.history())
    assert verdict.serial_order is None
    assert [anomaly.transactions for anomaly in verdict.anomalies] == [("T1", "T2")]


@pytest.mark.parametrize("values", ["(1, 7)", "(1, 7), (3, 7)"])
def test_without_a_target_the_primary_key_is_what_could_be_in_the_way(values: str) -> None:
    tag = f"INSERT 0 {values.count('(') - 1}"
    changes = {"r3": (3, 7)} if "3" in values else {}
    run = Played(TWO, rules=TableRules()).step(
        "T1", f"INSERT INTO account VALUES {values} ON CONFLICT DO NOTHING", tag=tag
    )
    run.step("T2", "DELETE FROM account WHERE id = 1", tag="DELETE 1").commit("T2", r1=None).commit("T1", **changes)
    assert edges(run.history()) == {("T1", "rw", "T2")}


@pytest.mark.parametrize("rules", [None, UNIQUE, TableRules(hidden=("index",))])
def test_where_another_key_could_be_in_the_way_there_is_no_verdict(rules: TableRules | None) -> None:
    run = Played(TWO, rules=rules)
    run.step("T1", "INSERT INTO account VALUES (1, 7) ON CONFLICT DO NOTHING", tag="INSERT 0 0").commit("T1")
    assert "more than one unique key" in silence(run.history())


@pytest.mark.parametrize(("values", "tag"), [("(1, 7)", "INSERT 0 1"), ("(3, 7)", "INSERT 0 0")])
def test_a_count_that_the_states_do_not_explain_gives_no_verdict(values: str, tag: str) -> None:
    run = Played(TWO, rules=TableRules())
    run.step("T1", f"INSERT INTO account VALUES {values} ON CONFLICT DO NOTHING", tag=tag)
    run.commit("T1", r2=(2, 20))
    assert "no committed state explains" in silence(run.history())


def test_a_row_that_was_inserted_anew_is_seen_beside_the_one_that_another_deleted() -> None:
    """One snapshot shows the same primary key twice."""
    run = Played(TWO, RR).step("T2", "SELECT balance FROM account WHERE id = 2", (20,))
    run.step("T1", "DELETE FROM account WHERE id = 1", tag="DELETE 1").commit("T1", r1=None)
    run.step("T2", "INSERT INTO account (id, balance) VALUES (1, 5)", tag="INSERT 0 1")
    run.step("T2", "SELECT balance FROM account WHERE id = 1", (100,), (5,)).commit("T2", r1=(1, 5))
    assert edges(run.history()) == {("T1", "ww", "T2"), ("T2", "rw", "T1")}
