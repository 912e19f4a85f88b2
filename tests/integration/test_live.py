"""A person at the keyboard, on the real server: deadlocks, wake-ups, cancel, undo, kills, and nothing left behind."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest

from simulator.engines.base import Engine
from simulator.engines.postgres.activity import look
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.postgres.room import PostgresRoom
from simulator.errors import EngineBusy
from simulator.history.schedule import LocksObserved, StatementFailed, StatementStarted, StepBlocked, StepResumed
from simulator.live import EndReason, Free, LiveRun, LiveRunEnded, LiveRuns, LiveState, played_at
from simulator.model import Isolation, Outcome, Scenario, Schedule
from simulator.scenarios.loader import find, load
from tests.integration.leftovers import end_backend, left_behind

RC, RR, SER = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE

CROSSING = """
key = "crossing"
title = "Crossing"
family = "isolation"
order = 1
story = "Two transfers lock two accounts in opposite order; a third session looks on."
setup = "CREATE TABLE account (id int PRIMARY KEY, balance int); INSERT INTO account VALUES (1, 100), (2, 100);"
[[variants]]
key = "naive"
title = "Opposite order"
schedule = ["T1.a", "T2.a", "T1.b", "T2.b", "T1.commit", "T2.commit", "T3.limit", "T3.a", "T3.commit"]
expect = { RC = "retried" }
sessions.T1 = [
  { name = "a", sql = "UPDATE account SET balance = balance - 1 WHERE id = 1" },
  { name = "b", sql = "UPDATE account SET balance = balance + 1 WHERE id = 2" },
  { name = "commit", sql = "COMMIT" },
]
sessions.T2 = [
  { name = "a", sql = "UPDATE account SET balance = balance - 1 WHERE id = 2" },
  { name = "b", sql = "UPDATE account SET balance = balance + 1 WHERE id = 1" },
  { name = "commit", sql = "COMMIT" },
]
sessions.T3 = [
  { name = "limit", sql = "SET LOCAL lock_timeout = '50ms'" },
  { name = "a", sql = "UPDATE account SET balance = balance + 5 WHERE id = 1" },
  { name = "commit", sql = "COMMIT" },
]
"""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def crossing() -> Scenario:
    return load(CROSSING, "crossing.toml")


@pytest.fixture
def admin(server: EmbeddedServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.admin_conninfo(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def run(engine: Engine, crossing: Scenario) -> Iterator[LiveRun]:
    run = LiveRun.start(engine, crossing, crossing.variants[0], RC)
    yield run
    run.close()
    assert engine.rooms_open() == 0


def play(run: LiveRun, clicks: str) -> None:
    for click in clicks.split():
        session, _, choice = click.partition(".")
        assert run.click(session, choice).issued, click


def watch_until(run: LiveRun, session: str, state: LiveState) -> None:
    """The page's fragment, as often as it can."""
    while run.refresh().session(session).state is not state:
        pass


def kill(admin: psycopg.Connection, run: LiveRun, session: str) -> None:
    name = next(name for name in run.levels if name.endswith(f":{session}"))
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", (name,))


def test_a_deadlock_by_hand_has_its_victim_and_the_survivor_commits(run: LiveRun) -> None:
    play(run, "T1.a T2.a")
    waiting = run.click("T1", "b").session("T1")
    assert (waiting.state, waiting.waits_for) == (LiveState.WAITING, ("T2",))
    view = run.click("T2", "b")
    victim, survivor = view.session("T2"), view.session("T1")
    assert (victim.state, victim.outcome, victim.sqlstate) == (LiveState.ENDED, "aborted", "40P01")
    assert survivor.state is LiveState.OPEN
    (failed,) = [event for event in run.history().events if isinstance(event, StatementFailed)]
    assert "waits for" in failed.detail
    play(run, "T1.commit T2.a T2.b T2.commit T3.limit T3.a")
    assert run.result() is None
    play(run, "T3.commit")
    result = run.result()
    assert result is not None
    assert result.outcome is Outcome.RETRIED
    assert result.aborts[0].retried_as == "T2#2"


def test_a_waiter_wakes_when_it_is_released(run: LiveRun) -> None:
    play(run, "T1.a T2.a T2.b")
    assert run.choices().session("T2").waits_for == ("T1",)
    assert run.click("T1", Free.ROLLBACK).session("T2").state is LiveState.OPEN
    (resumed,) = [event for event in run.history().events if isinstance(event, StepResumed)]
    assert resumed.released_by == "T1.rollback"


def test_a_cancelled_wait_leaves_its_transaction_aborted_and_rolled_back(run: LiveRun) -> None:
    play(run, "T1.a T2.a T2.b")
    cancelled = run.click("T2", Free.CANCEL).session("T2")
    assert (cancelled.state, cancelled.outcome, cancelled.sqlstate) == (LiveState.ENDED, "aborted", "57014")
    # T2's first row is free again.
    assert run.click("T1", "b").session("T1").state is LiveState.OPEN
    play(run, "T1.commit T2.a T2.b T2.commit")


def test_a_lock_timeout_is_noticed_without_a_click(run: LiveRun) -> None:
    play(run, "T1.a T3.limit T3.a")
    watch_until(run, "T3", LiveState.ENDED)
    assert run.choices().session("T3").sqlstate == "55P03"


def test_sessions_wait_longer_than_a_schedules(engine: Engine, run: LiveRun) -> None:
    lane = run._stage.run.scheduler.lanes["T1"]
    lane.connection.send("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')", {})
    assert lane.connection.finish().results[0].rows == (("10min", "10min"),)


def test_undo_starts_anew_and_ends_where_it_was(run: LiveRun) -> None:
    play(run, "T1.a T2.a T1.b T2.b")
    label = run._stage.room.label
    view = run.undo()
    assert (str(view.note), view.clicks) == ("", 3)
    assert run._stage.room.label != label
    assert view.session("T1").waits_for == ("T2",)
    assert view.session("T2").state is LiveState.OPEN
    play(run, "T2.cancel" if view.session("T2").free == (Free.CANCEL,) else "T2.commit")
    assert run.choices().session("T1").state is LiveState.OPEN


def test_undo_of_a_cancel_brings_the_wait_back(run: LiveRun) -> None:
    play(run, "T1.a T2.a T2.b T2.cancel T2.a T2.b")
    assert not run.undo().note
    assert not run.undo().note
    view = run.undo()
    assert (view.clicks, str(view.note)) == (3, "")
    assert view.session("T2").waits_for == ("T1",)


def test_undo_waits_for_a_time_out_that_the_person_had_waited_for(run: LiveRun) -> None:
    play(run, "T1.a T3.limit T3.a")
    watch_until(run, "T3", LiveState.ENDED)
    play(run, "T3.limit T1.commit")
    view = run.undo()
    assert (view.clicks, str(view.note)) == (4, "")


def test_a_killed_idle_session_is_noticed_and_its_waiter_goes_on(run: LiveRun, admin: psycopg.Connection) -> None:
    play(run, "T1.a T2.a T2.b")
    kill(admin, run, "T1")
    watch_until(run, "T1", LiveState.LOST)
    assert run.choices().session("T1").sqlstate == "57P01"
    watch_until(run, "T2", LiveState.OPEN)
    play(run, "T2.commit")
    assert run.undo().session("T1").state is LiveState.OPEN


def test_a_killed_waiter_is_noticed(run: LiveRun, admin: psycopg.Connection) -> None:
    play(run, "T1.a T2.a T2.b")
    kill(admin, run, "T2")
    watch_until(run, "T2", LiveState.LOST)
    assert run.choices().session("T2").sqlstate == "57P01"
    assert run.click("T1", "b").session("T1").state is LiveState.OPEN


def test_an_idle_transaction_that_the_server_gave_up_says_so(run: LiveRun) -> None:
    lane = run._stage.run.scheduler.lanes["T1"]
    lane.connection.send("SET idle_in_transaction_session_timeout = '250ms'", {})
    lane.connection.finish()
    play(run, "T1.a")
    watch_until(run, "T1", LiveState.LOST)
    assert run.choices().session("T1").sqlstate == "25P03"


def test_when_the_server_ends_every_session_the_run_says_why(
    engine: Engine, crossing: Scenario, admin: psycopg.Connection, server: EmbeddedServer
) -> None:
    run = LiveRun.start(engine, crossing, crossing.variants[0], RC)
    play(run, "T1.a T2.a T2.b")
    for name in ("T1", "T2", "T3"):
        kill(admin, run, name)
    with pytest.raises(LiveRunEnded, match="terminating connection due to administrator command") as caught:
        watch_until(run, "T1", LiveState.ENDED)
    assert caught.value.reason is EndReason.SERVER
    assert left_behind(server) == []


@pytest.mark.parametrize("which", ["reader", "control"])
def test_a_killed_connection_of_the_room_ends_the_run_and_leaves_nothing(
    engine: Engine, crossing: Scenario, server: EmbeddedServer, which: str
) -> None:
    run = LiveRun.start(engine, crossing, crossing.variants[0], RC)
    play(run, "T1.a")
    room = run._stage.room
    assert isinstance(room, PostgresRoom)
    killed = room._reader if which == "reader" else room.tenant.control
    end_backend(server, killed.pid)
    with pytest.raises(LiveRunEnded) as caught:
        run.click("T1", "commit")
    assert caught.value.reason is EndReason.SERVER
    assert left_behind(server) == []


def test_a_double_click_from_two_threads_issues_its_step_once(run: LiveRun) -> None:
    barrier, issued = threading.Barrier(2), []

    def click() -> None:
        barrier.wait()
        issued.append(run.click("T1", "a").issued)

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(issued) == [False, True]
    assert [e.step for e in run.history().events if isinstance(e, StatementStarted)] == ["T1.a"]


def test_a_run_that_is_left_alone_is_closed_and_its_page_told(
    engine: Engine, crossing: Scenario, server: EmbeddedServer
) -> None:
    clock = Clock()
    run = LiveRun.start(engine, crossing, crossing.variants[0], RC, clock=clock)
    play(run, "T1.a T2.a T2.b")
    clock.now = 300
    with pytest.raises(LiveRunEnded, match="5 minutes") as caught:
        run.refresh()
    assert caught.value.history is not None
    assert [e.by for e in caught.value.history.events if isinstance(e, StepBlocked)] == [("T1",)]
    assert left_behind(server) == []


@pytest.mark.parametrize("isolation", [RC, RR, SER])
def test_a_schedule_played_by_hand_comes_to_what_the_schedule_comes_to(engine: Engine, isolation: Isolation) -> None:
    scenario = find("write_skew")
    variant = scenario.variants[0]
    run = LiveRun.start(engine, scenario, variant, isolation)
    try:
        for key in variant.schedule.steps:
            session, _, name = key.partition(".")
            run.click(session, name)
            # A page asks for the history after every click: the verdict must not depend on it.
            run.history()
        result = run.result()
    finally:
        run.close()
    assert result is not None
    expected = variant.expectations[isolation]
    # Nobody has run the aborted transaction again.
    assert result.outcome is (Outcome.ABORTED if expected is Outcome.RETRIED else expected)


def test_locks_are_in_the_history_after_a_click_and_after_a_wake_up(run: LiveRun, admin: psycopg.Connection) -> None:
    play(run, "T1.a T2.a T2.b")
    seen = [event for event in run.history().events if isinstance(event, LocksObserved)]
    assert {session.session: session.blockers for session in seen[-1].sessions}["T2"] == ("T1",)
    assert len(seen) == 4
    run.refresh()
    assert len([event for event in run.history().events if isinstance(event, LocksObserved)]) == 4
    kill(admin, run, "T1")
    watch_until(run, "T2", LiveState.OPEN)
    seen = [event for event in run.history().events if isinstance(event, LocksObserved)]
    assert len(seen) > 4
    assert not any(session.blockers for session in seen[-1].sessions)


def test_watch_live_knows_the_levels_of_live_runs(engine: Engine, crossing: Scenario) -> None:
    runs = LiveRuns()
    runs.start(engine, crossing, crossing.variants[0], RR, owner="tab")
    try:
        assert {row.isolation for row in look(engine, runs.levels())} == {RR}
    finally:
        runs.close_all()
    assert look(engine) == ()


def test_eighty_abandoned_runs_leave_nothing(
    engine: Engine, crossing: Scenario, admin: psycopg.Connection, server: EmbeddedServer
) -> None:
    """Closed with their tab, expired, killed by the server, left to the registry's end; with undo in between."""
    chance, clock = random.Random(20), Clock()
    runs = LiveRuns(limit=4, patience_s=0.0, clock=clock)
    cases = [crossing, find("lost_update"), find("write_skew"), find("double_booking")]
    for number in range(80):
        scenario = chance.choice(cases)
        start = _starter(runs, engine, scenario, chance.choice(scenario.levels), f"tab {number}")
        try:
            run = start()
        except EngineBusy:
            clock.now += 301
            runs.reap()
            run = start()
        _abandon(run, chance, admin)
        if chance.random() < 0.5:
            runs.close_of(f"tab {number}")
    runs.close_all()
    assert left_behind(server) == []
    assert runs.going_on() == 0


def _starter(
    runs: LiveRuns, engine: Engine, scenario: Scenario, isolation: Isolation, owner: str
) -> Callable[[], LiveRun]:
    variant = scenario.variants[0]
    return lambda: runs.get(runs.start(engine, scenario, variant, isolation, owner=owner))


def _abandon(run: LiveRun, chance: random.Random, admin: psycopg.Connection) -> None:
    """Some clicks that are possible, some that are not, and somewhere in between the person is gone."""
    with suppress(LiveRunEnded):  # The server was made to end it.
        for _ in range(chance.randrange(9)):
            session = chance.choice(run.choices().sessions)
            what = chance.random()
            if what < 0.6 and session.step is not None:
                run.click(session.name, session.step)
            elif what < 0.8 and session.free:
                run.click(session.name, chance.choice(session.free))
            elif what < 0.9:
                run.undo()
            elif what < 0.95:
                kill(admin, run, session.name)


@pytest.mark.parametrize("there", [RC, RR])
def test_the_same_clicks_at_the_other_levels_are_runs_of_their_own(engine: Engine, there: Isolation) -> None:
    lost = find("lost_update")
    run = LiveRun.start(engine, lost, lost.variants[0], there)
    for session in ("T1", "T2", "T1", "T2", "T1", "T2"):
        step = run.choices().session(session).step
        if step is not None and not run.choices().session(session).again:
            run.click(session, step)
    driven = run.result()
    assert driven is not None
    assert driven.outcome is (Outcome.ANOMALY if there is RC else Outcome.ABORTED)
    found = [played_at(engine, lost, lost.variants[0], level, run.clicks()) for level in (RC, RR, SER)]
    run.close()
    assert [each.outcome for each in found] == [Outcome.ANOMALY, Outcome.RETRIED, Outcome.RETRIED]
    assert [each.invariant and each.invariant.measured and each.invariant.measured.value for each in found] == [
        130,
        150,
        150,
    ]
    assert {each.schedule for each in found} == {Schedule(found[0].schedule.steps)}
    assert engine.rooms_open() == 0
