"""A deadlock's last milliseconds: only what was seen, in the order in which it happened, at a pace that can be seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.figures.score.countdown import Countdown, Moment, MomentKind, countdown
from simulator.figures.score.plot import score_info
from simulator.history.schedule import (
    AnyEvent,
    History,
    ServerMessage,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    StepResumed,
)
from simulator.model import Schedule
from simulator.state.locks import wait_for_graph
from simulator.ui.schedules import countdown_view
from tests.unit.observed import observed


def event(kind: type, session: str, ms: float, step: str = "give", **fields: object) -> AnyEvent:
    return kind(seq=0, at_ns=int(ms * 1e6), session=session, step=f"{session}.{step}", transaction=session, **fields)


def report(session: str, ms: float, waited: float) -> AnyEvent:
    text = f"process 7 detected deadlock while waiting for ShareLock on transaction 5 after {waited:.3f} ms"
    return event(ServerMessage, session, ms, severity="LOG", text=text)


#: T1 waits for T2; T2 closes the circle and dies.
BEFORE = (
    event(StatementStarted, "T1", 0, sql="UPDATE"),
    event(StepBlocked, "T1", 0.5, by=("T2",), lock="transactionid 5 (ShareLock)"),
    event(StatementStarted, "T2", 10, sql="UPDATE"),
    event(StepBlocked, "T2", 10.6, by=("T1",), lock="transactionid 4 (ShareLock)"),
)
AFTER = (
    event(StepResumed, "T2", 11.4),
    event(StatementFailed, "T2", 11.5, sqlstate="40P01", message="deadlock detected"),
    event(StepResumed, "T1", 11.7),
    event(StatementFinished, "T1", 11.8, tag="UPDATE 1"),
)


def of(*events: AnyEvent) -> Countdown:
    history = History(("T1", "T2"), tuple(replace(each, seq=seq) for seq, each in enumerate(events)))
    failed = next(each.seq for each in history.events if isinstance(each, StatementFailed))
    deadlock = wait_for_graph(history, failed).deadlock
    assert deadlock is not None
    return countdown(history, deadlock)


def moments(one: Countdown) -> list[tuple[MomentKind, str, float]]:
    return [(moment.kind, moment.session, round(moment.ms, 3)) for moment in one.moments]


def test_the_wait_is_as_long_as_the_server_says_and_the_rest_as_we_saw_it() -> None:
    one = of(*BEFORE, report("T2", 11.3, waited=1.1), *AFTER)
    assert moments(one) == [
        (MomentKind.SENT, "T2", 0.0),
        (MomentKind.CLOSED, "T2", 0.2),
        (MomentKind.LOOKED, "T2", 1.3),
        (MomentKind.FAILED, "T2", 1.5),
        (MomentKind.WOKE, "T1", 1.7),
    ]
    assert one.waited_ms == 1.1
    assert one.bar == pytest.approx((0.2, 1.3))
    assert one.slowed == 1000


def test_without_a_report_no_look_is_claimed() -> None:
    one = of(*BEFORE, *AFTER)
    assert MomentKind.LOOKED not in [moment.kind for moment in one.moments]
    assert (MomentKind.CLOSED, "T2", 0.6) in moments(one)
    assert one.waited_ms is None
    assert one.bar == pytest.approx((0.6, 1.5))


def test_a_victim_that_waited_before_the_circle_closed() -> None:
    one = of(
        event(StatementStarted, "T1", -1, step="limit", sql="SET LOCAL deadlock_timeout = '50ms'"),
        *BEFORE,
        report("T1", 50.4, waited=50.1),
        event(StatementFailed, "T1", 50.5, sqlstate="40P01", message="deadlock detected"),
    )
    assert moments(one) == [
        (MomentKind.SENT, "T1", 0.0),
        (MomentKind.WAITS, "T1", 0.3),
        (MomentKind.CLOSED_BY_OTHER, "T2", 10.6),
        (MomentKind.LOOKED, "T1", 50.4),
        (MomentKind.FAILED, "T1", 50.5),
    ]
    assert one.own_timeout == "50ms"
    assert "T1 has set its deadlock_timeout to 50ms" in countdown_view.html(one, 1.0)


@pytest.mark.parametrize(("total_ms", "slowed"), [(1.4, 1000), (50.0, 100), (1002.0, 1), (0.0, 1_000_000)])
def test_it_is_slowed_until_it_can_be_seen(total_ms: float, slowed: int) -> None:
    one = Countdown("T2", "T2.give", (Moment(MomentKind.FAILED, "T2", total_ms),), None, "")
    assert one.slowed == slowed
    assert ("as fast as it was" in countdown_view.html(one, 1000.0)) is (slowed == 1)


def test_a_stored_run_is_played_at_its_deadlock_as_long_as_it_takes_and_in_its_order() -> None:
    history = observed("deadlock_rc")
    info = score_info(history, Schedule(()))
    ((position, scene),) = countdown_view.scenes(info, history, 1.0).items()
    assert info.marks[position].sqlstate == "40P01"
    assert scene.victim == info.marks[position].lane
    assert set(scene.cycle) == {(0, 1), (1, 0)}
    assert 0 <= scene.closes <= scene.bar[1] <= scene.fails <= scene.wakes <= scene.length < scene.hold
    assert [moment.at for moment in scene.moments] == sorted(moment.at for moment in scene.moments)
    assert "1 ms" in scene.clock


def test_a_run_without_a_deadlock_has_nothing_to_play() -> None:
    history = observed("lost_update_rr")
    assert countdown_view.scenes(score_info(history, Schedule(())), history, 1.0) == {}
