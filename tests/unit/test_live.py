"""Live runs on the fake engine: choices, waits, undo, and why a run is over."""

from __future__ import annotations

import threading

import pytest

from simulator.engines.base import StateObservation
from simulator.errors import EngineBusy, EngineError
from simulator.history.schedule import History, StatementStarted, StepResumed, TransactionEnded
from simulator.live import EndReason, Free, LiveRun, LiveRunEnded, LiveRuns, LiveState
from simulator.live.compare import first_difference
from simulator.live.runs import LIMIT
from simulator.model import Invariant, Isolation, Outcome, Scenario, Schedule, SessionScript, Step, Variant
from tests.fake_engine import FakeEngine, FakeRoom, FakeSession

RC, RR = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ
READ, WRITE = "SELECT value FROM item WHERE id = 1", "UPDATE item SET value = {} WHERE id = {}"
LOST = (
    f"T1: {READ}; {WRITE.format(120, 1)}; COMMIT",
    f"T2: {READ}; {WRITE.format(130, 1)}; COMMIT",
)
CROSSING = (
    f"T1: {WRITE.format(1, 1)}; {WRITE.format(1, 2)}; COMMIT",
    f"T2: {WRITE.format(2, 2)}; {WRITE.format(2, 1)}; COMMIT",
)


def scenario(*sessions: str, invariant: Invariant | None = None) -> Scenario:
    """Each session as `T1: sql; sql; COMMIT`; its steps are called a, b, c ..."""
    scripts = []
    for line in sessions:
        name, _, body = line.partition(": ")
        steps = (Step("abcdefgh"[i], name, sql.strip()) for i, sql in enumerate(body.split(";")))
        scripts.append(SessionScript(name, tuple(steps)))
    keys = tuple(step.key for script in scripts for step in script.steps)
    variant = Variant("naive", "Naive", tuple(scripts), Schedule(keys), is_fix=False, expectations={})
    return Scenario("fake", "Fake", "isolation", 1, "", "", (variant,), invariant=invariant)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Case:
    def __init__(self, *sessions: str, isolation: Isolation = RC, invariant: Invariant | None = None) -> None:
        self.engine = FakeEngine()
        self.clock = Clock()
        self.case = scenario(*sessions, invariant=invariant)
        self.run = LiveRun.start(self.engine, self.case, self.case.variants[0], isolation, clock=self.clock)

    def play(self, clicks: str) -> None:
        for click in clicks.split():
            session, _, choice = click.partition(".")
            assert self.run.click(session, choice).issued, click

    def fake(self, name: str) -> FakeSession:
        return self.engine.rooms[-1].sessions[name]

    def started(self) -> list[str | None]:
        return [event.step for event in self.run.history().events if isinstance(event, StatementStarted)]


def test_each_session_offers_its_next_step_and_what_is_free() -> None:
    case = Case(*LOST)
    first = case.run.choices().session("T1")
    assert (first.state, first.possible, first.free) == (LiveState.READY, True, ())
    assert first.step is not None
    assert first.step.key == "T1.a"
    view = case.run.click("T1", first.step)
    assert view.session("T1").state is LiveState.OPEN
    assert view.session("T1").step == case.case.variants[0].step("T1.b")
    assert view.session("T1").free == (Free.COMMIT, Free.ROLLBACK)
    assert view.clicks == 1
    assert case.run.click("T1", "b").session("T1").free == (Free.ROLLBACK,)  # its COMMIT is the next step


def test_what_a_session_has_read_is_known_before_it_is_used() -> None:
    case = Case(*LOST)
    script = case.case.variants[0].sessions[0]
    read = Step("a", "T1", READ, save="seen")
    variant = Variant(
        "v", "", (SessionScript("T1", (read, *script.steps[1:])),), Schedule(()), is_fix=False, expectations={}
    )
    run = LiveRun.start(case.engine, case.case, variant, RC)
    assert run.click("T1", "a").session("T1").saved == {"seen": 100}


def test_a_waiting_session_is_shown_at_once_and_wakes_by_itself() -> None:
    case = Case(*LOST)
    case.play("T1.a T2.a T1.b")
    waiting = case.run.click("T2", "b").session("T2")
    assert (waiting.state, waiting.waits_for, waiting.possible) == (LiveState.WAITING, ("T1",), False)
    assert waiting.free == (Free.CANCEL,)
    assert "T2.b" in str(waiting.sentence)
    assert "T1" in str(waiting.sentence)
    assert not case.run.click("T2", "c").issued
    woken = case.run.click("T1", "c").session("T2")
    assert (woken.state, woken.possible) == (LiveState.OPEN, True)
    assert any(isinstance(event, StepResumed) for event in case.run.history().events)


def test_when_every_transaction_is_over_there_is_a_verdict() -> None:
    case = Case(*LOST)
    case.play("T1.a T2.a T1.b T2.b T1.c")
    assert case.run.result() is None
    case.play("T2.c")
    result = case.run.result()
    assert result is not None
    assert result.outcome is Outcome.ANOMALY
    assert [anomaly.name for anomaly in result.graph.anomalies] == ["P4"]
    assert result.schedule.steps == ("T1.a", "T2.a", "T1.b", "T2.b", "T1.c", "T2.c")


def test_a_deadlock_goes_to_its_victim_which_may_run_again() -> None:
    case = Case(*CROSSING)
    case.play("T1.a T2.a T1.b")
    view = case.run.click("T2", "b")
    victim, survivor = view.session("T2"), view.session("T1")
    assert (victim.state, victim.sqlstate, victim.again) == (LiveState.ENDED, "40P01", True)
    assert "40P01" in str(victim.sentence)
    assert survivor.state is LiveState.OPEN
    case.play("T1.c T2.a T2.b T2.c")
    result = case.run.result()
    assert result is not None
    assert result.outcome is Outcome.RETRIED
    assert result.aborts[0].retried_as == "T2#2"


def test_free_choices_end_a_transaction_before_its_script_does() -> None:
    case = Case(*LOST)
    case.play("T1.a T1.commit T2.a T2.b T2.rollback")
    view = case.run.choices()
    assert view.finished
    assert view.session("T1").step is None
    assert view.session("T2").again
    ends = [e.outcome for e in case.run.history().events if isinstance(e, TransactionEnded)]
    assert ends == ["committed", "rolled back"]
    assert case.engine.rooms[-1].store.rows[1][1] == 100


def test_the_invariant_is_asked_only_of_sessions_that_did_their_whole_script() -> None:
    rule = Invariant("never", "SELECT value FROM item WHERE id = 1")
    whole, half = Case(*LOST, invariant=rule), Case(*LOST, invariant=rule)
    whole.play("T1.a T1.b T1.c T2.a T2.b T2.c")
    half.play("T1.a T1.b T1.c T2.a T2.rollback")
    results = whole.run.result(), half.run.result()
    assert [result is not None and result.invariant is not None for result in results] == [True, False]


def test_cancel_aborts_the_waiting_statement_and_rolls_back() -> None:
    case = Case(*LOST)
    case.play("T1.a T2.a T1.b T2.b")
    view = case.run.click("T2", Free.CANCEL)
    assert view.issued
    cancelled = view.session("T2")
    assert (cancelled.state, cancelled.outcome, cancelled.sqlstate) == (LiveState.ENDED, "aborted", "57014")
    assert not case.fake("T2").in_transaction
    assert not case.run.click("T2", Free.CANCEL).issued


def test_a_double_click_issues_once() -> None:
    case = Case("T1: FAIL 40001; COMMIT")
    turn = case.run.choices().session("T1").turn
    assert case.run.click("T1", "a", turn=turn).issued
    # The transaction was aborted: the same step, as the first of the second attempt, is possible again.
    assert not case.run.click("T1", "a", turn=turn).issued
    assert case.started() == ["T1.a"]


def test_two_threads_that_click_the_same_step_issue_it_once() -> None:
    case = Case(*LOST)
    barrier = threading.Barrier(2)
    issued: list[bool] = []

    def click() -> None:
        barrier.wait()
        issued.append(case.run.click("T1", "a").issued)

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(issued) == [False, True]
    assert case.started() == ["T1.a"]


def test_undo_plays_the_clicks_before_it_on_a_fresh_schema() -> None:
    case = Case(*LOST)
    case.play("T1.a T2.a T1.b T2.b T1.c")
    view = case.run.undo()
    assert view.clicks == 4
    assert not view.note
    assert view.session("T2").state is LiveState.WAITING
    assert len(case.engine.rooms) == 2
    assert case.engine.rooms_open() == 1
    case.play("T2.cancel T1.c")


def test_undo_of_nothing_is_not_issued() -> None:
    case = Case(*LOST)
    assert not case.run.undo().issued
    assert len(case.engine.rooms) == 1


def test_undo_says_from_which_step_on_the_server_answered_differently() -> None:
    case = Case(*LOST)
    case.play("T2.a T1.a T1.b")
    case.engine._rows[1] = 77
    assert "T2.a" in str(case.run.undo().note)
    case.play("T1.b")
    assert not case.run.choices().note


def test_undo_stops_where_a_session_still_waits_that_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.live.stage.REPLAY_PATIENCE", 0.05)
    case = Case(*LOST, f"T3: {READ}")
    case.play("T1.a T1.b T2.a T2.b")
    case.fake("T1").kill()
    case.play("T2.c T3.a")
    view = case.run.undo()
    assert view.clicks == 4
    assert view.note
    assert view.session("T2").waits_for == ("T1",)


def test_left_alone_a_run_is_closed_and_every_call_says_so() -> None:
    case = Case(*LOST)
    case.play("T1.a T1.b")
    case.clock.now += 299
    case.run.refresh()
    case.clock.now += 2
    for call in (case.run.choices, case.run.refresh, case.run.undo, case.run.history, case.run.result):
        with pytest.raises(LiveRunEnded, match="5 minutes") as caught:
            call()
        assert caught.value.reason is EndReason.IDLE
        assert isinstance(caught.value.history, History)
        assert caught.value.history.of_step("T1.b")
    assert case.engine.rooms_open() == 0


def test_a_click_is_a_touch_and_a_look_is_none() -> None:
    case = Case(*LOST)
    case.clock.now += 200
    case.play("T1.a")
    case.clock.now += 200
    assert case.run.refresh().expires_in_s == 100


def test_a_killed_session_loses_its_transaction_and_the_others_go_on() -> None:
    case = Case(*LOST)
    case.play("T1.a T1.b T2.a T2.b")
    case.fake("T1").kill()
    view = case.run.refresh()
    lost = view.session("T1")
    assert (lost.state, lost.outcome, lost.sqlstate) == (LiveState.LOST, "aborted", "57P01")
    assert (lost.possible, lost.free) == (False, ())
    assert lost.sentence
    assert view.session("T2").state is LiveState.OPEN
    case.play("T2.c")
    result = case.run.result()
    assert result is not None
    assert str(result.aborts[0].message) == "The server closed the connection between two statements."


def test_when_every_session_is_killed_the_run_is_over_and_says_why() -> None:
    case = Case(*LOST)
    case.play("T1.a")
    for name in ("T1", "T2"):
        case.fake(name).kill()
    with pytest.raises(LiveRunEnded) as caught:
        case.run.refresh()
    assert caught.value.reason is EndReason.SERVER
    assert case.engine.rooms_open() == 0


def test_when_the_observer_fails_the_run_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(*LOST)
    case.play("T1.a T1.b")

    def observe(self: FakeRoom, probes: object) -> StateObservation:
        raise EngineError("the connection is gone")

    monkeypatch.setattr(FakeRoom, "observe", observe)
    with pytest.raises(LiveRunEnded, match=r"the connection is gone\. Start it again"):
        case.run.click("T1", "c")
    assert case.engine.rooms_open() == 0


def test_a_run_that_cannot_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: FakeRoom, *arguments: object) -> FakeSession:
        raise EngineError("no connection")

    monkeypatch.setattr(FakeRoom, "open", refuse)
    engine, case = FakeEngine(), scenario(*LOST)
    with pytest.raises(EngineError):
        LiveRun.start(engine, case, case.variants[0], RC)
    assert engine.rooms_open() == 0


def test_an_unknown_session_is_a_mistake_of_the_page() -> None:
    with pytest.raises(KeyError):
        Case(*LOST).run.click("T9", "a")


def test_a_guard_that_does_not_hold_passes_over_its_step() -> None:
    case = Case(*LOST)
    script = case.case.variants[0].sessions[0]
    read = Step("a", "T1", READ, save="seen")
    guarded = Step("b", "T1", WRITE.format(1, 1), when="seen > 100")
    variant = Variant(
        "v", "", (SessionScript("T1", (read, guarded, script.steps[2])),), Schedule(()), is_fix=False, expectations={}
    )
    run = LiveRun.start(case.engine, case.case, variant, RC)
    assert run.click("T1", "a").session("T1").skips
    assert run.click("T1", "b").session("T1").step == script.steps[2]
    assert run.click("T1", "c").finished


class Registry:
    def __init__(self, limit: int = 2, patience_s: float = 0.0) -> None:
        self.engine, self.clock, self.case = FakeEngine(), Clock(), scenario(*LOST)
        self.runs = LiveRuns(limit=limit, patience_s=patience_s, clock=self.clock)

    def start(self, owner: str) -> str:
        return self.runs.start(self.engine, self.case, self.case.variants[0], RC, owner=owner)


def test_a_closed_tab_takes_its_runs_with_it() -> None:
    registry = Registry()
    mine, other = registry.start("tab 1"), registry.start("tab 2")
    registry.runs.close_of("tab 1")
    with pytest.raises(LiveRunEnded, match="page"):
        registry.runs.get(mine).refresh()
    registry.runs.get(other).refresh()
    registry.runs.close_all()
    assert registry.engine.rooms_open() == 0


def test_an_owner_has_one_run_at_a_time() -> None:
    registry = Registry()
    first = registry.start("tab")
    registry.start("tab")
    with pytest.raises(LiveRunEnded) as caught:
        registry.runs.get(first).choices()
    assert caught.value.reason is EndReason.REPLACED
    assert registry.engine.rooms_open() == 1
    registry.runs.close_all()


def test_when_all_places_are_taken_the_next_one_is_told_so() -> None:
    registry = Registry(limit=1)
    run = registry.start("tab 1")
    with pytest.raises(EngineBusy, match="live runs"):
        registry.start("tab 2")
    registry.runs.close(run)
    registry.start("tab 2")
    registry.runs.close_all()
    with pytest.raises(EngineBusy, match="stopping"):
        registry.start("tab 2")


def test_fifty_people_drive_at_once() -> None:
    registry = Registry(limit=LIMIT)
    for number in range(50):
        registry.start(f"tab {number}")
    assert registry.runs.going_on() == registry.engine.rooms_open() == 50
    registry.runs.close_all()
    assert registry.engine.rooms_open() == 0


def test_who_was_left_alone_longest_gives_way_to_who_waits_and_is_told_why() -> None:
    registry = Registry(limit=2)
    idle, busy = registry.start("tab 1"), registry.start("tab 2")
    registry.clock.now += 15
    registry.runs.get(busy).click("T1", "a")
    registry.clock.now += 5
    third = registry.start("tab 3")
    with pytest.raises(LiveRunEnded, match="Somebody waited for a place") as caught:
        registry.runs.get(idle).refresh()
    assert caught.value.reason is EndReason.GAVE_WAY
    for run in (busy, third):
        registry.runs.get(run).refresh()
    assert registry.engine.rooms_open() == 2
    registry.runs.close_all()


def test_nobody_gives_way_who_clicked_a_moment_ago() -> None:
    registry = Registry(limit=1)
    run = registry.start("tab 1")
    registry.clock.now += 300 - 1
    registry.runs.get(run).click("T1", "a")
    registry.clock.now += 19
    with pytest.raises(EngineBusy, match="clicked in the last 20 seconds"):
        registry.start("tab 2")
    assert not registry.runs.get(run).give_way(touched=0.0)
    registry.runs.get(run).refresh()
    registry.runs.close_all()


def test_who_waits_gets_the_place_of_whom_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(limit=1, patience_s=10)
    first, waiting = registry.start("tab 1"), threading.Event()
    look = registry.runs._make_room
    monkeypatch.setattr(registry.runs, "_make_room", lambda: (look(), waiting.set()))
    started: list[str] = []
    thread = threading.Thread(target=lambda: started.append(registry.start("tab 2")))
    thread.start()
    assert waiting.wait(10)
    registry.runs.close(first)
    thread.join(10)
    registry.runs.get(started[0]).refresh()
    registry.runs.close_all()


def test_a_reset_ends_every_run_and_new_ones_may_start() -> None:
    registry = Registry()
    runs = [registry.start("tab 1"), registry.start("tab 2")]
    registry.runs.end_all(EndReason.RESET)
    for run in runs:
        with pytest.raises(LiveRunEnded, match="next group"):
            registry.runs.get(run).refresh()
    registry.start("tab 1")
    registry.runs.close_all()


def test_a_run_that_does_not_end_holds_nobody_up_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, stuck = Registry(limit=3), threading.Event()
    for number in range(3):
        registry.start(f"tab {number}")
    ended = threading.Event()
    first, _, last = registry.engine.rooms
    monkeypatch.setattr(first, "close", stuck.wait)
    monkeypatch.setattr(last, "close", ended.set)
    try:
        registry.runs.close_all(within_s=0.05)
        assert ended.wait(10)
    finally:
        stuck.set()


def test_a_server_that_is_gone_is_told_in_our_words_and_not_in_its_own() -> None:
    case = Case(*LOST)
    case.play("T1.a T1.b")
    case.engine.die()
    with pytest.raises(LiveRunEnded, match="database server stopped or was started anew") as caught:
        case.run.refresh()
    assert caught.value.reason is EndReason.GONE
    assert "terminating" not in str(caught.value)


def test_a_double_click_on_undo_takes_one_click_back() -> None:
    case = Case(*LOST)
    case.play("T1.a T1.b")
    assert case.run.undo(clicks=2).issued
    view = case.run.undo(clicks=2)
    assert (view.issued, view.clicks) == (False, 1)


def _refuse(*arguments: object) -> None:
    raise EngineError("no")


def test_a_place_is_free_again_where_a_start_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry(limit=1)
    with monkeypatch.context() as patch:
        patch.setattr("simulator.live.stage.Run.open", _refuse)
        with pytest.raises(EngineError):
            registry.start("tab")
    registry.start("tab")
    registry.runs.close_all()


def test_an_unknown_id_is_a_run_that_is_over() -> None:
    with pytest.raises(LiveRunEnded):
        LiveRuns().get("nothing")


def test_due_runs_are_reaped_and_the_others_are_not() -> None:
    registry = Registry()
    old = registry.start("tab 1")
    registry.clock.now += 200
    young = registry.start("tab 2")
    registry.clock.now += 150
    registry.runs.reap()
    assert registry.runs.get(old).ended
    assert not registry.runs.get(young).ended
    registry.runs.close_all()


def test_the_reaper_closes_a_run_by_itself_and_ends_with_the_last_one() -> None:
    closed = threading.Event()
    engine = FakeEngine()
    engine._left = closed.set  # type: ignore[method-assign]
    runs = LiveRuns(idle_limit_s=0.05)
    case = scenario(*LOST)
    run = runs.start(engine, case, case.variants[0], RC, owner="tab")
    reaper = runs._reaper
    assert reaper is not None
    assert closed.wait(10)
    reaper.join(10)
    assert not reaper.is_alive()
    with pytest.raises(LiveRunEnded):
        runs.get(run).choices()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_run_that_cannot_be_closed_is_seen_and_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: seen.append(str(arguments.exc_value)))
    engine, case, closed = FakeEngine(), scenario(*LOST), threading.Event()
    runs = LiveRuns(limit=2, idle_limit_s=0.2)
    names = [runs.start(engine, case, case.variants[0], RC, owner=owner) for owner in ("tab 1", "tab 2")]
    first, second = engine.rooms

    def broken() -> None:
        raise ValueError("broken")

    monkeypatch.setattr(first, "close", broken)
    monkeypatch.setattr(second, "close", closed.set)
    assert closed.wait(10)
    assert seen == ["broken"]
    assert all(runs.get(name).ended for name in names)


def test_levels_are_known_by_the_sessions_name_on_the_server() -> None:
    registry = Registry()
    registry.start("tab")
    assert registry.runs.levels() == {"fake_run:T1": RC, "fake_run:T2": RC}
    registry.runs.close_all()
    assert registry.runs.levels() == {}


def test_histories_are_compared_session_by_session() -> None:
    one, other = Case(*LOST), Case(*LOST)
    one.play("T1.a T2.a T1.b T1.c")
    other.play("T2.a T1.a T1.b T1.c")
    histories = one.run.history().events, other.run.history().events
    assert first_difference(*histories) is None
    shorter = tuple(event for event in histories[1] if event.step != "T1.c")
    assert first_difference(histories[0], shorter) == "T1.c"
    assert first_difference(shorter, histories[0]) == "T1.c"


def test_a_session_goes_on_with_its_next_transaction() -> None:
    case = Case(f"T1: {READ}; COMMIT; {WRITE.format(3, 1)}; COMMIT")
    case.play("T1.a T1.b")
    between = case.run.choices().session("T1")
    assert (between.state, between.again, between.free) == (LiveState.READY, False, ())
    assert between.step is not None
    assert between.step.key == "T1.c"
    case.play("T1.c")
    assert case.run.choices().session("T1").transaction == "T1:2"
    assert case.run.result() is None
    case.play("T1.d")
    assert case.run.result() is not None


def test_the_transaction_that_a_person_rolled_back_is_run_again_from_its_own_first_step() -> None:
    case = Case(f"T1: {READ}; COMMIT; {WRITE.format(3, 1)}; {READ}; COMMIT")
    case.play("T1.a T1.b T1.c T1.rollback")
    again = case.run.choices().session("T1")
    assert again.again
    assert again.step is not None
    assert again.step.key == "T1.c"
    case.play("T1.c T1.d T1.e")
    ends = [(e.transaction, e.outcome) for e in case.run.history().events if isinstance(e, TransactionEnded)]
    assert ends == [("T1", "committed"), ("T1:2", "rolled back"), ("T1:2#2", "committed")]
