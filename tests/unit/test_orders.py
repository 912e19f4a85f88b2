"""The planner of orders: how many, the simplest first, at random, which are the same; without a database."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from simulator.experiments.orders.cells import Sample
from simulator.experiments.orders.dependence import Touched, dependent
from simulator.experiments.orders.known import begun, every_pair, whole
from simulator.experiments.orders.plan import Plan
from simulator.scenarios.order import interleave

LOST = Plan((("T1.read", "T1.write", "T1.commit"), ("T2.read", "T2.write", "T2.commit")))
THREE = Plan((("a", "b", "c"), ("d", "e", "f"), ("g", "h", "i")))
LARGE = Plan(tuple(tuple(f"{session}{step}" for step in range(6)) for session in "abcd"))


@pytest.mark.parametrize("plan", [LOST, THREE, Plan((("a",),)), Plan((("a", "b"), ("c",)))])
def test_every_order_comes_once_and_the_simplest_first(plan: Plan) -> None:
    orders = list(plan.simplest_first())
    assert set(orders) == set(interleave(plan.sessions))
    assert len(orders) == plan.total == len({plan.mask(order) for order in orders})
    switches = [plan.switches(order) for order in orders]
    assert switches == sorted(switches)
    assert switches[0] == 0


def test_simple_orders_of_many_steps_come_at_once() -> None:
    first = list(islice(LARGE.simplest_first(), 200))
    assert len(set(first)) == 200
    assert [LARGE.switches(order) for order in first[:25]] == [0] * 24 + [1]


def test_random_orders_are_as_likely_as_any_other_and_never_come_twice() -> None:
    drawn = list(islice(LARGE.at_random(random.Random(1)), 500))
    assert len(set(drawn)) == 500
    assert sum(order[0].startswith("a") for order in drawn) in range(85, 166)  # a quarter of them, by chance
    assert sorted(LOST.at_random(random.Random(2))) == sorted(LOST.simplest_first())


def test_orders_of_the_same_group_are_counted_as_they_are_listed() -> None:
    chance = random.Random(3)
    orders = list(THREE.simplest_first())
    for order in chance.sample(orders, 20):
        kept = sum(bit for bit in set(THREE.bits.values()) if chance.random() < 0.3)
        group = whole(THREE, order, kept)
        held = [each for each in orders if group.holds(THREE, each, THREE.mask(each))]
        assert order in held
        # What is kept of some pairs forces others: extensions are counted by what is kept, and so are they held.
        assert len(held) == group.size(THREE)


def test_a_step_that_cannot_be_sent_leaves_out_all_that_begins_like_this() -> None:
    order = ("T1.read", "T2.read", "T1.write", "T2.write", "T2.commit", "T1.commit")
    group = begun(LOST, order, 4, every_pair(LOST))
    held = [each for each in LOST.simplest_first() if group.holds(LOST, each, LOST.mask(each))]
    assert held == [order]
    assert group.size(LOST) == 1
    longer = begun(THREE, ("a", "d", "e"), 2, every_pair(THREE))
    begins = [each for each in THREE.simplest_first() if each[:3] == ("a", "d", "e")]
    assert [e for e in THREE.simplest_first() if longer.holds(THREE, e, THREE.mask(e))] == begins
    assert longer.size(THREE) == len(begins)


READS = Touched({"T1"}, reads={"wallet"})
WRITES = Touched({"T2"}, reads={"wallet"}, writes={"wallet"})
COMMITS = Touched({"T2"}, reads={"wallet"}, writes={"wallet"}, ends=True)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (READS, Touched({"T2"}, reads={"wallet"}), False),
        (READS, WRITES, False),
        (READS, COMMITS, True),
        (READS, Touched({"T2"}, writes={"other"}, ends=True), False),
        (Touched({"T1"}, reads={"wallet"}, ends=True), WRITES, False),
        (Touched({"T1"}, writes={"wallet"}), WRITES, True),
        (Touched({"T1"}, unknown=True), Touched({"T2"}), True),
        (READS, Touched({"T2", "T1"}), True),
    ],
)
def test_readers_notice_what_is_committed_and_writers_each_other(one: Touched, other: Touched, expected: bool) -> None:
    assert dependent(one, other) is dependent(other, one) is expected


def test_serializable_goes_by_what_is_read_and_by_who_is_first() -> None:
    reads = Touched({"T1"}, reads={"wallet"}, serializable=True, takes_snapshot=True)
    writes = Touched({"T2"}, writes={"wallet"}, serializable=True)
    elsewhere = Touched({"T2"}, writes={"other"}, serializable=True, ends=True)
    assert dependent(reads, writes)
    assert dependent(reads, elsewhere)
    assert not dependent(reads, Touched({"T2"}, reads={"wallet"}, serializable=True, takes_snapshot=True))


@pytest.mark.parametrize(
    ("wrong", "of", "low", "high"), [(0, 100, 0.0, 0.0362), (50, 100, 0.3983, 0.6017), (3, 1000, 0.0006, 0.0087)]
)
def test_the_bounds_of_a_sample_are_those_of_clopper_and_pearson(wrong: int, of: int, low: float, high: float) -> None:
    assert Sample(of, of, wrong).bounds == pytest.approx((low, high), abs=1e-4)


def test_all_wrong_is_bounded_from_below_alone() -> None:
    assert Sample(20, 20, 20).bounds == pytest.approx((0.8316, 1.0), abs=1e-4)
