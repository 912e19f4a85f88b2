"""Variants by levels: what came out, what was expected, and the table that a page shows."""

from __future__ import annotations

import dataclasses

from simulator.anomalies.types import Verdict
from simulator.engines.base import ServerInfo
from simulator.figures.fix_table import fix_table_html, fix_table_info
from simulator.history import History
from simulator.model import Isolation, Outcome, Scenario, Schedule, Variant
from simulator.run import Abort, RunResult
from tests.unit.score_samples import lost_update_verdict

RC, RR, SER = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE
EXPECTED = {RC: Outcome.ANOMALY, RR: Outcome.RETRIED}
NAIVE = Variant("naive", "Read, then <write>", (), Schedule(()), is_fix=False, expectations=EXPECTED)
LOCK = Variant("lock", "FOR UPDATE", (), Schedule(()), is_fix=True, expectations={RC: Outcome.SAFE})
SCENARIO = Scenario("lost_update", "Lost update", "isolation", 1, "", "", (NAIVE, LOCK))
SERVER = ServerInfo("PostgreSQL", "18", True, "here", "tester")


def run(variant: Variant, isolation: Isolation, outcome: Outcome) -> RunResult:
    return RunResult(SCENARIO, variant, Schedule(()), isolation, SERVER, History((), ()), Verdict(), outcome)


ANOMALY = dataclasses.replace(run(NAIVE, RC, Outcome.ANOMALY), verdict=lost_update_verdict())
RETRIED = dataclasses.replace(
    run(NAIVE, RR, Outcome.RETRIED), aborts=(Abort("T2", "T2.write", "40001", "could not serialize", "T2#2"),)
)
LOCKED = run(LOCK, RC, Outcome.SAFE)


def test_variants_by_levels_with_what_was_expected() -> None:
    info = fix_table_info([RETRIED, ANOMALY, LOCKED])
    assert info.levels == (RC, RR)
    assert [(row.variant, row.is_fix) for row in info.rows] == [("naive", False), ("lock", True)]
    naive, lock = info.rows
    assert naive.cells == ((Outcome.ANOMALY, "P4", Outcome.ANOMALY), (Outcome.RETRIED, "40001", Outcome.RETRIED))
    assert lock.cells == ((Outcome.SAFE, "", Outcome.SAFE), None)
    assert info.unexpected == 0


def test_other_than_expected_is_marked_in_words() -> None:
    info = fix_table_info([run(LOCK, RC, Outcome.ANOMALY)])
    assert info.unexpected == 1
    assert "≠ expected: safe" in fix_table_html(info)


def test_expectations_can_be_given() -> None:
    info = fix_table_info([LOCKED], {("lock", RC): Outcome.RETRIED})
    assert info.rows[0].cells[0] == (Outcome.SAFE, "", Outcome.RETRIED)


def test_nothing_expected_is_never_wrong() -> None:
    info = fix_table_info([run(LOCK, SER, Outcome.ABORTED)])
    assert (info.unexpected, info.rows[0].cells[0]) == (0, (Outcome.ABORTED, "", None))


def test_table_says_every_outcome_by_symbol_and_word_and_escapes() -> None:
    text = fix_table_html(fix_table_info([ANOMALY, RETRIED, LOCKED]))
    for symbol, word in (("⚠", "anomaly"), ("↻", "safe after a retry"), ("✓", "safe")):
        assert f'<span aria-hidden="true">{symbol}</span> {word}' in text
    assert "Read, then &lt;write&gt;" in text
    assert "not run" in text


def test_no_runs_are_an_empty_table() -> None:
    assert fix_table_info([]) == ((), ())
