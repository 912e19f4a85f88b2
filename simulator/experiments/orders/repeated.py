"""What a run came to without what differs from run to run: by it an order that is run again is compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.engines.base import Engine
from simulator.history.schedule import CommittedStateObserved
from simulator.model import Isolation, Row, Scenario, Schedule, Variant
from simulator.scenarios.order import interleave
from simulator.verdict.run import RunResult, run_scenario


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What must not differ when an interleaving is run again: all but times, ids and the server's words."""

    outcome: str
    anomalies: tuple[str, ...]
    #: (transaction, step, SQLSTATE, retried): a deadlock's victim is one of them
    aborts: tuple[tuple[str, str, str | None, bool], ...]
    impossible: str | None
    #: rows of every table in the last committed state
    rows: tuple[tuple[Row, ...], ...]


def interleavings(variant: Variant) -> Iterator[Schedule]:
    """All orders of the steps that keep each session's own order, in lexicographic order of sessions."""
    yield from map(Schedule, interleave(tuple(tuple(step.key for step in each.steps) for each in variant.sessions)))


def explore(engine: Engine, scenario: Scenario, variant: Variant, isolation: Isolation) -> Iterator[RunResult]:
    """Run every interleaving, none left out. Those that a waiting session makes impossible say so in their result."""
    for schedule in interleavings(variant):
        yield run_scenario(engine, scenario, variant, isolation, schedule=schedule)


def fingerprint(result: RunResult) -> Fingerprint:
    """What two runs of one interleaving must share."""
    seen = [event for event in result.history.events if isinstance(event, CommittedStateObserved)]
    return Fingerprint(
        outcome=result.outcome.value,
        anomalies=tuple(anomaly.name for anomaly in result.confirmed.anomalies),
        aborts=tuple((a.transaction, a.step, a.sqlstate, a.retried_as is not None) for a in result.aborts),
        impossible=result.impossible.step if result.impossible else None,
        rows=tuple(tuple(row.values for row in table.rows) for table in seen[-1].tables) if seen else (),
    )
