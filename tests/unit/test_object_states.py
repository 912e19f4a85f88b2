"""Object states over time: lanes, states, and what moved each object."""

from __future__ import annotations

from simulator.figures.object_states import object_states_info, plot_object_states
from simulator.figures.score.info import Axis
from simulator.history.application import ObjectStateChanged, RequestEnded, RequestStarted
from simulator.traces import object_lives
from tests.unit.trace_samples import at, recorded, trace


def test_an_object_is_added_and_flushed() -> None:
    info = object_states_info(recorded("save_message"), "request 1")
    assert info.lanes == ("Message 1 (id 41)",)
    assert [(bar.state, bar.cause, bar.open) for bar in info.bars] == [
        ("pending", "add", False),
        ("persistent", "flush", False),
    ]
    pending, persistent = info.bars
    assert pending.end_ms == persistent.start_ms
    # Nobody refers to it after the flush: it is gone before the commit could expire it.
    (request,) = recorded("save_message").requests
    assert request.sessions[0].commits[0].end_ms is not None
    assert persistent.ended_by == "collected"
    assert persistent.end_ms < request.sessions[0].commits[0].end_ms
    assert info.end_ms == request.end_ms
    assert info.start_ms == pending.start_ms


def test_an_object_that_was_rolled_back_and_collected_does_not_stay_persistent() -> None:
    (rolled_back, agent) = object_lives(recorded("rollback"))
    assert [(stay.state, stay.ended_by) for stay in rolled_back.stays] == [
        ("pending", "flush"),
        ("persistent", "collected"),
    ]
    assert [(stay.state, stay.cause) for stay in agent.stays][-1] == ("detached", "close")


def test_the_end_is_a_mark_and_a_step() -> None:
    info = object_states_info(recorded("save_message"))
    assert info.causes == ("add", "flush", "collected")
    assert [bar.steps for bar in info.bars] == [(0, 1), (1, 2)]
    (mark,) = (each for each in plot_object_states(info).data if each.type == "scatter")
    assert (list(mark.x), list(mark.y)) == ([2], [0])
    (timed,) = (each for each in plot_object_states(info, axis=Axis.TIME).data if each.type == "scatter")
    assert list(timed.x) == [info.bars[-1].end_ms]


def test_a_stay_in_one_request_ends_when_another_moves_the_object() -> None:
    moved = {"object": "Message 1", "before": "pending"}
    found = trace(
        at(0, RequestStarted, key="k"),
        at(1, ObjectStateChanged, after="persistent", cause="flush", **moved),
        at(2, ObjectStateChanged, after="detached", cause="close", **{**moved, "request": "q"}),
        at(3, ObjectStateChanged, after="", cause="collected", **{**moved, "request": "q"}),
    )
    one, other = object_lives(found)
    assert [(stay.end_ms, stay.ended_by) for stay in one.stays] == [(2, "close")]
    assert [(stay.end_ms, stay.ended_by) for stay in other.stays] == [(3, "collected")]


def test_commit_expires_and_close_detaches() -> None:
    info = object_states_info(recorded("lock_wait"))
    assert info.lanes == ("Account 1 (id 1)", "Account 2 (id 6)")
    assert [(bar.state, bar.told, bar.cause) for bar in info.bars if bar.lane == 0] == [
        ("persistent", "persistent", "query"),
        ("expired", "persistent", "commit"),
        ("detached", "detached", "close"),
    ]


def test_one_trace_a_state_and_an_id_for_every_bar() -> None:
    info = object_states_info(recorded("lock_wait"))
    figure = plot_object_states(info)
    bars = [each for each in figure.data if each.type == "bar"]
    assert [each.name for each in bars] == ["persistent", "expired", "detached"]
    ids = [custom[0] for each in bars for custom in each.customdata]
    assert sorted(ids) == sorted(bar.id for bar in info.bars)
    assert list(plot_object_states(info, axis=Axis.TIME).data[1].text) == ["commit", "commit"]


def test_on_the_step_axis_moves_of_one_cause_are_one_step() -> None:
    info = object_states_info(recorded("lock_wait"))
    assert info.causes == ("query", "commit", "close", "collected")
    assert [bar.steps for bar in info.bars] == [(0, 1), (1, 2), (2, 3)] * 2
    figure = plot_object_states(info)
    assert [tick.strip() for tick in figure.layout.xaxis.ticktext] == list(info.causes)
    assert list(figure.data[1].text) == ["expired", "expired"]


def test_more_objects_than_lanes_are_counted() -> None:
    moves = [
        at(1 + n, ObjectStateChanged, object=f"Message {n}", before="transient", after="pending", cause="add")
        for n in range(50)
    ]
    found = trace(at(0, RequestStarted, key="k"), *moves, at(60, RequestEnded, outcome="ok"))
    info = object_states_info(found)
    assert (len(info.lanes), info.left_out) == (40, 10)
    assert all(bar.open and bar.end_ms == 60 for bar in info.bars)


def test_no_objects() -> None:
    info = object_states_info(trace())
    assert (info.lanes, info.bars, info.left_out) == ((), (), 0)
    assert plot_object_states(info, dark=True).layout.height > 0
