"""What is offered as a cure: another way to write it where the code holds connections, a pool where it is short."""

from __future__ import annotations

from dataclasses import replace

from simulator.labs.sessions.catalogue import alone, kind, mix
from simulator.labs.sessions.cure import INSTEAD, MOST_CONNECTIONS, cure
from simulator.labs.sessions.load import MAX_REQUESTS, Load
from simulator.labs.sessions.settings import Settings
from simulator.traces.holds import Cause, Holder, Pressure, holders, pressure
from simulator.ui.sessions import link
from tests.unit.trace_samples import recorded

SHORT = Settings(pool_size=2, max_overflow=0, pool_timeout=0.15)


def found() -> tuple[Holder, Pressure]:
    return holders(recorded("pool_time_out"))[0], pressure(recorded("pool_time_out"))


def test_code_that_holds_a_connection_needlessly_is_cured_by_code() -> None:
    worst, asked = found()
    helps = cure(Load(mix("llm_inside"), 6, settings=SHORT), worst, asked)
    assert helps is not None
    assert (helps.how, helps.load.mix.key) == ("code", "llm_outside")
    assert helps.load == replace(Load(mix("llm_inside"), 6, settings=SHORT), mix=mix("llm_outside"))


def test_among_others_only_the_pool_can_be_changed() -> None:
    worst, asked = found()
    helps = cure(Load(mix("working_day"), 50, settings=SHORT), worst, asked)
    assert helps is not None
    assert (helps.how, helps.load.settings.pool_size, helps.load.settings.max_overflow) == ("pool", 30, 0)
    # Whoever only waited need not be served sooner by more connections at once.
    assert cure(Load(mix("working_day"), 50, settings=SHORT), worst, replace(asked, in_vain=0)) is None


def test_no_pool_is_large_enough_for_locks_and_for_what_is_never_given_back() -> None:
    worst, asked = found()
    load = Load(alone(kind("transfer")), 50, settings=SHORT)
    for cause in (Cause.LOCK, Cause.KEPT):
        assert cure(load, replace(worst, key="transfer", cause=cause), asked) is None


def test_where_nobody_waited_there_is_nothing_to_cure() -> None:
    worst, asked = found()
    assert cure(Load(mix("llm_inside"), 6), worst, replace(asked, queued=0)) is None
    assert cure(Load(mix("messages"), 6, settings=Settings(6, 0)), replace(worst, key="save_message"), asked) is None


def test_every_cure_is_a_load_that_the_page_can_stand_at() -> None:
    assert MOST_CONNECTIONS <= link.MAX_POOL
    assert MAX_REQUESTS > MOST_CONNECTIONS
    for key in INSTEAD.values():
        assert key in link.MIX_OF
