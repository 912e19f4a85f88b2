"""Many requests on one pool: everybody is answered, everything is recorded, and nothing is left on the server."""

from __future__ import annotations

import re
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.engines.base import Engine
from simulator.errors import EngineBusy
from simulator.history.application import (
    BackendSeen,
    ConnectionCheckedOut,
    ConnectionRefused,
    ConnectionRequested,
    Moment,
    RequestEnded,
    WorkStarted,
)
from simulator.labs.sessions.catalogue import alone, kind, mix
from simulator.labs.sessions.cure import cure
from simulator.labs.sessions.effects import effects
from simulator.labs.sessions.load import Load, LoadResult, run_load
from simulator.labs.sessions.progress import Progress
from simulator.labs.sessions.settings import Settings
from simulator.model import Isolation
from simulator.traces import object_lives, read, totals
from simulator.traces.holds import Cause, holders, pressure

ROOT = Path(__file__).parents[2]
DRIVERS = pytest.mark.parametrize("is_async", [False, True], ids=["psycopg2", "psycopg-async"])


def outcomes(result: LoadResult) -> Counter[str]:
    return Counter(event.outcome for event in result.history.events if isinstance(event, RequestEnded))


def left_behind(engine: Engine) -> tuple[int, int]:
    return engine.rooms_open(), len(engine.activity(everyone=False))


@DRIVERS
def test_a_working_day(engine: Engine, data_folder: Path, is_async: bool) -> None:
    result = run_load(engine, Load(mix("working_day"), 20, llm_s=0.02, is_async=is_async, settings=Settings(5, 5)))
    fails = sum(each.key == "failing_request" for each in result.kinds)
    told = outcomes(result)
    assert told["failed"] >= fails >= 1
    assert told.total() == 20
    saved = sum(each.key in ("save_message", "llm_outside") for each in result.kinds)
    assert result.messages == saved + 500 * sum(each.key == "append_history_bulk" for each in result.kinds)
    assert result.leaked == 0
    assert left_behind(engine) == (0, 0)
    saved = result.history.to_json()  # what people may give away says which line sent what, and not where that file is
    assert not any(str(place) in saved for place in (ROOT, Path.home(), Path(sys.prefix), data_folder))


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
    inside = run_load(engine, Load(mix("llm_inside"), 8, llm_s=1.5, is_async=is_async, settings=settings))
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


def test_streams_starve_readers_unless_their_transactions_end_first(engine: Engine) -> None:
    settings = Settings(2, 0, pool_timeout=0.1)
    inside = run_load(engine, Load(alone(kind("sse_chat")), 6, llm_s=0.5, settings=settings))
    assert outcomes(inside) == {"ok": 2, "failed": 4}
    # Those that got a connection began their responses with it, and nobody else began one.
    began = {event.request for event in inside.history.events if isinstance(event, Moment)}
    assert began == {event.request for event in inside.history.events if isinstance(event, ConnectionCheckedOut)}

    outside = run_load(engine, Load(mix("sse_outside"), 6, llm_s=0.5, settings=replace(settings, pool_timeout=10.0)))
    assert outcomes(outside) == {"ok": 6}


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
    # "server closed the connection" is psycopg2's text for it; no closed Session was used.
    rows = {each.setting: str(each.seen) for each in effects(result, read(result.history))}
    assert rows["close_resets_only"] == "Uses of a closed Session that were refused: 0."
    assert f"failed on one: {told['failed']}." in rows["pool_pre_ping"]
    name = "AdminShutdown 57P01" if is_async else "OperationalError"
    assert totals(read(result.history)).failures == (((name, told["failed"]),) if told["failed"] else ())


@DRIVERS
def test_serialization_failures_are_counted_by_their_sqlstate_and_named(engine: Engine, is_async: bool) -> None:
    settings = Settings(8, 0, isolation=Isolation.SERIALIZABLE)
    result = run_load(engine, Load(alone(kind("transfer")), 16, is_async=is_async, settings=settings))
    failed = outcomes(result)["failed"]
    assert failed > 0
    assert totals(read(result.history)).failures == (("SerializationFailure 40001", failed),)
    rows = {each.setting: str(each.seen) for each in effects(result, read(result.history))}
    assert rows["isolation_level"] == f"Requests that ended with a serialization failure: {failed}."


@DRIVERS
def test_what_nobody_refers_to_is_collected_before_a_commit_could_expire_it(engine: Engine, is_async: bool) -> None:
    result = run_load(engine, Load(mix("messages"), 10, is_async=is_async))
    rows = {each.setting: str(each.seen) for each in effects(result, read(result.history))}
    assert (
        "expired: 0. Not expired, because nobody referred to them any more and they were collected before: 10."
        in (rows["expire_on_commit"])
    )


@DRIVERS
def test_one_request_shows_all_six_states_of_an_object(engine: Engine, is_async: bool) -> None:
    result = run_load(engine, Load(alone(kind("all_states")), 1, is_async=is_async))
    (life,) = object_lives(read(result.history))
    states = ["expired" if stay.expired else stay.state for stay in life.stays]
    assert set(states) == {"transient", "pending", "persistent", "expired", "deleted", "detached"}
    assert states[2] == "transient", "after the rollback"
    assert (life.stays[-1].state, life.stays[-1].ended_by) == ("detached", "collected")
    assert result.messages == 0


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
    assert str(seen[0]).endswith(usual)
    # A Session on the same connection rolls back what was left open: not every tenant finds the last one's setting.
    assert re.search(f"{changed}$", str(seen[1]))


def test_the_cure_that_is_offered_cures(engine: Engine) -> None:
    load = Load(mix("llm_inside"), 10, llm_s=1.5, settings=Settings(3, 0, pool_timeout=1.2))
    trace = read(run_load(engine, load).history)
    worst, asked = holders(trace)[0], pressure(trace)
    assert (asked.in_vain, worst.key, worst.cause) == (7, "llm_inside", Cause.AWAY)
    assert worst.typical_held_ms > worst.typical_idle_ms > 1500 > 2 * worst.typical_sql_ms
    assert asked.error.startswith("TimeoutError: QueuePool limit of size 3 overflow 0 reached")
    helps = cure(load, worst, asked)
    assert helps is not None
    cured = run_load(engine, helps.load)
    assert outcomes(cured) == {"ok": 10}
    assert pressure(read(cured.history)).in_vain == 0


def test_chats_that_end_their_transaction_first_let_everybody_in(engine: Engine) -> None:
    load = Load(mix("sse"), 12, llm_s=1.5, settings=Settings(2, 0, pool_timeout=1.2))
    trace = read(run_load(engine, load).history)
    worst, asked = holders(trace)[0], pressure(trace)
    assert (worst.key, worst.cause) == ("sse_chat", Cause.AWAY)
    assert asked.in_vain > 0
    helps = cure(load, worst, asked)
    assert helps is not None
    assert (helps.how, helps.load.mix) == ("code", mix("sse_outside"))
    assert outcomes(run_load(engine, helps.load)) == {"ok": 12}


@DRIVERS
def test_a_run_that_is_stopped_ends_at_once_and_leaves_nothing(engine: Engine, is_async: bool) -> None:
    progress = Progress()
    load = Load(mix("llm_inside"), 12, llm_s=60.0, is_async=is_async, settings=Settings(3, 0, pool_timeout=60.0))

    def look() -> None:
        """Stop it when three of them call the model, and nine wait for the pool."""
        while (seen := progress.look()) is None or sum(isinstance(it, WorkStarted) for it in seen[0].events) < 3:
            assert not progress.is_over
        progress.stop()

    with ThreadPoolExecutor(1) as other:
        looking = other.submit(look)
        result = run_load(engine, load, progress)
        looking.result()
    assert result.stopped
    trace = read(result.history)
    assert trace.duration_ms < 60_000
    assert totals(trace).unended == 12
    assert (result.messages, result.leaked) == (0, 0)
    assert left_behind(engine) == (0, 0)


def test_nobody_stops_what_is_over(engine: Engine) -> None:
    progress = Progress()
    result = run_load(engine, Load(mix("messages"), 2), progress)
    progress.stop()
    assert progress.is_over
    assert not progress.is_stopped
    assert not result.stopped
