"""Conditions on saved values, and orders of a schedule."""

from __future__ import annotations

import pytest

from simulator.errors import ScenarioError
from simulator.scenarios import guard, loader, order
from simulator.sql.bind import names
from simulator.sql.words import statements


@pytest.mark.parametrize(
    ("condition", "values", "holds"),
    [
        ("on_call >= 2", {"on_call": 2}, True),
        ("on_call >= 2", {"on_call": 1}, False),
        ("not a == b and a < b", {"a": 1, "b": 2}, True),
        ("a + b >= 200 or a - b < -5", {"a": 100, "b": 99}, False),
        ("1 < a <= 3", {"a": 3}, True),
        ("state == 'open'", {"state": "open"}, True),
        ("state != None", {"state": None}, False),
        ("free", {"free": True}, True),
        ("free", {"free": 0}, False),
    ],
)
def test_a_condition_is_decided_by_the_saved_values(condition, values, holds):
    assert guard.evaluate(condition, values) is holds


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "a >=",
        "a = 1",
        "a; b",
        "import os",
        "open('x')",
        "a.real > 0",
        "a[0] > 0",
        "[x for x in a]",
        "lambda: 1",
        "a * 9999999",
        "a ** a",
        "a if b else c",
        "f'{a}'",
        "a in b",
        "a is None",
        "(a := 1)",
        "b'x' == a",
        "1j == a",
        "... == a",
        "+a > 0",
        "~a",
        "a > 1\x00",
        "a == " + "1" * 300,
        "(" * 150 + "a" + ")" * 40,
        "-" * 190 + "a",
        "a == 1_",
    ],
)
def test_anything_else_is_no_condition(condition):
    with pytest.raises(ScenarioError):
        guard.evaluate(condition + " and a[0]" if condition.startswith("-") else condition, {"a": 1, "b": 2})


def test_a_condition_that_cannot_be_decided_says_why():
    with pytest.raises(ScenarioError, match="'b' is not defined"):
        guard.evaluate("a > b", {"a": 1})
    with pytest.raises(ScenarioError, match="not supported between"):
        guard.evaluate("a > 1", {"a": None})


def test_names_come_in_order_of_first_use():
    assert guard.names("version == seen and updated > 0 and seen > 1") == ("version", "seen", "updated")


@pytest.mark.parametrize(
    ("sql", "used"),
    [
        ("SELECT 1", ()),
        ("UPDATE t SET a = :a + :b WHERE id = :a", ("a", "b")),
        ("SELECT '12:30'::time, a::int FROM t", ()),
        ("SELECT a[1:2], b[lo:hi] FROM t", ()),
        ("SELECT 'see :note', $$ :body $$ -- :remark", ()),
        ("SELECT a[:1], :n::int, E'\\':k'", ("n",)),
        ("SELECT value % 3 = 0 FROM t WHERE id = :id", ("id",)),
    ],
)
def test_names_in_sql_are_those_that_the_session_would_bind(sql, used):
    assert names(sql) == used


def test_statements_are_cut_at_semicolons_outside_of_quotes():
    assert [each.words[0] for each in statements("SELECT ';'; -- ;\n DELETE FROM t; ")] == ["SELECT", "DELETE"]
    assert statements("SELECT 'open") == ()


KEYS = ("T1.read", "T2.read", "T1.write", "T2.write", "T1.commit", "T2.commit")


def test_an_order_may_be_changed_while_each_session_keeps_its_own():
    naive = loader.find("lost_update").variant("naive")
    serial = ("T2.read", "T2.write", "T2.commit", "T1.read", "T1.write", "T1.commit")
    assert order.reorder(naive, serial).steps == serial


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (KEYS[:-1], "leaves out T2.commit"),
        ((), "leaves out T1.read, T1.write"),
        ((*KEYS, "T1.read"), "T1.read stands here a second time"),
        (("T1.write", *KEYS), "T1.write stands before T1.read; a session keeps its own order: read, write, commit"),
        (("T9.read", *KEYS), "There is no session 'T9'; the sessions are T1, T2"),
        (("T1.rest", *KEYS), "T1 has no step 'rest'; its steps are read, write, commit"),
        (("T1", *KEYS), "T1 has no step ''"),
    ],
)
def test_an_order_that_cannot_be_run_says_which_step_is_wrong(keys, sentence):
    with pytest.raises(ScenarioError) as caught:
        order.reorder(loader.find("lost_update").variant("naive"), keys)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "text", ["T1.read T2.read, T1.write", '["T1.read", "T2.read",\n "T1.write"]', " T1.read\nT2.read\n\nT1.write\n"]
)
def test_a_typed_order_is_read_however_it_is_parted(text):
    assert order.parse_order(text) == ("T1.read", "T2.read", "T1.write")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("  ,\n", "is empty"),
        ("T1.read T2", "'T2' is not a step"),
        ("T1.read; DROP", "'DROP' is not a step"),
        ("T1.read " * 201, "at most 200 steps, not 201"),
        ("x" * 20_000, "at most 16384 characters"),
    ],
)
def test_a_typed_order_that_is_none_says_so(text, sentence):
    with pytest.raises(ScenarioError) as caught:
        order.parse_order(text)
    assert sentence in str(caught.value)
