"""Many requests on one pool: everybody is answered, everything is recorded, and nothing is left on the server."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from simulator.engines.base import Engine
from simulator.errors import EngineBusy
from simulator.labs.lifecycle.catalogue import alone, kind, mix
from simulator.labs.lifecycle.effects import effects
from simulator.labs.lifecycle.load import Load, LoadResult, run_load
from simulator.labs.lifecycle.settings import Settings
from simulator.lifecycle import BackendSeen, ConnectionRefused, ConnectionRequested, RequestEnded, WorkStarted
from simulator.traces import read

DRIVERS = pytest.mark.parametrize("is_async", [False, True], ids=["psycopg2", "psycopg-async"])


def outcomes(result: LoadResult) -> Counter[str]:
    return Counter(event.outcome for event in result.history.events if isinstance(event, RequestEnded))


def left_behind(engine: Engine) -> tuple[int, int]:
    return engine.rooms_open(), len(engine.activity(everyone=False))


@DRIVERS
def test_a_working_day(engine: Engine, is_async: bool) -> None:
    result = run_load(engine, Load(mix("working_day"), 20, llm_s=0.02, is_async=is_async, settings=Settings(5, 5)))
    fails = sum(each.always_fails for each in result.kinds)
    told = outcomes(result)
    assert told["failed"] >= fails >= 1
    assert told.total() == 20
    saved = sum(each.key in ("save_message", "llm_outside") for each in result.kinds)
    assert result.messages == saved + 500 * sum(each.key == "append_history_bulk" for each in result.kinds)
    assert result.leaked == 0
    assert left_behind(engine) == (0, 0)


@DRIVERS
def test_fifty_requests_on_a_pool_of_five(engine: Engine, is_async: bool) -> None:
    result = run_load(engine, Load(mix("messages"), 50, is_async=is_async, settings=Settings(5, 0)))
    assert outcomes(result) == {"ok": 50}
    assert result.messages == 50
    assert max(event.slot or 0 for event in result.history.events) == 5
    backends = {event.backend for event in result.history.events if isinstance(event, BackendSeen)}
    assert len(backends) <= 5


@DRIVERS
def test_an_llm_inside_the_transaction_starves_the_pool_and_nothing_crashes(engine: Engine, is_async: bool) -> None:
    settings = Settings(2, 0, pool_timeout=0.1)
    inside = run_load(engine, Load(mix("llm_inside"), 8, llm_s=0.5, is_async=is_async, settings=settings))
    refused = [event for event in inside.history.events if isinstance(event, ConnectionRefused)]
    assert outcomes(inside) == {"ok": 2, "failed": 6}
    assert len(refused) == 6
    assert all(event.timed_out and "QueuePool limit of size 2 overflow 0 reached" in event.error for event in refused)
    assert inside.messages == 2

    # Nobody waits for a model now; ten seconds are for a machine that has other things to do.
    patient = replace(settings, pool_timeout=10.0)
    outside = run_load(engine, Load(mix("llm_outside"), 8, llm_s=0.5, is_async=is_async, settings=patient))
    assert outcomes(outside) == {"ok": 8}
    assert sum(isinstance(event, WorkStarted) and event.category == "llm" for event in outside.history.events) == 8


def test_every_question_to_the_pool_is_answered(engine: Engine) -> None:
    events = run_load(engine, Load(alone(kind("transfer")), 30, settings=Settings(3, 1))).history.events
    asked = [event.asked for event in events if isinstance(event, ConnectionRequested)]
    answered = [
        event.asked for event in events if type(event).__name__ in ("ConnectionCheckedOut", "ConnectionRefused")
    ]
    assert sorted(asked) == sorted(number for number in answered if number is not None)
    assert len(set(asked)) == len(asked)


def test_a_pool_that_is_too_large_is_refused_with_a_sentence(engine: Engine) -> None:
    with pytest.raises(EngineBusy, match="Choose a smaller pool"):
        run_load(engine, Load(mix("messages"), 500, settings=Settings(500, 0)))
    assert left_behind(engine) == (0, 0)


@DRIVERS
@pytest.mark.parametrize("pre_ping", [False, True], ids=["no-ping", "pre-ping"])
def test_connections_killed_half_way_are_noticed_by_the_pool_or_by_a_request(
    engine: Engine, is_async: bool, pre_ping: bool
) -> None:
    settings = Settings(3, 0, pool_pre_ping=pre_ping)
    load = Load(mix("messages"), 8, is_async=is_async, kill_half_way=True, settings=settings)
    result = run_load(engine, load)
    told = outcomes(result)
    assert told.total() == 8
    assert 1 <= result.killed <= 3
    assert told["failed"] == 0 if pre_ping else 1 <= told["failed"] <= result.killed
    assert result.leaked == 0
    assert left_behind(engine) == (0, 0)


@DRIVERS
@pytest.mark.parametrize(
    ("setting", "value", "usual", "changed"),
    [
        ("expire_on_commit", False, "SELECTs after a commit in the same Session: 4.", ": 0."),
        ("autoflush", False, "Flushes before the commit: 4, with it: 0.", "Flushes before the commit: 0, with it: 4."),
        ("close_resets_only", False, "refused: 0.", "refused: 2."),
        ("reset_on_return", None, "found the last one's setting: 0.", r"found the last one's setting: [1-3]\."),
    ],
)
def test_a_setting_is_seen_in_the_next_run(
    engine: Engine, is_async: bool, setting: str, value: object, usual: str, changed: str
) -> None:
    seen = []
    for chosen in (Settings(1, 0), replace(Settings(1, 0), **{setting: value})):  # type: ignore[arg-type]
        result = run_load(engine, Load(mix("settings"), 10, is_async=is_async, settings=chosen))
        rows = {each.setting.removeprefix("pool_"): each.seen for each in effects(result, read(result.history))}
        seen.append(rows[setting])
    assert seen[0].endswith(usual)
    # A Session on the same connection rolls back what was left open: not every tenant finds the last one's setting.
    assert re.search(f"{changed}$", seen[1])
