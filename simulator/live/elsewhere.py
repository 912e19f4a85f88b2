"""The same clicks at another level: a run of its own, in which each click comes as soon as its session can take it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from simulator.engines.base import Engine
from simulator.errors import EngineError, RunError
from simulator.history.schedule import AnyEvent, StatementStarted, StepSkipped
from simulator.i18n.text import Text
from simulator.live.record import record
from simulator.live.stage import Click, LiveStage
from simulator.model import Isolation, Scenario, Variant
from simulator.verdict.run import RunResult, judged


def played_at(
    engine: Engine, scenario: Scenario, variant: Variant, isolation: Isolation, clicks: Sequence[Click]
) -> RunResult:
    """Play the clicks at this level and judge what came of it; nothing of it stays on the server.

    A session that waits takes its clicks when it goes on. What is aborted here skips its later clicks, and is run again
    at the end, as in `run_scenario`; what was aborted there and goes on here does the rest of its script. The schedule
    is the order in which the steps really began. Raises EngineError (no room, setup failed), ScenarioError.
    """
    started = time.monotonic_ns()
    stage = LiveStage(engine, scenario, variant, isolation, watch=False, live=False)
    try:
        reason = _play(stage, clicks)
        result = record(stage, scenario, variant, isolation, engine.info(), _begun(stage.events))
        result = replace(result, reason=reason, waits_for_ever=stage.run.waits_for_ever)
        result = judged(result, stage.run, stage.room, stage.room)
    finally:
        stage.close()
    return replace(result, elapsed_ns=time.monotonic_ns() - started)


def _play(stage: LiveStage, clicks: Sequence[Click]) -> Text:
    """A sentence where the run could not be carried to its end."""
    try:
        stage.follow(clicks)
    except (RunError, EngineError) as error:
        return error.text
    stage.run.scheduler.deadline = stage.room.deadline
    return stage.run.end(retry=True)


def _begun(events: Sequence[AnyEvent]) -> Iterator[str]:
    for event in events:
        if isinstance(event, StatementStarted | StepSkipped) and event.step:
            yield event.step
