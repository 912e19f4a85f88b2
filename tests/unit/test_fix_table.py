"""Variants by levels: what came out, what was expected, and the table that a page shows."""

from __future__ import annotations

import dataclasses

from simulator.engines.base import ServerInfo
from simulator.execution.run import Abort
from simulator.figures.fix_table import FixCell, fix_table_html, fix_table_info
from simulator.history.schedule import CommittedStateObserved, History, RowVersion, TableState
from simulator.model import Isolation, Outcome, Scenario, Schedule, Variant
from simulator.verdict.run import RunResult
from simulator.verdict.types import Replayed, Serial
from tests.unit.score_samples import lost_update_verdict

RC, RR, SER = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE
EXPECTED = {RC: Outcome.ANOMALY, RR: Outcome.RETRIED}
NAIVE = Variant("naive", "Read, then <write>", (), Schedule(()), is_fix=False, expectations=EXPECTED)
LOCK = Variant("lock", "FOR UPDATE", (), Schedule(()), is_fix=True, expectations={RC: Outcome.SAFE})
SCENARIO = Scenario("lost_update", "Lost update", "isolation", 1, "", "", (NAIVE, LOCK))
SERVER = ServerInfo("PostgreSQL", "18", True, "here", "tester")


def run(variant: Variant, isolation: Isolation, outcome: Outcome) -> RunResult:
    return RunResult(SCENARIO, variant, Schedule(()), isolation, SERVER, History((), ()), outcome=outcome)


def stored(*balances: int) -> History:
    states = [
        CommittedStateObserved(
            seq=seq,
            at_ns=seq,
            tables=(TableState("wallet", ("id", "balance"), ("id",), (RowVersion((1,), 700 + seq, (1, balance)),)),),
        )
        for seq, balance in enumerate(balances)
    ]
    return History(("T1", "T2"), tuple(states))


ANOMALY = dataclasses.replace(
    run(NAIVE, RC, Outcome.ANOMALY), graph=lost_update_verdict(), replayed=Replayed(Serial.NO)
)
RETRIED = dataclasses.replace(
    run(NAIVE, RR, Outcome.RETRIED), aborts=(Abort("T2", "T2.write", "40001", "could not serialize", "T2#2"),)
)
LOCKED = run(LOCK, RC, Outcome.SAFE)


def test_variants_by_levels_with_what_was_expected() -> None:
    info = fix_table_info([RETRIED, ANOMALY, LOCKED])
    assert info.levels == (RC, RR)
    assert [(row.variant, row.is_fix) for row in info.rows] == [("naive", False), ("lock", True)]
    naive, lock = info.rows
    assert naive.cells == (
        FixCell(Outcome.ANOMALY, "P4", Outcome.ANOMALY),
        FixCell(Outcome.RETRIED, "40001", Outcome.RETRIED),
    )
    assert lock.cells == (FixCell(Outcome.SAFE, "", Outcome.SAFE), None)
    assert info.unexpected == 0


def test_other_than_expected_is_marked_in_words() -> None:
    info = fix_table_info([run(LOCK, RC, Outcome.ANOMALY)])
    assert info.unexpected == 1
    assert "≠ expected: safe" in fix_table_html(info)


def test_expectations_can_be_given() -> None:
    info = fix_table_info([LOCKED], {("lock", RC): Outcome.RETRIED})
    assert info.rows[0].cells[0] == FixCell(Outcome.SAFE, "", Outcome.RETRIED)


def test_nothing_expected_is_never_wrong() -> None:
    info = fix_table_info([run(LOCK, SER, Outcome.ABORTED)])
    assert (info.unexpected, info.rows[0].cells[0]) == (0, FixCell(Outcome.ABORTED, "", None))


def test_table_says_every_outcome_by_symbol_and_word_and_escapes() -> None:
    text = fix_table_html(fix_table_info([ANOMALY, RETRIED, LOCKED]))
    for symbol, word in (("⚠", "anomaly"), ("↻", "safe after a retry"), ("✓", "safe")):
        assert f'<span aria-hidden="true">{symbol}</span> {word}' in text
    assert "Read, then &lt;write&gt;" in text
    assert "not run" in text


def test_a_cell_leads_to_its_run_and_tells_what_is_stored_at_the_end() -> None:
    info = fix_table_info([dataclasses.replace(ANOMALY, history=stored(100, 130))])
    assert info.rows[0].cells[0] is not None
    assert info.rows[0].cells[0].stored == "balance 130"
    text = fix_table_html(info, lambda scenario, variant, level: f"./x?a={scenario}&b={variant}&c={level.short}")
    assert 'href="./x?a=lost_update&amp;b=naive&amp;c=RC"' in text
    assert "P4 · balance 130" in text


def test_a_graph_that_the_replay_does_not_confirm_is_named() -> None:
    risk = dataclasses.replace(
        run(NAIVE, RC, Outcome.SAFE), graph=lost_update_verdict(), replayed=Replayed(Serial.YES, order=("T1",))
    )
    info = fix_table_info([risk, LOCKED])
    assert info.disputed == 1
    assert "the graph finds a cycle" in fix_table_html(info)


def test_several_scenarios_have_a_heading_each() -> None:
    other = dataclasses.replace(SCENARIO, key="other", title="Other")
    text = fix_table_html(fix_table_info([LOCKED, dataclasses.replace(LOCKED, scenario=other)]))
    assert text.count("rowgroup") == text.count("<tbody>") + 1  # and once in the style
    assert "rowgroup" not in fix_table_html(fix_table_info([LOCKED])).partition("</style>")[2]


def test_no_runs_are_an_empty_table() -> None:
    assert fix_table_info([]) == ((), ())
