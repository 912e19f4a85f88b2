"""Who waits for connections is served in turn, or told so in time."""

from __future__ import annotations

import threading

from simulator.engines.budget import Budget

PATIENCE_S = 10.0


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
