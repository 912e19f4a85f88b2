"""Time-outs that sessions set for themselves, and when they end a wait."""

from __future__ import annotations

import time

import pytest

from simulator.engines.base import Block
from simulator.execution.lane import Lane
from simulator.execution.waiting import ends_by_itself
from simulator.model import Isolation, SessionScript
from simulator.sql.timeouts import TimeOuts
from tests.fake_engine import FakeEngine


def after(*texts: str) -> TimeOuts:
    found = TimeOuts()
    found.begin()
    for text in texts:
        found.take(text)
    return found


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        (("SET LOCAL lock_timeout = '30ms'",), 0.03),
        (("set lock_timeout to 50; SELECT 1",), 0.05),
        (("SET SESSION lock_timeout = '2 s'", "SET LOCAL lock_timeout = 10"), 0.01),
        (("SET lock_timeout = '1s'", "RESET lock_timeout"), None),
        (("SET lock_timeout = '1s'", "SET lock_timeout = 0"), None),
        (("SET lock_timeout = '1s'", "SET lock_timeout TO DEFAULT"), None),
        (("SET statement_timeout = '1s'",), None),
        (("SELECT 'SET lock_timeout = 5'",), None),
    ],
)
def test_the_newest_set_counts(texts: tuple[str, ...], seconds: float | None) -> None:
    assert after(*texts)["lock_timeout"] == seconds


def test_set_local_ends_with_its_transaction_and_set_only_with_one_that_was_not_committed() -> None:
    found = after("SET statement_timeout = '1s'", "SET LOCAL lock_timeout = 10")
    found.end(kept=True)
    assert (found["statement_timeout"], found["lock_timeout"]) == (1.0, None)
    found.begin()
    found.take("SET statement_timeout = '9s'")
    found.end(kept=False)
    assert found["statement_timeout"] == 1.0


def lanes(*names: str) -> dict[str, Lane]:
    room = FakeEngine().create_room((), len(names))
    made = {name: Lane(SessionScript(name, ()), room.open(name), Isolation.READ_COMMITTED) for name in names}
    for lane in made.values():
        lane.connection.in_transaction = True  # type: ignore[misc]
        lane.blocked_at = lane.began_at = lane.sent_at = lane.answered_at = 1.0
    return made


def test_a_wait_ends_by_the_waiters_time_out_or_by_one_that_ends_every_blocker() -> None:
    found = lanes("T1", "T2", "T3")
    found["T3"].block = Block(("T1", "T2"), "row")
    assert ends_by_itself(found["T3"], found) is None
    found["T1"].timeouts.take("SET idle_in_transaction_session_timeout = '2s'")
    assert ends_by_itself(found["T3"], found) is None
    found["T2"].timeouts.take("SET transaction_timeout = '3s'")
    assert ends_by_itself(found["T3"], found) == 4.0
    found["T3"].timeouts.take("SET lock_timeout = '1s'")
    assert ends_by_itself(found["T3"], found) == 2.0


def test_a_cycle_of_waits_is_followed_once() -> None:
    found = lanes("T1", "T2")
    for lane, other in ((found["T1"], "T2"), (found["T2"], "T1")):
        lane.block = Block((other,), "row")
        lane.connection.send("SELECT value FROM item WHERE id = 1", {})
    started = time.thread_time()
    assert ends_by_itself(found["T1"], found) is None
    assert time.thread_time() - started < 1
