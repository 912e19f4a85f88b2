"""The wait-for graph's info and the DOT text that it becomes."""

from __future__ import annotations

from dataclasses import replace

from simulator.figures.palette import RED, SESSION_COLORS
from simulator.figures.waits import waits_dot, waits_info
from simulator.history.schedule import StatementFailed, StepBlocked
from simulator.state.locks import Wait, WaitForGraph, wait_for_graph
from tests.unit.observed import observed

WAIT = Wait("T2", "T1", "T2.write", "transactionid 745 (ShareLock)", since=3)


def lines(dot: str) -> list[str]:
    return [line for line in dot.splitlines() if "->" in line]


def test_a_wait_is_an_arrow_from_the_waiter_and_not_red() -> None:
    dot = waits_dot(waits_info(WaitForGraph(("T1", "T2", "T3"), (WAIT,))))
    (edge,) = lines(dot)
    assert "T2 -> T1" in edge
    assert "T1's transaction 745" in edge
    assert RED not in dot
    assert all(color in dot for color in SESSION_COLORS[:3])


def test_nobody_waits_and_every_session_is_there() -> None:
    dot = waits_dot(waits_info(WaitForGraph(("T1", "T2"))))
    assert lines(dot) == []
    assert "T1" in dot
    assert "T2" in dot


def test_a_closed_cycle_is_red_and_others_are_not() -> None:
    waits = (WAIT, Wait("T1", "T2", "T1.write", "relation x (ShareLock)", 4), Wait("T3", "T1", "T3.x", "row 1", 5))
    info = waits_info(WaitForGraph(("T1", "T2", "T3"), waits))
    assert len(info.cycle) == 2
    assert [RED in line for line in lines(waits_dot(info))] == [True, True, False]
    assert info.victim is None


def test_a_deadlock_is_drawn_with_its_victim_after_the_server_broke_it() -> None:
    history = observed("deadlock_rc")
    error = next(event for event in history.events if isinstance(event, StatementFailed))
    info = waits_info(wait_for_graph(history, error.seq))
    assert info.victim == error.session
    assert len(info.cycle) == 2
    assert "victim" in waits_dot(info)


def test_edges_appear_one_by_one() -> None:
    history = observed("deadlock_rc")
    first, second = [event.seq for event in history.events if isinstance(event, StepBlocked)][:2]
    counts = [len(waits_info(wait_for_graph(history, seq)).waits) for seq in (first - 1, first, second)]
    assert counts == [0, 1, 2]


def test_inferred_waits_are_dashed_and_say_so() -> None:
    wait = Wait("T2", "T1", "T2.write", "row 1", 3, inferred=True)
    dot = waits_dot(waits_info(WaitForGraph(("T1", "T2"), (wait,))))
    assert "dashed" in dot
    assert "(inferred)" in dot


def test_names_from_a_scenario_cannot_break_out_of_the_dot() -> None:
    wait = Wait("T2", "T1", 'T2."] evil [', "relation \\N (ShareLock)", 3)
    (edge,) = lines(waits_dot(waits_info(WaitForGraph(("T1", "T2"), (wait,)))))
    assert '\\"] evil [' in edge
    assert "\\\\N" in edge


def test_dark_changes_text_and_not_meaning() -> None:
    info = waits_info(WaitForGraph(("T1", "T2"), (WAIT,)))
    assert waits_dot(info, dark=True) != waits_dot(info)


def test_an_arrow_says_which_row_is_wanted() -> None:
    back = replace(WAIT, waiter=WAIT.blocker, blocker=WAIT.waiter, step="T1.b")
    rows = {WAIT: "wallet 1", back: "wallet 2"}
    one = waits_dot(waits_info(WaitForGraph(("T1", "T2"), (WAIT,)), rows))
    both = waits_dot(waits_info(WaitForGraph(("T1", "T2"), (WAIT, back)), rows))
    assert 'label=" wants wallet 1 "' in one
    assert both.count("taillabel") == 2, "each at its own end: in the middle they would meet"
