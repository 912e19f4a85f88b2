"""The same clicks at another level, on the fake engine: each comes as soon as its session can take it."""

from __future__ import annotations

import pytest

from simulator.errors import EngineError
from simulator.history.schedule import StepSkipped
from simulator.live import played_at
from simulator.model import Isolation, Outcome
from simulator.verdict.run import RunResult
from tests.fake_engine import FakeEngine, FakeRoom, FakeSession
from tests.unit.test_live import LOST, Case

RC, RR = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ


def played(clicks: str, there: Isolation, here: Isolation) -> RunResult:
    """Driven at one level, played at another."""
    case = Case(*LOST, isolation=there)
    case.play(clicks)
    result = played_at(case.engine, case.case, case.case.variants[0], here, case.run.clicks())
    case.run.close()
    assert case.engine.rooms_open() == 0
    return result


def test_what_was_lost_there_is_refused_here_and_run_again() -> None:
    result = played("T1.a T2.a T1.b T2.b T1.c T2.c", RC, RR)
    assert (result.outcome, result.isolation) == (Outcome.RETRIED, RR)
    assert [abort.retried_as for abort in result.aborts] == ["T2#2"]
    assert [e.step for e in result.history.events if isinstance(e, StepSkipped)] == ["T2.c"]
    assert result.schedule.steps == ("T1.a", "T2.a", "T1.b", "T2.b", "T1.c", "T2.c")


@pytest.mark.parametrize("more", ["", "T2.a T2.b T2.c"])
def test_what_was_refused_there_goes_on_to_its_end_here(more: str) -> None:
    result = played(f"T1.a T2.a T1.b T2.b T1.c {more}", RR, RC)
    assert result.outcome is Outcome.ANOMALY
    assert result.schedule.steps == ("T1.a", "T2.a", "T1.b", "T2.b", "T1.c", "T2.c")
    assert not result.aborts


def test_what_was_refused_there_and_is_refused_here_is_run_again_to_its_end() -> None:
    result = played("T1.a T2.a T1.b T2.b T1.c", RR, RR)
    assert result.outcome is Outcome.RETRIED
    assert set(result.schedule.steps) == {"T1.a", "T1.b", "T1.c", "T2.a", "T2.b", "T2.c"}


def test_free_choices_are_made_here_too() -> None:
    result = played("T1.a T1.commit T2.a T2.rollback", RC, RR)
    assert result.outcome is Outcome.SAFE
    assert result.invariant is None
    cancelled = played("T1.a T2.a T1.b T2.b T2.cancel T1.c", RC, RR)
    assert (cancelled.outcome, [abort.sqlstate for abort in cancelled.aborts]) == (Outcome.ABORTED, ["57014"])


def test_a_session_that_waits_here_takes_its_clicks_later() -> None:
    case = Case(*LOST)
    case.play("T1.a T1.b T1.c T2.a T2.b T2.c")
    first, second, third, *others = case.run.clicks()
    result = played_at(
        case.engine, case.case, case.case.variants[0], RC, (first, second, others[0], others[1], others[2], third)
    )
    assert result.outcome is Outcome.ANOMALY
    assert result.schedule.steps == ("T1.a", "T1.b", "T2.a", "T2.b", "T1.c", "T2.c")


def test_what_goes_wrong_on_the_way_is_an_outcome_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: FakeRoom, *_arguments: object) -> object:
        raise EngineError("the server is gone")

    case = Case(*LOST)
    case.play("T1.a T2.a T1.b T2.b T1.c T2.c")
    clicks = case.run.clicks()
    monkeypatch.setattr(FakeRoom, "blocks", gone)
    result = played_at(case.engine, case.case, case.case.variants[0], RC, clicks)
    assert (result.outcome, str(result.reason)) == (Outcome.ERROR, "the server is gone")
    case.run.close()
    assert case.engine.rooms_open() == 0


def test_what_cannot_begin_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: FakeRoom, *_arguments: object, **_settings: object) -> FakeSession:
        raise EngineError("no connection")

    case = Case(*LOST)
    engine = FakeEngine()
    monkeypatch.setattr(FakeRoom, "open", refuse)
    with pytest.raises(EngineError):
        played_at(engine, case.case, case.case.variants[0], RC, ())
    assert engine.rooms_open() == 0
