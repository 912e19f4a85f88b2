"""The dependency graph's info and the DOT text that it becomes."""

from __future__ import annotations

import pytest

from simulator.anomalies.types import Anomaly, Dependency, DependencyKind, Evidence, Verdict
from simulator.figures.cycle import cycle_dot, cycle_info, evidence_text, known_then
from simulator.figures.palette import GREY, RED, SESSION_COLORS
from simulator.figures.score.plot import score_info
from tests.unit.score_samples import LOST_UPDATE, lost_update, lost_update_verdict

RW, WW, WR = DependencyKind.RW, DependencyKind.WW, DependencyKind.WR


def test_edges_of_the_minimal_cycle_come_first() -> None:
    info = cycle_info(lost_update_verdict(), ["T1", "T2"])
    assert info.transactions == ("T1", "T2")
    assert [(edge.source, edge.kind, edge.target, edge.in_cycle) for edge in info.edges] == [
        ("T2", RW, "T1", True),
        ("T1", WW, "T2", True),
        ("T1", RW, "T2", False),
    ]
    assert info.anomaly == "P4"


def test_an_edge_is_known_with_its_second_statement_and_the_anomaly_with_the_last_edge_of_its_cycle() -> None:
    info = score_info(lost_update(), LOST_UPDATE, lost_update_verdict())
    then = [known_then(lost_update_verdict(), info.done(mark.position)) for mark in info.marks]
    edges = [len(each.dependencies) for each in then]
    assert edges == sorted(edges)
    assert edges[0] == 0
    assert (then[-1].dependencies, then[-1].anomalies) == (
        lost_update_verdict().dependencies,
        lost_update_verdict().anomalies,
    )
    closed = next(position for position, each in enumerate(then) if each.anomalies)
    assert 0 < closed < len(then) - 1
    assert info.marks[closed].position == max(mark.settled_at or 0 for mark in info.marks if mark.in_cycle)


def test_same_kind_between_the_same_transactions_is_one_edge_with_all_evidence() -> None:
    edges = tuple(Dependency("T1", "T2", WW, Evidence(f"test {n}", "value", n, 10 * n)) for n in (1, 2, 3))
    (edge,) = cycle_info(Verdict(dependencies=edges), ["T1", "T2"]).edges
    assert edge.evidence == ("value 1 → 10", "value 2 → 20", "value 3 → 30")
    assert "and 1 more" in cycle_dot(cycle_info(Verdict(dependencies=edges), ["T1", "T2"]))


@pytest.mark.parametrize(
    ("dependency", "text"),
    [
        (Dependency("T1", "T2", RW, Evidence("a 1", "balance", 100, 120)), "balance 100 → 120"),
        (Dependency("T1", "T2", WR, Evidence("a 1", "balance", None, 120)), "balance = 120"),
        (Dependency("T1", "T2", WW, Evidence("a 1", "id", 1, 1)), "a 1"),
        (Dependency("T1", "T2", WR, Evidence("a 3", created=True)), "+ a 3"),
        (Dependency("T1", "T2", RW, Evidence("a WHERE x", row="a 2"), predicate=True), "− a 2"),
        (Dependency("T1", "T2", RW, Evidence("a WHERE x", row="a 2", entered=True), predicate=True), "+ a 2"),
    ],
)
def test_evidence_in_a_few_words(dependency: Dependency, text: str) -> None:
    assert evidence_text(dependency) == text


def test_only_the_cycle_is_red() -> None:
    dot = cycle_dot(cycle_info(lost_update_verdict(), ["T1", "T2"]))
    edges = [line for line in dot.splitlines() if "->" in line]
    assert [RED in line for line in edges] == [True, True, False]
    assert GREY in edges[2]
    assert SESSION_COLORS[0] in dot
    assert "bgcolor=transparent" in dot


def test_dark_changes_text_and_not_meaning() -> None:
    info = cycle_info(lost_update_verdict(), ["T1", "T2"])
    assert cycle_dot(info, dark=True).count(RED) == cycle_dot(info).count(RED)
    assert cycle_dot(info, dark=True) != cycle_dot(info)


def test_retried_transaction_keeps_its_sessions_colour() -> None:
    edge = Dependency("T1", "T2#2", WR, Evidence("a 1", "balance", None, 120))
    dot = cycle_dot(cycle_info(Verdict(dependencies=(edge,)), ["T1", "T2"]))
    assert f'"T2#2" [fillcolor="{SESSION_COLORS[1]}"' in dot


def test_quotes_and_backslashes_in_values_cannot_break_out() -> None:
    evil = 'x"]; evil [label="\\N'
    edge = Dependency("T1", "T2", WR, Evidence("a 1", "name", None, evil))
    verdict = Verdict(dependencies=(edge,), anomalies=(Anomaly("G1c", (edge,)),))
    line = next(line for line in cycle_dot(cycle_info(verdict, ["T1", "T2"])).splitlines() if "->" in line)
    assert '\\"]; evil [label=\\"\\\\N' in line


def test_no_dependencies_is_an_empty_graph() -> None:
    info = cycle_info(Verdict(), ["T1"])
    assert info.edges == ()
    assert cycle_dot(info).startswith("digraph")
