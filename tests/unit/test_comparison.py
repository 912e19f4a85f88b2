"""Levels beside each other: cells, and where they first differ."""

from __future__ import annotations

import dataclasses

import pytest

from simulator.engines.base import ServerInfo
from simulator.figures.score.comparison import comparison_info, plot_comparison, table
from simulator.history.schedule import History
from simulator.model import Isolation, Outcome, Scenario, Schedule, SessionScript, Step, Variant
from simulator.verdict.run import RunResult
from tests.unit import score_samples as samples


def run(
    isolation: Isolation, history: History, outcome: Outcome, schedule: Schedule = samples.LOST_UPDATE
) -> RunResult:
    """A finished run of a variant that has only its schedule's steps."""
    sessions = tuple(
        SessionScript(name, tuple(Step(key.partition(".")[2], name, key) for key in schedule.steps if key[:2] == name))
        for name in history.sessions
    )
    variant = Variant("naive", "Naive", sessions, schedule, is_fix=False, expectations={isolation: outcome})
    scenario = Scenario("lost_update", "Lost update", "isolation", 1, "", "", (variant,))
    server = ServerInfo("PostgreSQL", "18", True, "here", "tester")
    return RunResult(scenario, variant, schedule, isolation, server, history, outcome=outcome)


RC = run(Isolation.READ_COMMITTED, samples.lost_update(), Outcome.ANOMALY)
RR = run(Isolation.REPEATABLE_READ, samples.lost_update_refused(), Outcome.RETRIED)


def test_a_cell_says_what_the_step_did_at_that_level() -> None:
    rows = comparison_info([RC, RR]).rows
    assert [[cell.text for cell in row.cells] for row in rows] == [
        ["→ 100", "→ 100"],
        ["→ 100", "→ 100"],
        ["done", "done"],
        ["waits for T1, then done", "waits for T1, then ✕ 40001"],
        ["done", "done"],
        ["done", "skipped"],
    ]


def test_first_difference_is_the_first_row_whose_cells_differ() -> None:
    info = comparison_info([RC, RR])
    assert info.first_difference == 3
    assert [row.differs for row in info.rows] == [False, False, False, True, False, True]


def test_a_wait_that_ends_differently_is_seen_when_it_ends() -> None:
    info = comparison_info([RC, RR])
    assert info.seen_at == 4
    assert [shape.x0 for shape in samples.checked(plot_comparison(info)).layout.shapes if shape.yref == "paper"] == [4]


def test_equal_runs_do_not_differ() -> None:
    info = comparison_info([RC, dataclasses.replace(RC, isolation=Isolation.SERIALIZABLE)])
    assert (info.first_difference, info.seen_at) == (None, None)


def test_levels_keep_their_outcome_and_their_order() -> None:
    info = comparison_info([RR, RC])
    assert [(level.isolation.short, level.outcome) for level in info.levels] == [
        ("RR", Outcome.RETRIED),
        ("RC", Outcome.ANOMALY),
    ]


def test_table_is_plain_data_with_a_column_a_level() -> None:
    assert table(comparison_info([RC, RR]))[3] == {
        "step": "T2.write",
        "statement": "accounts 1: balance = 130",
        "RC": "waits for T1, then done",
        "RR": "waits for T1, then ✕ 40001",
    }


def test_transport_goes_through_the_longest_run_and_names_levels_where_they_differ() -> None:
    info = comparison_info([RC, RR])
    assert len(info.marks) == len(info.notes) == 9
    assert info.notes[0] == "→ 100"
    assert info.notes[3] == "waits for T1"
    assert info.notes[4] == "done; T2: RC done · RR ✕ 40001"
    assert info.notes[5] == "RC done · RR skipped"


def test_levels_are_stacked_on_one_step_axis() -> None:
    figure = samples.checked(plot_comparison(comparison_info([RC, RR])))
    assert {trace.xaxis for trace in figure.data} == {"x"}
    assert {trace.yaxis for trace in figure.data} == {"y", "y2"}
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]
    assert list(figure.layout.xaxis.range) == [0, 9]
    assert {note.ayref for note in figure.layout.annotations if note.showarrow} == {"y", "y2"}


def test_only_one_schedule_can_be_compared() -> None:
    other = Schedule(tuple(reversed(samples.LOST_UPDATE.steps)))
    with pytest.raises(ValueError, match="same schedule"):
        comparison_info([RC, dataclasses.replace(RR, schedule=other)])


def test_nothing_to_compare_is_an_empty_comparison() -> None:
    info = comparison_info([])
    assert (info.rows, info.marks, info.notes, info.first_difference) == ((), (), (), None)
    assert samples.checked(plot_comparison(info)).data == ()
