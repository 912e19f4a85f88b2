"""Findings as JSON and in a terminal: the same facts, the worst first."""

from __future__ import annotations

import json

from simulator.export.findings import exit_code, findings_json, findings_text
from simulator.findings import RULES, Severity, judge_trace
from tests.unit.finding_samples import SAMPLES
from tests.unit.trace_samples import recorded


def test_json_has_what_the_text_has() -> None:
    for sample in SAMPLES.values():
        found = judge_trace(sample.faulty)
        plain = json.loads(json.dumps(findings_json(sample.faulty, found)))
        text = findings_text(sample.faulty, found)
        assert [each["rule"] for each in plain["findings"]] == [each.rule for each in found]
        for each in plain["findings"]:
            assert each["said"] in text
            assert each["cure"] in text
            assert each["line"] in text
            assert each["mistake_title"] in text


def test_the_exit_code_tells_faults_from_costs() -> None:
    right = judge_trace(recorded("save_message"))
    assert (exit_code(right), exit_code(right, costs=True)) == (0, 0)
    costs = judge_trace(SAMPLES["llm_inside"].faulty)
    assert {each.severity for each in costs} == {Severity.COST}
    assert (exit_code(costs), exit_code(costs, costs=True)) == (0, 1)
    assert exit_code(judge_trace(SAMPLES["connection_leak"].faulty)) == 1


def test_nothing_found_is_said_to_be_no_proof() -> None:
    assert "no proof" in findings_text(recorded("save_message"), ())


def test_every_rule_has_a_source_and_a_way_to_see_it_or_says_why_not() -> None:
    shown = {rule.key for rule in RULES if rule.mistake or rule.scenario}
    assert {rule.key for rule in RULES} - shown == {
        "pool_exhausted",  # shown by what held the connections
        "conflict",  # by what the conflict was
        "several_engines",
        "equal_statements",
        "repeated_writes",
        "no_statement",
    }
