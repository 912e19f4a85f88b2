"""Every edge and every verdict has its words."""

from __future__ import annotations

import string

import pytest

from simulator.anomalies.checker import check, judge
from simulator.anomalies.dependencies import dependencies
from simulator.anomalies.explain import _EDGES, explain_anomaly, explain_edge, explain_order, explain_verdict, title
from simulator.anomalies.phenomena import PHENOMENA
from simulator.anomalies.types import Dependency, DependencyKind, Evidence, Verdict
from simulator.i18n import Text
from tests.histories.checker.builder import Played
from tests.notation import read_notation

WR, RW = DependencyKind.WR, DependencyKind.RW


@pytest.mark.parametrize(
    ("history", "sentence"),
    [
        ("w1(x=5) c1 w2(x=7) c2", "T2 overwrote value 5 of x, which T1 had written, with 7"),
        ("w1(x=5) c1 w2(x=5) c2", "T2 wrote x after T1"),
        ("w1(x) c1 d2(x) c2", "T2 deleted x, which T1 had written"),
        ("d1(x) c1 w2(x) c2", "T2 inserted x again, which T1 had deleted"),
        ("w1(x=5) c1 r2(x1) c2", "T2 read value 5 of x, which T1 had written"),
        ("r1(x0) w2(x=7) c2 c1", "T1 read value NULL of x, which T2 overwrote with 7"),
        ("r1(x0) w2(x) c2 c1", "T1 read x, which T2 then wrote"),
        ("r1(x0) d2(x) c2 c1", "T1 read x, which T2 deleted"),
        (
            "r1(P) w2(x=7) in P c2 c1",
            "T1 asked for the rows of P before T2 changed value of x from NULL to 7, so that it matches",
        ),
        (
            "r1(P: | x0) w2(x=7) out P c2 c1",
            "T1 asked for the rows of P before T2 changed value of x from NULL to 7, so that it no longer matches",
        ),
        ("r1(P) d2(x) out P c2 c1", "T1 asked for the rows of P while x was still there, which T2 deleted"),
        (
            "w1(x=7) out P c1 r2(P) c2",
            "T2 asked for the rows of P and no longer found x, whose value T1 had changed from NULL to 7",
        ),
        ("d1(x) out P c1 r2(P) c2", "T2 asked for the rows of P and no longer found x, which T1 had deleted"),
        (
            "w1(x=7) in P c1 r2(P) c2",
            "T2 asked for the rows of P and found x, whose value T1 had changed from NULL to 7",
        ),
    ],
)
def test_what_was_seen(history: str, sentence: str) -> None:
    (edge,) = dependencies(read_notation(history))
    assert str(explain_edge(edge)) == f"{sentence}: {edge.source} must come before {edge.target}."


@pytest.mark.parametrize("key", _EDGES)
def test_every_kind_of_edge_can_be_explained(key: tuple[DependencyKind, bool, str]) -> None:
    kind, predicate, shape = key
    entered = shape.startswith("entered")
    whole = shape.endswith("whole")
    evidence = Evidence(
        "account WHERE balance > 0" if predicate else "account 1",
        "balance",
        100,
        100 if shape.endswith("same") else 50,
        row="account 1" if predicate else None,
        entered=entered,
        created=shape == "created" or (whole and entered),
        deleted=shape == "deleted" or (whole and not entered),
    )
    sentence = str(explain_edge(Dependency("T1", "T2", kind, evidence, predicate)))
    assert "account 1" in sentence
    assert sentence.endswith("T1 must come before T2.")
    fields = {name for _, name, _, _ in string.Formatter().parse(_EDGES[key]) if name}
    assert {"source", "target"} <= fields <= {"source", "target", "row", "predicate", "column", "before", "after"}


def test_a_row_that_was_written_with_what_it_was_has_not_changed() -> None:
    for way in (WR, RW):
        for entered in (True, False):
            evidence = Evidence("t WHERE ctid = '(0,1)'", "id", 1, 1, row="t 1", entered=entered)
            sentence = str(explain_edge(Dependency("T1", "T2", way, evidence, predicate=True)))
            assert "changed" not in sentence


def test_inserted_rows_are_said_to_be_inserted() -> None:
    rows = {1: (1, 100)}
    run = Played(rows).step("T1", "SELECT * FROM account", (1, 100))
    run.step("T2", "INSERT INTO account VALUES (2, 5)", tag="INSERT 0 1").commit("T2", r2=(2, 5))
    run.step("T1", "SELECT * FROM account", (1, 100), (2, 5)).commit("T1")
    assert tuple(map(str, explain_verdict(check(run.history())))) == (
        "Phantom (PMP): T1 must come before T2, and T2 before T1: no serial order explains what was seen.",
        "T1 asked for the rows of account and did not see account 2, which T2 inserted: T1 must come before T2.",
        "T1 read account 2, which T2 had inserted: T2 must come before T1.",
    )


def test_values_are_written_as_in_sql() -> None:
    edge = Dependency("T1", "T2", DependencyKind.RW, Evidence("doctors 1", "on_call", True, None))
    assert str(explain_edge(edge)).startswith("T1 read on_call true of doctors 1, which T2 overwrote with NULL")


def test_a_cycle_of_three_names_all() -> None:
    (anomaly,) = judge(read_notation("r2(x0) r2(y0) r1(y0) w1(y) c1 r3(x0) r3(y1) c3 w2(x) c2")).anomalies
    headline, *edges = map(str, explain_anomaly(anomaly))
    assert headline.startswith("Read-only anomaly: each of T2, T1, T3 must come before the next")
    assert len(edges) == 3


@pytest.mark.parametrize(
    ("history", "headline"),
    [
        ("w1(x=5) r2(x1) a1 c2", "Aborted read (G1a): T2 read x as T1 had written it, and T1 never committed."),
        (
            "w1(x=5) r2(x1.1) w1(x=6) c1 c2",
            "Intermediate read (G1b): T2 read x as T1 had written it, before T1 was done with it.",
        ),
    ],
)
def test_dirty_reads(history: str, headline: str) -> None:
    assert str(explain_verdict(judge(read_notation(history)))[0]) == headline


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        ((), "Nothing was committed."),
        (("T1",), "Only T1 committed."),
        (("T1", "T2"), "As if T1 ran first, then T2."),
        (("T1", "T3", "T2"), "As if they ran one after the other: T1, T3, T2."),
    ],
)
def test_serial_orders(order: tuple[str, ...], sentence: str) -> None:
    assert str(explain_order(order)) == sentence
    assert explain_verdict(Verdict(serial_order=order)) == (explain_order(order),)


def test_no_verdict_carries_its_reason() -> None:
    (sentence,) = explain_verdict(Verdict(no_verdict=Text("The table has no key.")))
    assert str(sentence) == "The graph cannot tell: The table has no key."


def test_every_name_has_a_title() -> None:
    titles = {phenomenon.name: str(title(phenomenon.name)) for phenomenon in PHENOMENA}
    assert titles["P4"] == "Lost update (P4)"
    assert titles["long fork"] == "Long fork"
    assert len(set(titles.values())) == len(PHENOMENA)
