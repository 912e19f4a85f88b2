"""Which rows a query read, where it asks for some of them only, or asks several tables."""

from __future__ import annotations

import pytest

from simulator.anomalies.recover.observations import observe
from simulator.history.schedule import History
from tests.histories.checker.builder import Played
from tests.notation import edges, silence

TWO = {1: (1, 100), 2: (2, 20)}
RICH = {"balance >= 60": lambda _, balance: balance >= 60}
ADD_RICH = "INSERT INTO account (id, balance) VALUES (3, 80)"
JOIN = "SELECT account.balance FROM account JOIN other ON other.id = account.id WHERE account.id = 1"
#: as the observer would be asked: no row of `other` ever takes part
JOINED = 'EXISTS(SELECT 1 FROM other WHERE other.id = "account".id AND "account".id = 1)'


def limited(limit: int, *rows: tuple[int], change: str, **changes: tuple[int, int] | None) -> History:
    """T1 asks for so many of the rich rows, then T2 changes something."""
    run = Played(TWO, conditions=RICH)
    run.step("T1", f"SELECT id FROM account WHERE balance >= 60 ORDER BY id LIMIT {limit}", *rows)
    return run.step("T2", change, tag="UPDATE 1").commit("T2", **changes).commit("T1").history()


def test_a_limit_that_left_no_row_out_is_none() -> None:
    assert edges(limited(2, (1,), change=ADD_RICH, r3=(3, 80))) == {("T1", "rw", "T2")}
    change = "UPDATE account SET balance = 70 WHERE id = 1"
    assert edges(limited(1, (1,), change=change, r1=(1, 70))) == {("T1", "rw", "T2")}


def test_which_rows_a_limit_did_not_look_at_is_not_guessed() -> None:
    assert "some of the rows" in silence(limited(1, (1,), change=ADD_RICH, r3=(3, 80)))
    change = "UPDATE account SET balance = 60 WHERE id = 2"
    run = Played({1: (1, 100), 2: (2, 90)}, conditions=RICH).step(
        "T1", "SELECT id FROM account WHERE balance >= 60 LIMIT 1", (1,)
    )
    assert "some of the rows" in silence(
        run.step("T2", change, tag="UPDATE 1").commit("T2", r2=(2, 60)).commit("T1").history()
    )


def test_a_limit_on_a_key_is_a_read_by_key() -> None:
    run = Played(TWO).step("T1", "SELECT balance FROM account WHERE id = 1 LIMIT 1", (100,))
    run.step("T2", "UPDATE account SET balance = 5 WHERE id = 1", tag="UPDATE 1").commit("T2", r1=(1, 5))
    assert edges(run.commit("T1").history()) == {("T1", "rw", "T2")}


def joined(*rows: tuple[int], matches: bool, written: str = "account") -> Played:
    run = Played(
        TWO,
        conditions={JOINED: lambda key, _: matches and key == 1},
        answers={JOIN: lambda rows: tuple((balance,) for key, balance in rows if matches and key == 1)},
        beside=("other",),
    )
    run.step("T1", JOIN, *rows)
    change = f"UPDATE {written} SET balance = 5 WHERE id = 1"
    return run.step("T2", change, tag="UPDATE 1").commit("T2", r1=(1, 5))


def test_a_join_with_a_table_that_does_not_change_is_a_read_of_the_one_that_does() -> None:
    assert edges(joined((100,), matches=True).commit("T1").history()) == {("T1", "rw", "T2")}
    assert edges(joined(matches=False).commit("T1").history()) == set()


def test_a_join_is_verified_by_the_observers_answer() -> None:
    assert "no committed state" in silence(joined((77,), matches=True).commit("T1").history())


def test_where_both_tables_of_a_join_change_there_is_no_verdict() -> None:
    run = joined((100,), matches=True)
    run.alone("T3", "INSERT INTO other (id) VALUES (1); DELETE FROM other", tag="DELETE 1")
    assert "tables that change" in silence(run.commit("T1").history())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT balance FROM account LEFT JOIN other ON other.id = account.id",
        "SELECT a.balance FROM account a, account b",
        "SELECT DISTINCT ON (balance) id FROM account",
        "SELECT id FROM account ORDER BY id OFFSET 1",
        "WITH rich AS (SELECT id FROM account LIMIT 1) SELECT id FROM rich",
    ],
)
def test_what_cannot_be_followed_is_no_read_of_what_does_not_change(sql: str) -> None:
    run = Played(TWO, beside=("other",)).step("T1", sql, (1,)).commit("T1")
    assert edges(run.history()) == set()
    run = Played(TWO, beside=("other",)).step("T1", sql, (1,))
    run.step("T2", "UPDATE account SET balance = 5 WHERE id = 1", tag="UPDATE 1").commit("T2", r1=(1, 5))
    assert "tables that change" in silence(run.commit("T1").history())


@pytest.mark.parametrize(("balance", "read"), [(5, True), (70, False)])
def test_exists_reads_which_rows_match_and_not_what_is_in_them(balance: int, read: bool) -> None:
    exists = "SELECT EXISTS(SELECT 1 FROM account WHERE balance >= 60)"
    answers = {exists: lambda rows: ((any(balance >= 60 for _, balance in rows),),)}
    run = Played(TWO, conditions=RICH, answers=answers).step("T1", exists, (True,))
    run.step("T2", f"UPDATE account SET balance = {balance} WHERE id = 1", tag="UPDATE 1")
    run.commit("T2", r1=(1, balance)).commit("T1")
    assert edges(run.history()) == ({("T1", "rw", "T2")} if read else set())


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO other (id) SELECT id FROM account",
        "UPDATE other SET id = (SELECT max(id) FROM account)",
        "DELETE FROM other WHERE id IN (SELECT id FROM account)",
        "DELETE FROM other USING account WHERE account.id = other.id",
    ],
)
def test_what_a_write_read_of_another_table_that_changes_is_not_guessed(sql: str) -> None:
    run = Played(TWO, beside=("other",)).step("T1", sql, tag="UPDATE 0")
    run.step("T2", "UPDATE account SET balance = 5 WHERE id = 1", tag="UPDATE 1").commit("T2", r1=(1, 5))
    assert "tables that change" in silence(run.commit("T1").history())


def test_a_table_without_a_key_matters_only_to_who_reads_it() -> None:
    insert = "INSERT INTO account (id, balance) VALUES (3, 1)"
    run = Played(TWO, keyed=False).step("T1", insert, tag="INSERT 0 1").commit("T1", r3=(3, 1))
    assert observe(run.history()).committed == ("T1",)
    run.step("T2", "SELECT * FROM account", (1, 100), (2, 20), (3, 1)).commit("T2")
    assert "no primary key" in silence(run.history())
