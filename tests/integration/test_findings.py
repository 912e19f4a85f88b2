"""Every mistake is found under its own name in what was recorded of it, and nothing but costs in its fix."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from simulator.engines.base import Engine
from simulator.findings import Finding, faults, judge
from simulator.history.schedule import History
from simulator.labs.mistakes.entry import Mistake
from simulator.labs.sessions.catalogue import alone, kind, mix
from simulator.labs.sessions.load import Load, run_load
from simulator.labs.sessions.settings import Settings
from tests.integration.mistake_runs import EACH, Observe

#: What no history can show, and why.
UNSEEN: Mapping[str, str] = MappingProxyType(
    {
        "shared_unflushed": "the second request only reads an object that is loaded: no event tells of that",
        "json_in_place": "nothing is sent: a change that SQLAlchemy does not see is not recorded either",
        "sync_in_async": "each request is as it should be; that a loop stood still meanwhile is in nobody's events",
    }
)
#: A fix that leaves a draft to close() on purpose: whether it was meant no history can tell.
MEANT = frozenset({("scoped_remove_elsewhere", "no_commit")})
DRIVERS = pytest.mark.parametrize("is_async", [False, True], ids=["psycopg2", "psycopg-async"])


@pytest.mark.parametrize("mistake", EACH)
def test_a_mistake_is_found_under_its_name(observe: Observe, mistake: Mistake) -> None:
    for each in observe(mistake):
        found = judge(each.pair.mistake.history)
        names = {finding.mistake for finding in faults(found)}
        assert (mistake.key in names) is (mistake.key not in UNSEEN), told(found)
        assert_evident(each.pair.mistake.history, found)


@pytest.mark.parametrize("mistake", EACH)
def test_in_a_fix_nothing_is_found_but_what_it_costs(observe: Observe, mistake: Mistake) -> None:
    for each in observe(mistake):
        found = faults(judge(each.pair.fixed.history))
        assert {(mistake.key, finding.rule) for finding in found} <= MEANT, told(found)


@DRIVERS
@pytest.mark.parametrize("key", ["working_day", "sse_outside", "llm_outside", "messages"])
def test_in_right_requests_nothing_is_found_but_what_they_cost(engine: Engine, key: str, is_async: bool) -> None:
    result = run_load(engine, Load(mix(key), 8, llm_s=0.02, is_async=is_async))
    # What waits for a processor in a transaction is idle there: how long, the machine decides.
    found = [each for each in faults(judge(result.history)) if each.rule != "idle_in_transaction"]
    assert found == [], told(found)


def test_who_drained_the_pool_is_told_first(engine: Engine) -> None:
    settings = Settings(pool_size=2, max_overflow=0, pool_timeout=0.1)
    result = run_load(engine, Load(alone(kind("llm_inside")), 6, llm_s=0.4, settings=settings))
    found = judge(result.history)
    assert (found[0].rule, found[0].mistake) == ("pool_exhausted", "llm_inside")
    assert "llm_inside" in found[0].line


def told(found: object) -> str:
    """For whoever reads why it failed."""
    assert isinstance(found, list | tuple)
    return "\n".join(f"{each.severity} {each.rule} {each.mistake}: {each.said}" for each in found)


def assert_evident(history: History, found: tuple[Finding, ...]) -> None:
    """Each points to something in the history, or to a line, and names requests that are in it."""
    seqs = {event.seq for event in history.events}
    requests = {event.request for event in history.events}
    for finding in found:
        assert finding.evidence
        assert set(finding.evidence) <= seqs
        assert set(finding.requests) <= requests
