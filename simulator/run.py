"""run_scenario(): a fresh room, the schedule, retries, the verdict, and cleanup that always happens."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.anomalies.types import Verdict
from simulator.engines.base import ServerInfo
from simulator.history import History
from simulator.model import Isolation, Outcome, Scenario, Schedule, Variant


@dataclass(frozen=True, slots=True)
class Abort:
    """A transaction that the server or the application gave up."""

    transaction: str
    step: str
    #: None where the application gave up by itself (a conflict that it saw)
    sqlstate: str | None
    message: str
    #: the later attempt that committed, if any
    retried_as: str | None = None


@dataclass(frozen=True, slots=True)
class Impossible:
    """The schedule could not go on: it wanted a step of a session that was still waiting."""

    step: str
    #: sessions that it waited for
    waits_for: tuple[str, ...]
    #: the step that was running when the session began to wait
    since: str


@dataclass(frozen=True, slots=True)
class InvariantResult:
    """Whether the business rule holds on the committed state; `holds` None where it could not be asked."""

    title: str
    sql: str
    holds: bool | None


@dataclass(frozen=True, slots=True)
class RunResult:
    """Everything a page shows about one run; nothing in it is computed again elsewhere."""

    scenario: Scenario
    variant: Variant
    schedule: Schedule
    isolation: Isolation
    server: ServerInfo
    history: History
    verdict: Verdict
    outcome: Outcome
    invariant: InvariantResult | None = None
    aborts: tuple[Abort, ...] = ()
    impossible: Impossible | None = None
    #: why the outcome is `error` or `no verdict`
    reason: str = ""
    #: from the fresh schema to the end of cleanup
    elapsed_ns: int = 0
