"""Every row of the table, by the history with which the literature shows it, and the histories that come close."""

from __future__ import annotations

import pytest

from simulator.anomalies.checker import judge
from simulator.anomalies.phenomena import BY_NAME, PHENOMENA
from tests.notation import read_notation


def names(history: str) -> list[str]:
    return [anomaly.name for anomaly in judge(read_notation(history)).anomalies]


LITERATURE = [
    # Adya, Liskov, O'Neil 2000, H_wcycle
    ("G0", "w1(x) w2(x) w2(y) c2 w1(y) c1 [x0 << x1 << x2] [y0 << y2 << y1]"),
    # Berenson et al. 1995, A1 dirty read; Adya et al. 2000, G1a
    ("G1a", "w1(x) r2(x1) c2 a1"),
    # Adya et al. 2000, G1b
    ("G1b", "w1(x1.1) r2(x1.1) w1(x1.2) c1 c2"),
    # Adya et al. 2000, G1c; Hermitage's case of that name
    ("G1c", "w1(x) w2(y) r1(y2) r2(x1) c1 c2"),
    # Berenson et al. 1995, H4
    ("P4", "r1(x0=100) r2(x0=100) w2(x=120) c2 w1(x=130) c1"),
    # Berenson et al. 1995, H3: the list of employees and their number; Adya et al. 2000, H_phantom
    ("PMP", "r1(P: x0, y0) w2(z) in P r2(s0) w2(s) c2 r1(s2) c1"),
    # Bailis et al. 2013, PMP: the same predicate twice
    ("PMP", "r1(P: x0) w2(y) in P c2 r1(P: x0, y2) c1"),
    # Berenson et al. 1995, A2 fuzzy read
    ("P2", "r1(x0) w2(x) c2 r1(x2) c1"),
    # Berenson et al. 1995, H1: a transfer of 40, of which T2 sees one half and then not the other
    ("OTV", "r1(x0=50) w1(x=10) r2(x1=10) r2(y0=50) c2 r1(y0=50) w1(y=90) c1"),
    # Bailis et al. 2013, OTV: T3 has seen T2 and then misses it
    ("OTV", "w1(x) w1(y) c1 w2(x) w2(y) c2 r3(x2) r3(y1) c3"),
    # Berenson et al. 1995, H2 and A5A read skew
    ("G-single", "r1(x0=50) r2(x0=50) w2(x=10) r2(y0=50) w2(y=90) c2 r1(y2=90) c1"),
    # Sovran et al. 2011, long fork
    ("long fork", "w1(x) c1 w2(y) c2 r3(x1) r3(y0) c3 r4(x0) r4(y2) c4"),
    # Cerone, Gotsman 2016: a long fork, of which one side is one transaction longer
    ("G-nonadjacent", "w1(x) c1 r5(x1) w5(z) c5 w2(y) c2 r3(z5) r3(y0) c3 r4(x0) r4(y2) c4"),
    # Fekete, O'Neil, O'Neil 2004, example 1.3
    ("read-only anomaly", "r2(x0=0) r2(y0=0) r1(y0=0) w1(y=20) c1 r3(x0=0) r3(y1=20) c3 w2(x=-11) c2"),
    # Berenson et al. 1995, H5
    ("G2-item", "r1(x0=50) r1(y0=50) r2(x0=50) r2(y0=50) w1(y=-40) w2(x=-40) c1 c2"),
    # two inserts that each would have been counted by the other
    ("G2", "r1(P: x0) r2(P: x0) w1(y) in P w2(z) in P c1 c2"),
]


@pytest.mark.parametrize(("name", "history"), LITERATURE)
def test_the_history_of_the_literature_bears_its_name(name: str, history: str) -> None:
    assert names(history) == [name]


def test_every_row_of_the_table_has_a_history() -> None:
    assert {name for name, _ in LITERATURE} == {phenomenon.name for phenomenon in PHENOMENA}


@pytest.mark.parametrize(
    "history",
    [
        "r1(x0) w1(x) c1 r2(x1) w2(x) c2",  # one after the other
        "r1(x0) r2(x0) w1(x) c1 a2",  # the second update was given up
        "r1(x0) r2(x0) w1(x) c1 c2",  # both read, one wrote
        "w1(x) r2(x1) c1 a2",  # the reader of a dirty value was aborted
        "w1(x) c1 w2(x) w2(y) c2 r3(x2) r3(y2) c3",  # T3 sees all of T2
        "r1(P: x0) w2(z) in P c2 c1",  # only one of the two reads
        "r1(x0) r2(y0) w1(y) c1 c2",  # an overtaken read alone is no cycle
    ],
)
def test_what_comes_close_is_no_anomaly(history: str) -> None:
    assert names(history) == []


def test_missing_what_was_not_yet_seen_is_no_vanishing() -> None:
    assert names("w1(x) w1(y) c1 r3(y1) w2(x) w2(y) c2 r3(x2) c3") == ["G-single"]


def test_reading_again_does_not_save_the_update_that_is_overwritten() -> None:
    """Which of its two reads T1 computed from cannot be seen; r1 ... w2 ... w1 is a lost update by the letter."""
    assert names("r1(x0) w2(x) c2 r1(x2) w1(x) c1") == ["P4"]


def test_taking_the_place_of_a_deleted_row_loses_no_update() -> None:
    assert names("r1(x0) d2(x) c2 w1(x) c1") == ["G-single"]


def test_a_cycle_of_three_with_one_overtaken_read_is_read_skew() -> None:
    assert names("r1(x0) w2(x) w2(y) c2 r3(y2) w3(z) c3 r1(z3) c1") == ["G-single"]


def test_three_readers_of_three_writers_are_no_long_fork() -> None:
    """Each saw another one's write and missed the next one's: apart, but not two views in opposite orders."""
    writers = "w1(x) c1 w2(y) c2 w3(z) c3"
    assert names(f"{writers} r4(x1) r4(y0) c4 r5(y2) r5(z0) c5 r6(z3) r6(x0) c6") == ["G-nonadjacent"]


@pytest.mark.parametrize(
    ("history", "wider"),
    [
        ("r1(x0) r2(x0) w1(x) c1 w2(x) c2", "G-single"),
        ("r1(x0) w2(x) c2 r1(x2) c1", "G-single"),
        ("r1(P: x0) w2(y) in P c2 r1(P: x0, y2) c1", "P3"),
        ("r1(x0) r1(y0) r2(x0) r2(y0) w1(y) w2(x) c1 c2", "G2"),
        ("w1(x) r2(x1) c2 a1", "G1"),
    ],
)
def test_names_belong_to_wider_phenomena(history: str, wider: str) -> None:
    verdict = judge(read_notation(history))
    assert wider in BY_NAME[verdict.anomalies[0].name].kind_of


def test_every_row_is_cited() -> None:
    assert all(phenomenon.title and phenomenon.meaning and phenomenon.citation for phenomenon in PHENOMENA)
    assert len(BY_NAME) == len(PHENOMENA)
