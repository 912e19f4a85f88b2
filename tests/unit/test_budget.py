"""Who waits is served in turn, people before their runs, or told so in time; and who waits knows where they stand."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Hashable, Iterator

import pytest

from simulator.engines import budget as module
from simulator.engines.budget import Budget, QueuePlace, Turns, serving

PATIENCE_S = 10.0
#: Who came in which order: every queue of at most six, of at most three people.
QUEUES = [queue for length in range(1, 7) for queue in itertools.product("abc", repeat=length)]


def queue_of(owners: tuple[str, ...]) -> Turns[int]:
    turns: Turns[int] = Turns()
    for number, owner in enumerate(owners):
        turns.join(owner, number)
    return turns


def served(turns: Turns[int]) -> Iterator[int]:
    while turns.first() is not None:
        yield turns.serve()


def test_nobody_is_served_a_second_time_before_everybody_who_waits() -> None:
    for owners in QUEUES:
        order = [owners[number] for number in served(queue_of(owners))]
        assert sorted(order) == sorted(owners)
        for place, owner in enumerate(order):
            # Since this owner's last turn, everybody who still has something here had one.
            since = max((earlier for earlier in range(place) if order[earlier] == owner), default=-1)
            if since >= 0:
                assert set(order[place:]) - {owner} <= set(order[since + 1 : place]), (owners, order)


def test_what_belongs_to_one_person_keeps_its_order_and_one_person_alone_is_served_as_they_came() -> None:
    for owners in QUEUES:
        order = list(served(queue_of(owners)))
        for owner in set(owners):
            mine = [number for number in order if owners[number] == owner]
            assert mine == sorted(mine)
        if len(set(owners)) == len(owners) or len(set(owners)) == 1:
            assert order == sorted(order)


def test_the_place_that_is_told_is_the_place_in_which_one_is_served() -> None:
    for owners in QUEUES:
        turns, order = queue_of(owners), list(served(queue_of(owners)))
        for number, owner in enumerate(owners):
            assert turns.place(owner, number) == QueuePlace(order.index(number) + 1, len(owners)), owners


def test_who_gives_up_changes_nobody_elses_order() -> None:
    for owners in QUEUES:
        for gone, owner in enumerate(owners):
            turns = queue_of(owners)
            turns.leave(owner, gone)
            rest = [number for number in range(len(owners)) if number != gone]
            assert sorted(served(turns)) == rest


def test_one_who_clicks_ten_things_stands_before_another_with_one_of_them() -> None:
    turns = queue_of(("a",) * 10 + ("b",))
    assert turns.place("b", 10) == QueuePlace(2, 11)
    assert turns.place("a", 9) == QueuePlace(11, 11)


def test_who_runs_one_thing_after_the_other_waits_for_everybody_in_between() -> None:
    turns = queue_of(("a", "b", "c"))
    assert turns.serve() == 0
    turns.join("a", 3)
    assert list(served(turns)) == [1, 2, 3]


def test_what_is_there_is_given_at_once_and_what_never_will_be_is_refused_at_once() -> None:
    budget = Budget(3)
    assert budget.take(3, 0.0)
    assert not budget.take(1, 0.0)
    budget.give_back(3)
    assert not budget.take(4, PATIENCE_S)
    assert budget.take(3, 0.0)


def test_one_who_wants_much_is_not_passed_by_those_who_want_little() -> None:
    budget = Budget(2)
    assert budget.take(1, 0.0)
    got = threading.Event()
    waits = threading.Thread(target=lambda: budget.take(2, PATIENCE_S) and got.set())
    waits.start()
    # One is left, and whoever comes later may have it only until the first of the queue has come.
    while budget.take(1, 0.0):
        budget.give_back(1)
    assert not got.is_set()
    budget.give_back(1)
    waits.join()
    assert got.is_set()


def test_one_who_gives_up_leaves_the_queue() -> None:
    budget = Budget(2)
    assert budget.take(1, 0.0)
    assert not budget.take(2, 0.0)
    assert budget.take(1, 0.0)


class Visitor:
    """Notes where it stands; leaves the queue where `leaves` is set."""

    def __init__(self, owner: Hashable, *, leaves: bool = False) -> None:
        self.owner = owner
        self.places: list[QueuePlace | None] = []
        self.told = threading.Event()
        self._leaves = leaves

    def waits(self, place: QueuePlace | None) -> None:
        self.places.append(place)
        self.told.set()
        if self._leaves:
            raise InterruptedError

    def take(self, budget: Budget, served: list[Hashable]) -> None:
        with serving(self):
            if budget.take(1, PATIENCE_S):
                served.append(self.owner)
                budget.give_back(1)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PULSE_S", 0.001)


@pytest.mark.usefixtures("quick")
def test_people_take_turns_and_are_told_where_they_stand() -> None:
    budget, served = Budget(1), list[Hashable]()
    assert budget.take(1, 0.0)
    visitors = [Visitor("a"), Visitor("a"), Visitor("b")]
    threads = []
    for visitor in visitors:
        threads.append(threading.Thread(target=visitor.take, args=(budget, served)))
        threads[-1].start()
        assert visitor.told.wait(PATIENCE_S)
    assert [visitor.places[0] for visitor in visitors] == [QueuePlace(1, 1), QueuePlace(2, 2), QueuePlace(2, 3)]
    budget.give_back(1)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert served == ["a", "b", "a"]
    assert all(visitor.places[-1] is None for visitor in visitors)


@pytest.mark.usefixtures("quick")
def test_who_is_told_and_leaves_takes_nothing_along() -> None:
    budget = Budget(1)
    assert budget.take(1, 0.0)
    with serving(Visitor("a", leaves=True)), pytest.raises(InterruptedError):
        budget.take(1, PATIENCE_S)
    budget.give_back(1)
    assert budget.take(1, 0.0)


def test_a_pulse_may_make_room_for_who_waits() -> None:
    budget = Budget(1)
    assert budget.take(1, 0.0)
    assert budget.take(1, PATIENCE_S, pulse=lambda: budget.give_back(1))
