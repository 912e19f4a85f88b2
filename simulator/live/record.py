"""What was done on a stage, as a run that is still to be judged."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.engines.base import ServerInfo
from simulator.execution.invariant import ask_invariant
from simulator.history.words import TransactionOutcome
from simulator.live.stage import LiveStage
from simulator.live.view import Free
from simulator.model import Isolation, Scenario, Schedule, Variant
from simulator.verdict.run import RunResult

_WISHED = (TransactionOutcome.COMMITTED, TransactionOutcome.ROLLED_BACK)


def record(
    stage: LiveStage,
    scenario: Scenario,
    variant: Variant,
    isolation: Isolation,
    server: ServerInfo,
    order: Iterable[str],
) -> RunResult:
    """The run with its rule asked; `order`: the keys of its steps, of which the first of each counts.

    The invariant is asked where every session went to the end of its own script: what a business rule says of half of
    the work is nobody's fault.
    """
    whole = all(session.outcome in _WISHED for session in stage.sessions())
    last = {click.session: click.choice for click in stage.clicks}
    scripted = not any(isinstance(choice, Free) for choice in last.values())
    return RunResult(
        scenario=scenario,
        variant=variant,
        schedule=Schedule(tuple(dict.fromkeys(order))),
        isolation=isolation,
        server=server,
        history=stage.run.history(),
        invariant=ask_invariant(stage.room, scenario) if whole and scripted else None,
    )
