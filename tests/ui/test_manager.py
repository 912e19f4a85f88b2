"""The one owner of the engine: opened once, its failure told again and again, given up at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import pytest

from simulator.engines.base import Engine
from simulator.errors import EngineBusy, EngineError
from simulator.live import LiveRunEnded
from simulator.model import Isolation, Scenario, Schedule, SessionScript, Step, Variant
from simulator.ui.app.manager import Manager
from tests.fake_engine import FakeEngine

EXTERNAL = {"DATABASE_URL": "postgresql://nowhere/shop"}


class Opener:
    """Fails for an external server, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, environ: Mapping[str, str]) -> Engine:
        self.calls += 1
        self.gate.wait()
        if environ.get("DATABASE_URL"):
            raise EngineError(f"failure {self.calls}")
        return FakeEngine()


def test_who_comes_while_it_starts_waits_for_the_same_engine() -> None:
    opener = Opener()
    opener.gate.clear()
    manager = Manager({}, opener)
    manager.start()
    found: list[Engine] = []
    visitors = [threading.Thread(target=lambda: found.append(manager.engine())) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    opener.gate.set()
    for visitor in visitors:
        visitor.join(timeout=10)
    assert opener.calls == 1
    assert len({id(engine) for engine in found}) == 1
    assert len(found) == 8


def test_a_failure_is_told_again_until_somebody_tries_again() -> None:
    opener = Opener()
    manager = Manager(EXTERNAL, opener)
    for _ in range(3):
        with pytest.raises(EngineError, match="failure 1"):
            manager.engine()
    manager.retry()
    with pytest.raises(EngineError, match="failure 2"):
        manager.engine()
    assert opener.calls == 2


def test_a_failure_at_the_start_is_kept_for_the_page() -> None:
    opener = Opener()
    manager = Manager(EXTERNAL, opener)
    manager.start()
    with pytest.raises(EngineError, match="failure 1"):
        manager.engine()
    assert opener.calls == 1


def test_the_embedded_server_takes_over() -> None:
    manager = Manager(EXTERNAL, Opener())
    assert manager.wants_external
    with pytest.raises(EngineError):
        manager.engine()
    manager.use_embedded()
    assert manager.engine().info()
    assert not manager.wants_external


def test_an_engine_whose_server_is_gone_is_replaced_by_the_next_click() -> None:
    opener = Opener()
    manager = Manager({}, opener)
    gone = manager.engine()
    assert manager.engine() is gone
    assert isinstance(gone, FakeEngine)
    gone.die()
    assert not manager.is_open()
    assert manager.engine() is not gone
    assert manager.is_open()
    assert opener.calls == 2


def test_a_server_that_came_back_by_itself_is_connected_again() -> None:
    opener = Opener()
    manager = Manager({}, opener)
    engine = manager.engine()
    assert isinstance(engine, FakeEngine)
    engine.heals = 1
    engine.die()
    assert manager.engine() is engine
    assert opener.calls == 1


class Dying:
    """A run whose server dies in it, so many times; either the run fails, or it comes back with a failure in it."""

    def __init__(self, times: int, *, raises: bool) -> None:
        self.times, self.raises = times, raises
        self.runs = 0

    def __call__(self, engine: Engine) -> str:
        self.runs += 1
        if self.runs > self.times:
            return "made"
        assert isinstance(engine, FakeEngine)
        engine.die()
        if self.raises:
            raise EngineError("server closed the connection unexpectedly")
        return "lost"


@pytest.mark.parametrize("raises", [True, False])
def test_a_click_that_a_dying_server_took_along_is_run_again_by_itself_and_the_person_told(raises: bool) -> None:
    run, said = Dying(1, raises=raises), list[str]()
    assert Manager({}, Opener()).using(run, said.append) == "made"
    assert run.runs == 2
    assert said == ["The database server had stopped. It is back, and this was run on it."]


def test_a_server_that_dies_twice_in_one_click_is_not_tried_for_ever() -> None:
    run = Dying(5, raises=True)
    with pytest.raises(EngineError):
        Manager({}, Opener()).using(run)
    assert run.runs == 2


def test_a_run_that_fails_on_a_server_that_is_well_is_not_run_again() -> None:
    runs: list[Engine] = []

    def fails(engine: Engine) -> None:
        runs.append(engine)
        raise EngineError("there is no such table")

    with pytest.raises(EngineError, match="no such table"):
        Manager({}, Opener()).using(fails)
    assert len(runs) == 1


def test_two_who_click_at_once_heal_once_and_both_are_served() -> None:
    opener, both = Opener(), threading.Barrier(2)
    manager = Manager({}, opener)
    manager.engine()

    def run(engine: Engine) -> Engine:
        if opener.calls == 1:
            both.wait(10)
            assert isinstance(engine, FakeEngine)
            engine.die()
            raise EngineError("gone")
        return engine

    found: list[Engine] = []
    people = [threading.Thread(target=lambda: found.append(manager.using(run))) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join(timeout=10)
    assert opener.calls == 2
    assert len(found) == 2
    assert found[0] is found[1]


def test_a_server_that_does_not_come_back_is_told_in_one_sentence_and_tried_again_by_a_later_click() -> None:
    now = [100.0]
    opened: list[FakeEngine] = []
    fails = [False]

    def opener(_environ: Mapping[str, str]) -> Engine:
        if fails[0]:
            raise EngineError("Nothing answers at db:5432.")
        opened.append(FakeEngine())
        return opened[-1]

    manager = Manager({}, opener, clock=lambda: now[0])
    manager.engine()
    opened[0].die()
    fails[0] = True
    for _ in range(2):
        with pytest.raises(EngineError, match=r"has stopped.*: Nothing answers at db:5432\.$"):
            manager.engine()
    fails[0] = False
    with pytest.raises(EngineError):
        manager.engine()
    now[0] += 2
    assert manager.engine() is opened[1]


def test_a_reset_ends_live_runs_and_what_is_being_made() -> None:
    manager, gate = Manager({}, Opener()), threading.Event()
    run = manager.live.start(manager.engine(), *_fake_case(), owner="tab")
    errand = manager.errand("tab", "run", 1, lambda _engine: gate.wait(10))
    manager.reset()
    gate.set()
    assert manager.resets == 1
    with pytest.raises(LiveRunEnded, match="next group"):
        manager.live.get(run).refresh()
    with pytest.raises(EngineBusy, match="next group"):
        errand.result()
    assert manager.engine()


def test_who_leaves_takes_live_runs_and_waiting_things_along() -> None:
    manager, gate = Manager({}, Opener()), threading.Event()
    manager.live.start(manager.engine(), *_fake_case(), owner="tab")
    mine, other = (manager.errand(owner, "run", 1, lambda _engine: gate.wait(10)) for owner in ("tab", "other"))
    manager.leave("tab")
    assert mine.has_failed
    assert not other.is_over
    assert manager.live.going_on() == 0
    gate.set()


def test_the_end_comes_within_its_time_while_the_engine_opens_and_a_run_hangs() -> None:
    opener, gate = Opener(), threading.Event()
    opener.gate.clear()
    manager = Manager({}, opener)
    manager.start()
    errand = manager.errand("tab", "run", 1, lambda _engine: gate.wait(60))
    started = time.monotonic()
    manager.stop(within_s=0.1)
    assert time.monotonic() - started < 20
    with pytest.raises(EngineError, match="stopping"):
        errand.result()
    opener.gate.set()
    gate.set()


def test_the_end_comes_within_its_time_while_the_engine_does_not_close(monkeypatch: pytest.MonkeyPatch) -> None:
    manager, stuck = Manager({}, Opener()), threading.Event()
    monkeypatch.setattr(manager.engine(), "close", lambda: stuck.wait(60))
    started = time.monotonic()
    manager.stop(within_s=0.1)
    assert time.monotonic() - started < 20
    stuck.set()


def _fake_case() -> tuple[Scenario, Variant, Isolation]:
    """One session that reads the fake's only table."""
    steps = (Step("a", "T1", "SELECT value FROM item WHERE id = 1"), Step("commit", "T1", "COMMIT"))
    variant = Variant("v", "", (SessionScript("T1", steps),), Schedule(()), is_fix=False, expectations={})
    return Scenario("fake", "Fake", "isolation", 1, "", "", (variant,)), variant, Isolation.READ_COMMITTED


def test_after_the_end_nothing_is_opened_again() -> None:
    opener = Opener()
    manager = Manager({}, opener)
    manager.engine()
    manager.stop()
    with pytest.raises(EngineError, match="stopping"):
        manager.engine()
    assert opener.calls == 1


def test_a_click_that_finds_the_server_gone_is_told_so_and_runs_once() -> None:
    manager, run, said = Manager({}, Opener()), Dying(0, raises=True), list[str]()
    engine = manager.engine()
    assert isinstance(engine, FakeEngine)
    engine.die()
    assert manager.using(run, said.append) == "made"
    assert (run.runs, len(said)) == (1, 1)
