"""run_scenario(): a fresh room, the schedule, retries, the verdict, and cleanup that always happens."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from simulator.anomalies.access import ProbePlan, probes
from simulator.anomalies.checker import check
from simulator.anomalies.types import Verdict
from simulator.engines.base import NO_SETTINGS, Capabilities, Engine, Probes, Room, ServerInfo
from simulator.errors import EngineError, NotObservedError, RunError
from simulator.history import (
    AnyEvent,
    CommittedStateObserved,
    History,
    StatementFailed,
    StatementStarted,
    TransactionEnded,
)
from simulator.i18n import gettext as _
from simulator.lane import EventLog, StillWaiting
from simulator.model import Isolation, Outcome, Scenario, Schedule, Step, Variant
from simulator.scheduler import Scheduler
from simulator.watch import look


@dataclass(frozen=True, slots=True)
class Abort:
    """A transaction that the server or the application gave up."""

    transaction: str
    step: str
    #: None where the application gave up by itself (a conflict that it saw)
    sqlstate: str | None
    message: str
    #: the later attempt that ended as the application wished, if any
    retried_as: str | None = None


@dataclass(frozen=True, slots=True)
class Impossible:
    """The schedule could not go on: it wanted a step of a session that was still waiting."""

    #: the step that could not be sent; None where the schedule ended while a session still waited
    step: str | None
    session: str
    #: sessions that it waited for
    waits_for: tuple[str, ...]
    #: the step whose statement was waiting
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


#: How often an aborted transaction is run again before the application gives up.
MAX_ATTEMPTS = 3

#: SQLSTATE classes that a scenario may foresee; anything else that fails is an error of the scenario or the server.
#: https://www.postgresql.org/docs/18/errcodes-appendix.html
FORESEEN = {
    "23": "integrity constraint violation: the application must tell its user",
    "25P03": "idle_in_transaction_session_timeout: the server ended the transaction and closed the connection",
    "40": "transaction rollback: the application must run the transaction again",
    "55P03": "lock not available: NOWAIT or lock_timeout",
    "57014": "query canceled: by the person, or statement_timeout",
    "P0001": "raised by the application's own SQL",
}


def run_scenario(
    engine: Engine,
    scenario: Scenario,
    variant: Variant,
    isolation: Isolation,
    *,
    schedule: Schedule | None = None,
    retry: bool = True,
    observe: bool = True,
    watch: bool = False,
    deadline_s: float = 10.0,
) -> RunResult:
    """Run a variant in a fresh schema and judge it; nothing of it stays on the server, however it ends.

    An aborted transaction is run again after the schedule, alone, as an application should (`retry`). Without
    `observe` the checker gets no committed states and gives no verdict. With `watch` locks and row versions are
    recorded after every step: the state panel shows them, the verdict does not need them. Raises EngineError (no room,
    setup failed) and ScenarioError (a guard that cannot be read); what goes wrong during the run is an outcome.
    """
    started = time.monotonic_ns()
    order = schedule or variant.schedule
    room = engine.create_room((scenario.setup, variant.setup), len(variant.sessions))
    try:
        run = Run(room, engine.capabilities(), variant, isolation, observe, time.monotonic() + deadline_s, watch=watch)
        reason = run.play(order, retry)
        history = run.history()
        invariant = ask_invariant(room, scenario)
    finally:
        room.close()
    return judged(
        RunResult(
            scenario=scenario,
            variant=variant,
            schedule=order,
            isolation=isolation,
            server=engine.info(),
            history=history,
            verdict=Verdict(no_verdict=_("The committed states were not observed.")),
            outcome=Outcome.NO_VERDICT,
            invariant=invariant,
            impossible=run.impossible,
            reason=reason,
        ),
        started,
        observed=observe,
    )


def judged(result: RunResult, started_ns: int, *, observed: bool = True) -> RunResult:
    """The result with its verdict, its aborts and its outcome, from its history; `reason`: why the run broke off."""
    aborts = tuple(_aborts(result.history))
    verdict = check(result.history) if observed else result.verdict
    outcome, reason = _judge(replace(result, verdict=verdict, aborts=aborts))
    return replace(
        result,
        verdict=verdict,
        aborts=aborts,
        outcome=outcome,
        reason=reason,
        elapsed_ns=time.monotonic_ns() - started_ns,
    )


class Run:
    """One run while it goes on."""

    def __init__(
        self,
        room: Room,
        capabilities: Capabilities,
        variant: Variant,
        isolation: Isolation,
        observe: bool,
        deadline: float,
        *,
        watch: bool = False,
    ) -> None:
        self._room = room
        self._watches = watch
        self._variant = variant
        self._log = EventLog()
        self._plan = probes(step.sql for session in variant.sessions for step in session.steps) if observe else None
        self.scheduler = Scheduler(
            room, capabilities, isolation, self._log, deadline=deadline, on_commit=self._committed
        )
        self.impossible: Impossible | None = None

    @property
    def events(self) -> Sequence[AnyEvent]:
        """What was seen until now."""
        return self._log.events

    def open(self, settings: Mapping[str, str] = NO_SETTINGS) -> None:
        """Open every session, with these settings of the server, and look at the first committed state.

        Raises EngineError.
        """
        for session in self._variant.sessions:
            self.scheduler.open(session, settings)
        self._look(None)
        self.watch(None)

    def watch(self, step: str | None) -> None:
        """Record locks and row versions if the run is watched; `step` has just been settled. Raises EngineError."""
        if self._watches:
            look(self._room, self._log, step)

    def play(self, order: Schedule, retry: bool) -> str:
        """The whole run; a sentence where it could not be carried to its end, else ""."""
        step: Step | None = None
        try:
            self.open()
            for step in map(self._variant.step, order.steps):
                self.scheduler.issue(step)
                self.watch(step.key)
            step = None
            for lane in self.scheduler.waiting():
                raise StillWaiting(lane)
            if retry:
                self._run_aborted_again()
        except StillWaiting as error:
            self.impossible = _impossible(step, error)
            return explain_impossible(self.impossible)
        except (RunError, EngineError) as error:
            return str(error)
        return ""

    def history(self) -> History:
        """What was seen until now; may be asked again and again while the run goes on."""
        self._match_late_conditions()
        return self._log.history(tuple(session.name for session in self._variant.sessions))

    def _run_aborted_again(self) -> None:
        for lane in self.scheduler.lanes.values():
            while lane.retryable and lane.attempt < MAX_ATTEMPTS:
                self.scheduler.restart(lane)
                for step in lane.script.steps:
                    self.scheduler.issue(step)
                    self.watch(step.key)

    def _committed(self, transaction: str, wrote: bool) -> None:
        # A transaction without an id wrote nothing: the committed state is the one already seen.
        if wrote:
            self._look(transaction)

    def _look(self, transaction: str | None) -> None:
        if self._plan is None:
            return
        try:
            seen = self._room.observe(Probes(self._plan.conditions, self._plan.selects))
        except NotObservedError:
            return  # The checker finds the state missing and gives no verdict.
        self._log.add(
            CommittedStateObserved,
            transaction=transaction,
            tables=seen.tables,
            matches=seen.matches,
            answers=seen.answers,
        )

    def _match_late_conditions(self) -> None:
        """Conditions with values that a step had read became known after some states had been seen."""
        if self._plan is None:
            return
        plan = self._plan
        for event in self._log.events:
            if isinstance(event, StatementStarted) and event.parameters:
                plan = plan.extended(event.sql, dict(event.parameters))
        late = tuple(condition for condition in plan.conditions if condition not in self._plan.conditions)
        places = [i for i, event in enumerate(self._log.events) if isinstance(event, CommittedStateObserved)]
        seen = [event for event in self._log.events if isinstance(event, CommittedStateObserved)]
        if not late or not seen:
            return
        try:
            found = self._room.match([event.tables for event in seen], late)
        except EngineError:
            return  # The checker finds the condition missing and gives no verdict.
        for place, event, matches in zip(places, seen, found, strict=True):
            self._log.events[place] = replace(event, matches=event.matches + matches)
        # From here on they are asked with every state; a SELECT would lack its answers on the states before.
        self._plan = ProbePlan(plan.conditions, self._plan.selects)


def explain_impossible(impossible: Impossible) -> str:
    """Why an order cannot be carried out, and what to move."""
    names = {
        "session": impossible.session,
        "since": impossible.since,
        "blockers": ", ".join(impossible.waits_for),
        "step": impossible.step,
    }
    if impossible.step is None:
        return _(
            "{session} still waits in {since} for {blockers}, and no step is left that could release it. "
            "A transaction must end before the others can go on."
        ).format(**names)
    return _(
        "{step} cannot be sent here: {session} still waits in {since} for {blockers}. "
        "Move {step} after the step in which {blockers} commits or rolls back."
    ).format(**names)


def _impossible(step: Step | None, error: StillWaiting) -> Impossible:
    lane = error.lane
    return Impossible(
        step=None if step is None else step.key,
        session=lane.name,
        waits_for=lane.block.by if lane.block else (),
        since=lane.step.key if lane.step else "",
    )


def _aborts(history: History) -> Iterator[Abort]:
    ended = [event for event in history.events if isinstance(event, TransactionEnded)]
    failures = {event.transaction: event for event in history.events if isinstance(event, StatementFailed)}
    for event in ended:
        if event.outcome != "aborted":
            continue
        # A second attempt that the application rolls back, having read afresh, has ended as it wished too.
        later = (e for e in ended if e.session == event.session and e.seq > event.seq and e.outcome != "aborted")
        again = next(later, None)
        failure = failures.get(event.transaction)
        yield Abort(
            transaction=event.transaction or "",
            step=event.step or "",
            sqlstate=event.sqlstate,
            message=_why_aborted(event, failure),
            retried_as=again.transaction if again else None,
        )


def _why_aborted(ended: TransactionEnded, failure: StatementFailed | None) -> str:
    if failure is not None:
        return failure.message
    if ended.sqlstate is not None:
        return _("The server closed the connection between two statements.")
    return _("The application saw a conflict and rolled back.")


def ask_invariant(room: Room, scenario: Scenario) -> InvariantResult | None:
    """Whether the scenario's business rule holds now; None where it has none."""
    rule = scenario.invariant
    if rule is None:
        return None
    try:
        rows = room.ask(rule.sql)
    except EngineError:
        return InvariantResult(rule.title, rule.sql, None)
    holds = rows[0][0] if rows and rows[0] else None
    return InvariantResult(rule.title, rule.sql, holds if isinstance(holds, bool) else None)


def _judge(result: RunResult) -> tuple[Outcome, str]:
    """The outcome, and why where it is `error` or `no verdict`."""
    if result.impossible is not None:
        return Outcome.NO_VERDICT, result.reason
    if result.reason:
        return Outcome.ERROR, result.reason
    unforeseen = [a for a in result.aborts if a.sqlstate and not a.sqlstate.startswith(tuple(FORESEEN))]
    if unforeseen:
        return Outcome.ERROR, f"{unforeseen[0].step}: {unforeseen[0].message}"
    if result.verdict.anomalies or (result.invariant is not None and result.invariant.holds is False):
        return Outcome.ANOMALY, ""
    if result.verdict.no_verdict is not None:
        return Outcome.NO_VERDICT, result.verdict.no_verdict
    if any(abort.retried_as is None for abort in result.aborts):
        return Outcome.ABORTED, ""
    return (Outcome.RETRIED, "") if result.aborts else (Outcome.SAFE, "")
