"""Direct conflicts, one kind at a time."""

from __future__ import annotations

import pytest

from simulator.anomalies.dependencies import dependencies, dirty_reads
from tests.notation import read_notation


def edges(text: str) -> list[str]:
    return [
        f"{d.source} {d.kind}{'(P)' if d.predicate else ''} {d.target} {d.evidence.subject}"
        for d in dependencies(read_notation(text))
    ]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("w1(x) c1 w2(x) c2", ["T1 ww T2 x"]),
        ("w1(x) c1 r2(x1) c2", ["T1 wr T2 x"]),
        ("r1(x0) w2(x) c2 c1", ["T1 rw T2 x"]),
        ("r1(P: x0) w2(z) in P c2 c1", ["T1 rw(P) T2 z"]),
        ("r1(P: x0) w2(x) out P c2 c1", ["T1 rw T2 x"]),
        ("w1(z) in P c1 r2(P: z1) c2", ["T1 wr T2 z"]),
        ("w1(x) out P c1 r2(P) c2", ["T1 wr(P) T2 x"]),
        ("w1(z) in P c1 w2(z) c2 r3(P: z2) c3", ["T1 ww T2 z", "T2 wr T3 z", "T1 wr(P) T3 z"]),
    ],
)
def test_each_kind(history: str, expected: list[str]) -> None:
    assert edges(history) == expected


@pytest.mark.parametrize(
    "history",
    [
        "r1(x0) w1(x) r1(x1) c1",  # alone
        "r1(x0) c1 r2(x0) c2",  # reads only
        "w1(x) c1",  # over the initial version
        "r1(x0) w2(x) a2 c1",  # aborted
        "r1(x0) w2(x) c2",  # never ended
        "r1(P: x0) w1(z) in P c1",  # its own change of what matches
        "r1(P: x0) w2(z) c2 c1",  # a write that changes no match
    ],
)
def test_no_conflict(history: str) -> None:
    assert edges(history) == []


def test_only_the_next_version_counts_for_a_row_that_was_read() -> None:
    assert edges("r1(x0) c1 w2(x) c2 w3(x) c3") == ["T2 ww T3 x", "T1 rw T2 x"]


def test_every_later_change_counts_for_a_predicate() -> None:
    assert edges("r1(P) c1 w2(x) in P c2 w3(y) in P c3") == ["T1 rw(P) T2 x", "T1 rw(P) T3 y"]


def test_evidence_has_values_and_steps() -> None:
    (edge,) = dependencies(read_notation("w1(x=5) c1 w2(x=7) c2"))
    assert (edge.evidence.column, edge.evidence.before, edge.evidence.after) == ("value", "5", "7")
    assert (edge.evidence.source_step, edge.evidence.target_step) == ("T1.0", "T2.2")


def test_a_row_written_twice_conflicts_from_its_first_write_and_is_read_from_its_last() -> None:
    (rw, wr) = reversed(dependencies(read_notation("r2(x0) w1(x) w1(x) c1 r2(x1) c2")))
    assert (rw.evidence.target_step, wr.evidence.source_step) == ("T1.1", "T1.2")


def test_dirty_reads_are_told_apart() -> None:
    assert [name for name, _ in dirty_reads(read_notation("w1(x) r2(x1) a1 c2"))] == ["G1a"]
    assert [name for name, _ in dirty_reads(read_notation("w1(x) r2(x1.1) w1(x) c1 c2"))] == ["G1b"]
    assert not list(dirty_reads(read_notation("w1(x) r2(x1) c1 a2")))
    assert not list(dirty_reads(read_notation("w1(x) r1(x1) w1(x) c1")))
