"""The rules: each finds its own in a history that has it, and nothing in one that is right."""

from __future__ import annotations

import re

import pytest

from simulator.findings import RULES, Severity, faults, judge_trace
from simulator.findings.judge import cost_words
from simulator.findings.rules.pool import LONG_MS
from simulator.findings.touch import rows, touched
from simulator.history.application import CommitStarted, ConnectionCheckedIn, ConnectionEnding, SessionEnded
from simulator.history.words import EndingCommand, SessionOutcome
from simulator.i18n import gettext
from simulator.i18n.catalogues import speaking
from simulator.labs.mistakes.catalogue import MISTAKES
from simulator.scenarios.loader import catalogue
from tests.unit.finding_samples import (
    INSERT,
    LINE,
    LOCK,
    SAMPLES,
    SELECT,
    UPDATE,
    A,
    B,
    Noted,
    Who,
    asks,
    given_back,
    made,
    moment,
    pool,
    request,
    sent,
    taken,
    told,
    work,
)
from tests.unit.trace_samples import recorded

CHINESE = re.compile("[\u4e00-\u9fff]")
KEYS = [rule.key for rule in RULES]
EACH = pytest.mark.parametrize("key", KEYS)


def test_every_rule_has_a_faulty_and_a_clean_history() -> None:
    assert sorted(SAMPLES) == sorted(KEYS)
    assert len(set(KEYS)) == len(KEYS)


@EACH
def test_a_rule_finds_its_own(key: str) -> None:
    found = [each for each in judge_trace(SAMPLES[key].faulty) if each.rule == key]
    assert found
    for finding in found:
        assert str(finding.said)
        assert "{" not in str(finding.said) + str(finding.cost)
        assert finding.evidence or key == "no_statement"
        assert finding.line in (LINE, "")


@EACH
def test_a_rule_is_silent_where_all_is_right(key: str) -> None:
    assert [str(each.said) for each in judge_trace(SAMPLES[key].clean) if each.rule == key] == []


def test_rules_are_named_as_on_the_page_of_mistakes() -> None:
    titles = {mistake.key: mistake.title for mistake in MISTAKES}
    scenarios = {scenario.key for scenario in catalogue()}
    for rule in RULES:
        assert rule.mistake in titles or not rule.mistake
        assert rule.scenario in scenarios or not rule.scenario
        assert rule.source.startswith("https://")
        assert rule.cure.endswith(".")
        assert rule.key not in titles or rule.mistake == rule.key


def test_demonstrations_that_a_finding_leads_to_are_in_the_catalogue() -> None:
    known = {mistake.key for mistake in MISTAKES} | {""}
    assert {each.mistake for sample in SAMPLES.values() for each in judge_trace(sample.faulty)} <= known


def test_the_worst_stands_first_and_costs_last() -> None:
    kept = [taken(1, A), sent(2, SELECT, A, id=1)]
    held = work(20, 190, sent(21, SELECT, B, id=1), who=B)
    found = judge_trace(
        told(
            pool(1),
            request(0, 9, *kept, who=A),
            request(15, 500, asks(16, 18, B), held, who=B, outcome="failed", error="TimeoutError"),
        )
    )
    assert [each.severity for each in found] == sorted((each.severity for each in found), key=lambda it: it.rank)
    assert (found[0].rule, found[0].severity) == ("connection_leak", Severity.LOST)


def test_what_is_of_one_line_is_told_once_and_its_cost_is_summed() -> None:
    leaks = [
        request(10 * n, 10 * n + 9, taken(10 * n + 1, who), sent(10 * n + 2, SELECT, who, id=n), who=who)
        for n, who in enumerate(Who(f"r{n}", f"S{n}", n + 1) for n in range(3))
    ]
    (found,) = judge_trace(told(*leaks))
    assert (found.times, found.requests) == (3, ("r0", "r1", "r2"))
    assert "3 connections that the pool does not get back" in str(found.cost)


def test_who_has_the_connections_is_told_with_the_pool() -> None:
    (found,) = [each for each in judge_trace(recorded("pool_time_out")) if each.rule == "pool_exhausted"]
    assert found.mistake == "llm_inside"
    assert found.line.endswith("llm_inside")
    assert "in a call of something else" in str(found.said)


def test_a_call_is_a_flaw_where_others_wait_for_the_connection_or_it_takes_long() -> None:
    (short,) = judge_trace(SAMPLES["llm_inside"].faulty)
    assert short.severity is Severity.COST
    (queued,) = [each for each in judge_trace(recorded("pool_time_out")) if each.rule == "llm_inside"]
    assert queued.severity is Severity.FLAW
    assert LONG_MS > 100


def test_a_conflict_that_is_tried_again_is_a_cost() -> None:
    failed = work(1, 5, sent(2, SELECT, id=1), sent(3, UPDATE, item=1, id=1, fails="40001"), how="rollback")
    again = work(10, 15, sent(11, SELECT, id=1), sent(12, UPDATE, tag="UPDATE 1", item=1, id=1))
    (found,) = judge_trace(told(request(0, 20, failed, again)))
    assert (found.rule, found.severity) == ("conflict", Severity.COST)
    assert faults([found]) == ()


def test_a_row_that_was_locked_at_its_read_loses_no_update() -> None:
    first = work(1, 40, sent(2, LOCK, A, id=1), sent(30, UPDATE, A, "UPDATE 1", item=1, id=1), who=A)
    second = work(10, 20, sent(12, UPDATE, B, "UPDATE 1", item=2, id=1), who=B)
    assert judge_trace(told(request(0, 50, first, who=A), request(9, 25, second, who=B))) == ()


def test_a_version_in_the_condition_loses_no_update() -> None:
    checked = "UPDATE orders SET item=%(item)s, version=%(new)s WHERE orders.id = %(id)s AND orders.version = %(old)s"
    first = work(1, 40, sent(2, SELECT, A, id=1), sent(30, checked, A, "UPDATE 1", item=1, id=1, new=2, old=1), who=A)
    second = work(10, 20, sent(12, UPDATE, B, "UPDATE 1", item=2, id=1), who=B)
    assert judge_trace(told(request(0, 50, first, who=A), request(9, 25, second, who=B))) == ()


def test_what_the_server_reckons_loses_no_update() -> None:
    reckoned = "UPDATE orders SET item=(orders.item - %(less)s) WHERE orders.id = %(id)s"
    first = work(1, 40, sent(2, SELECT, A, id=1), sent(30, reckoned, A, "UPDATE 1", less=1, id=1), who=A)
    second = work(10, 20, sent(12, UPDATE, B, "UPDATE 1", item=2, id=1), who=B)
    assert judge_trace(told(request(0, 50, first, who=A), request(9, 25, second, who=B))) == ()


def test_a_session_that_is_made_behind_the_response_may_be_used_there() -> None:
    later = Who("r", "S2", 1)
    found = judge_trace(
        told(
            request(
                0,
                30,
                moment(10, "response started"),
                moment(12, "response sent"),
                made(13, later),
                work(15, 20, sent(16, INSERT, later, "INSERT 0 1", item=1), who=later),
                outcome="200",
            )
        )
    )
    assert found == ()


def test_a_session_that_a_later_request_uses_anew_is_no_fault() -> None:
    second = Who("b", "S1", 1)
    found = judge_trace(
        told(
            request(0, 9, work(1, 5, sent(2, SELECT, A, id=1), who=A), who=A),
            request(10, 19, work(11, 15, sent(12, SELECT, second, id=1), who=second), who=second),
        )
    )
    assert found == ()


def test_a_second_transaction_on_a_connection_is_its_own() -> None:
    once = [*sent(2, INSERT, tag="INSERT 0 1", item=1), *given_back(4)]
    then = [*taken(6), *sent(7, SELECT, id=1), *given_back(9, "close")]
    assert judge_trace(told(request(0, 20, taken(1), once, then))) == ()


def test_rows_are_known_by_name_place_or_value() -> None:
    named = touched("UPDATE a SET b = %(b)s WHERE a.id = %(id)s")
    placed = touched("UPDATE a SET b = %s WHERE id = %s")
    numbered = touched("UPDATE a SET b = $1 WHERE a.id = $2::INTEGER")
    assert named is not None
    assert placed is not None
    assert numbered is not None
    expected = ("a", (("id", frozenset({7})),))
    assert rows(named, {"b": 1, "id": 7}) == expected
    assert rows(placed, {"1": 1, "2": 7}) == expected
    assert rows(numbered, {"1": 1, "2": 7}) == expected
    assert rows(named, {"b": 1}) is None


def test_a_condition_that_says_more_than_keys_names_no_rows() -> None:
    for condition in ("id > 3", "id = 1 OR id = 2", "lower(name) = 'x'", "id IN (SELECT 1)"):
        found = touched(f"SELECT a.id FROM a WHERE {condition}")
        assert found is not None
        assert found.keys == ()


def test_what_cannot_be_read_is_nothing() -> None:
    assert touched("THIS IS (NOT SQL") is None or not touched("THIS IS (NOT SQL").writes  # type: ignore[union-attr]
    assert touched("SELECT " + "1, " * 20_000 + "1") is None


def test_no_cost_has_no_words() -> None:
    assert not cost_words(())


@EACH
def test_a_finding_speaks_chinese(key: str) -> None:
    found = [each for each in judge_trace(SAMPLES[key].faulty) if each.rule == key]
    with speaking("zh"):
        for finding in found:
            assert CHINESE.search(str(finding.said))
            assert CHINESE.search(str(finding.cost)) or not finding.cost
            assert CHINESE.search(gettext(finding.title) + gettext(finding.cure))


def test_an_empty_history_has_nothing_wrong() -> None:
    assert judge_trace(told()) == ()


def refused_at_commit(end: float, *, outcome: SessionOutcome = SessionOutcome.ROLLED_BACK) -> list[Noted]:
    """A COMMIT that the server answers with an error."""
    whose = {"request": "r", "session": "S1"}
    return [
        (end - 0.1, CommitStarted, whose),
        (end, ConnectionEnding, {**whose, "slot": 1, "command": EndingCommand.COMMIT}),
        (end + 1, ConnectionEnding, {**whose, "slot": 1, "command": EndingCommand.ROLLBACK}),
        (end + 1.1, ConnectionCheckedIn, {**whose, "slot": 1}),
        (end + 1.2, SessionEnded, {**whose, "outcome": outcome}),
    ]


def test_a_commit_that_is_refused_and_swallowed_lost_everything() -> None:
    wrote = sent(2, INSERT, tag="INSERT 0 1", item=1)
    (found,) = judge_trace(told(request(0, 20, taken(1), wrote, refused_at_commit(5))))
    assert (found.rule, found.mistake) == ("swallowed_error", "swallowed_commit_error")
    raised = {"outcome": "failed", "error": "IntegrityError", "error_class": "IntegrityError"}
    assert judge_trace(told(request(0, 20, taken(1), wrote, refused_at_commit(5), **raised))) == ()


def test_a_commit_that_is_refused_behind_the_response_is_found() -> None:
    response = [*moment(3, "response started"), *moment(4, "response sent")]
    wrote = sent(2, INSERT, tag="INSERT 0 1", item=1)
    raised = {"outcome": "200", "error": "IntegrityError", "error_class": "IntegrityError"}
    events = (made(0.5), taken(1), wrote, response, refused_at_commit(6, outcome=SessionOutcome.CLOSED))
    (found,) = judge_trace(told(request(0, 20, *events, **raised)))
    assert found.mistake == "commit_after_yield"


def test_a_conflict_that_is_found_at_commit_is_a_conflict_too() -> None:
    wrote = sent(2, INSERT, tag="INSERT 0 1", item=1)
    raised = {"outcome": "failed", "error": "OperationalError", "error_class": "OperationalError", "sqlstate": "40001"}
    (found,) = judge_trace(told(request(0, 20, taken(1), wrote, refused_at_commit(5), **raised)))
    assert (found.rule, found.mistake) == ("conflict", "orm_write_skew")


def test_a_connection_that_is_still_used_behind_its_request_is_no_leak() -> None:
    later = sent(30, SELECT, id=2)
    assert judge_trace(told(request(0, 9, taken(1), sent(2, SELECT, id=1)), later, request(40, 50, who=B))) == ()


def test_who_goes_on_after_an_error_is_on_autocommit() -> None:
    failed = sent(3, INSERT, item=2, fails="23505")
    after = sent(5, INSERT, tag="INSERT 0 1", item=3)
    assert judge_trace(told(request(0, 20, work(1, 10, failed, after)))) == ()
