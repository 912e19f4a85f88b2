"""One-line histories: what is read out of them."""

from __future__ import annotations

import pytest

from simulator.anomalies.versions import SETUP, Item
from tests.notation import read_notation


def writers(text: str, name: str) -> list[str]:
    return [version.writer for version in read_notation(text).versions[Item(name, ())]]


def test_versions_stand_in_the_order_of_commits() -> None:
    assert writers("w1(x) w2(x) c2 c1", "x") == [SETUP, "T2", "T1"]


def test_a_version_order_may_be_given() -> None:
    assert writers("w1(x) w2(x) c1 c2 [x0 << x2 << x1]", "x") == [SETUP, "T2", "T1"]


def test_an_aborted_transaction_installs_nothing() -> None:
    assert writers("w1(x) w2(x) a1 c2", "x") == [SETUP, "T2"]
    assert read_notation("w1(x) w2(x) a1 c2").committed == ("T2",)


def test_a_read_names_its_version() -> None:
    (read,) = read_notation("w1(x=5) c1 r2(x1) c2").reads
    assert (read.transaction, read.version.writer, read.version.values) == ("T2", "T1", ("5",))


def test_intermediate_versions_are_not_final() -> None:
    observations = read_notation("w1(x1.1) r2(x1.1) w1(x1.2) r2(x1.2) c1 c2")
    assert [read.version.final for read in observations.reads] == [False, True]


def test_a_delete_leaves_a_dead_version() -> None:
    assert not read_notation("d1(x) c1").versions[Item("x", ())][-1].exists


def test_a_predicate_read_knows_what_it_saw_and_what_it_missed() -> None:
    (before, after) = read_notation("w1(x) out P c1 r2(P: y0) w3(z) in P c3 c2 r4(P: y0 | z3) c4").predicate_reads
    assert [(change.after.writer, change.entered) for change in before.seen] == [("T1", False)]
    assert [(change.after.writer, change.entered) for change in before.missed] == [("T3", True)]
    assert [change.after.writer for change in after.seen] == ["T1", "T3"]
    assert after.missed == ()


def test_rows_that_a_predicate_read_names_are_no_predicate_conflict() -> None:
    (read,) = read_notation("r1(P: x0) w2(x) out P c2 c1").predicate_reads
    assert read.missed == ()


@pytest.mark.parametrize("text", ["r1(x0) c1 nonsense", "w1(x2) c1", "r1(x1) c1", "r1(X-1) c1"])
def test_what_is_no_history_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        read_notation(text)
