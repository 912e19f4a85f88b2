"""A click is one run: scripts of one person overlap, end at any moment and are taken over; people do not meet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from simulator.engines.budget import QueuePlace
from simulator.errors import EngineError
from simulator.i18n import language, use
from simulator.ui.app.errands import DOUBLE_CLICK_S, GRACE_S, Errand, Errands, GivenUp, tell

PATIENCE_S = 10.0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Room:
    """Errands of people, and a gate that keeps what is made from being done."""

    def __init__(self) -> None:
        self.clock, self.gate = Clock(), threading.Event()
        self.errands = Errands(self.clock)
        self.runs: list[str] = []

    def work(self, name: str) -> Callable[[Errand[str]], str]:
        def made(_errand: Errand[str]) -> str:
            self.runs.append(name)
            assert self.gate.wait(PATIENCE_S)
            return name

        return made

    def begin(self, name: str, *, owner: str = "ada", wanted: object = None) -> Errand[str]:
        return self.errands.begin(owner, name, wanted, self.work(name))


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    room.gate.set()
    room.errands.close()


def over(errand: Errand[str]) -> Errand[str]:
    assert _until(errand)
    return errand


def _until(errand: Errand[str]) -> bool:
    with errand.watched():
        return errand.wait(PATIENCE_S) or errand.wait(PATIENCE_S)


def test_a_second_script_takes_what_the_first_one_began(room: Room) -> None:
    first, second = room.begin("run", wanted=1), room.begin("run", wanted=1)
    assert first is second
    room.gate.set()
    assert over(second).result() == "run"
    assert room.runs == ["run"]


def test_a_script_that_comes_when_the_first_was_cut_short_takes_its_result(room: Room) -> None:
    room.gate.set()
    over(room.begin("run", wanted=1))
    # Nobody took it: the script ended before it could.
    assert room.begin("run", wanted=1).result() == "run"
    assert room.runs == ["run"]


def test_two_people_do_not_share(room: Room) -> None:
    room.gate.set()
    assert room.begin("run", owner="ada") is not room.begin("run", owner="bob")


def test_a_double_click_on_run_again_runs_once_and_a_later_click_again(room: Room) -> None:
    assert room.errands.again("ada", "run")
    running = room.begin("run")
    room.clock.now += DOUBLE_CLICK_S
    assert not room.errands.again("ada", "run")  # it still runs
    room.gate.set()
    over(running)
    room.errands.taken("ada", "run", running)
    assert room.errands.again("ada", "run")
    room.clock.now += DOUBLE_CLICK_S / 2
    assert not room.errands.again("ada", "run")  # the second half
    room.clock.now += DOUBLE_CLICK_S
    assert room.errands.again("ada", "run")


def test_what_is_picked_instead_gives_the_other_up(room: Room) -> None:
    first, second = room.begin("run", wanted=1), room.begin("run", wanted=2)
    with pytest.raises(GivenUp):
        first.result()
    room.gate.set()
    assert over(second).result() == "run"


def test_a_failure_is_told_to_all_who_wait_and_tried_again_by_who_comes_later(room: Room) -> None:
    def fails(_errand: Errand[str]) -> str:
        raise EngineError("no server")

    first = room.errands.begin("ada", "run", 1, fails)
    for _ in range(2):
        with pytest.raises(EngineError, match="no server"):
            over(first).result()
    room.gate.set()
    _join("txscope-run")
    assert over(room.begin("run", wanted=1)).result() == "run"


def test_one_person_has_two_things_made_at_a_time_and_another_one_need_not_wait(room: Room) -> None:
    mine = [room.begin(name) for name in ("a", "b", "c")]
    theirs = room.begin("d", owner="bob")
    _wait_until(lambda: "d" in room.runs and len(room.runs) == 3)
    assert len({"a", "b", "c"} & set(room.runs)) == 2
    room.gate.set()
    assert [over(errand).result() for errand in (*mine, theirs)] == ["a", "b", "c", "d"]


def test_what_nobody_looks_at_any_more_leaves_the_queue(room: Room) -> None:
    errand = room.begin("run")
    with errand.watched():
        room.clock.now += GRACE_S + 1
        errand.waits(QueuePlace(3, 7))
        assert errand.place == QueuePlace(3, 7)
    errand.waits(QueuePlace(2, 7))  # whoever takes over may come in a moment
    room.clock.now += GRACE_S + 1
    with pytest.raises(GivenUp):
        errand.waits(QueuePlace(1, 7))
    room.begin("run")
    errand.waits(QueuePlace(1, 7))


def test_news_wake_who_waits_and_only_news(room: Room) -> None:
    errand = room.begin("run")
    with errand.watched():
        errand.waits(QueuePlace(2, 2))
        assert not errand.wait(PATIENCE_S)
        errand.waits(QueuePlace(2, 2))
        assert not errand.wait(0.0)
        room.gate.set()
        assert errand.wait(PATIENCE_S)


def test_what_makes_it_may_tell_how_far_it_is_and_speaks_the_persons_language(room: Room) -> None:
    def work(_errand: Errand[str]) -> str:
        tell(0.5)
        return language()

    use("zh")
    try:
        errand = room.errands.begin("ada", "run", None, work)
    finally:
        use("en")
    assert over(errand).result() == "zh"
    assert errand.share == 0.5
    tell(0.1)  # in no errand: nobody is told


def test_at_the_end_everybody_is_told_at_once_and_nothing_begins(room: Room) -> None:
    errand = room.begin("run")
    room.errands.close()
    with pytest.raises(EngineError, match="stopping"):
        errand.result()
    with pytest.raises(EngineError, match="stopping"):
        room.begin("run")
    assert not room.errands.again("ada", "run")


def test_what_is_dropped_is_made_anew(room: Room) -> None:
    first = room.begin("live")
    room.errands.drop("ada", "live")
    room.errands.drop("bob", "live")
    assert first.has_failed
    assert room.begin("live") is not first


def _join(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(PATIENCE_S)


def _wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if holds():
            return
        threading.Event().wait(0.001)
    raise AssertionError
