"""run_scenario(): a fresh room, the schedule, retries, the replay, the verdict, and cleanup that always happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from simulator.anomalies.checker import check
from simulator.anomalies.types import Verdict
from simulator.engines.base import Engine, Room, ServerInfo
from simulator.errors import EngineError
from simulator.execution.invariant import InvariantResult, ask_invariant
from simulator.execution.run import Abort, Run, aborts
from simulator.execution.waiting import Impossible, WaitsForEver
from simulator.history.schedule import CommittedStateObserved, History, TransactionEnded
from simulator.history.sqlstates import SqlState, SqlStateClass
from simulator.history.words import TransactionOutcome
from simulator.i18n.text import NOTHING, Text
from simulator.model import Isolation, Outcome, Scenario, Schedule, Variant
from simulator.verdict.judge import Facts, Finding, finding_of, outcome_of
from simulator.verdict.replay import replay
from simulator.verdict.transactions import MixedStepError, committed
from simulator.verdict.types import NOT_REPLAYED, Replayed, Serial

#: What nobody foresees: the scenario's SQL is wrong, or the server is in trouble. Any other error is its client's
#: business: data that do not fit, a conflict, or what the application's own SQL raises, by whatever code.
UNFORESEEN = (
    SqlStateClass.CONNECTION_EXCEPTION,
    SqlStateClass.FEATURE_NOT_SUPPORTED,
    SqlState.ACTIVE_SQL_TRANSACTION,
    SqlStateClass.INVALID_SQL_STATEMENT_NAME,
    SqlStateClass.INVALID_CURSOR_NAME,
    SqlStateClass.SAVEPOINT_EXCEPTION,
    SqlStateClass.INVALID_CATALOG_NAME,
    SqlStateClass.INVALID_SCHEMA_NAME,
    SqlStateClass.SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION,
    SqlStateClass.INSUFFICIENT_RESOURCES,
    SqlStateClass.PROGRAM_LIMIT_EXCEEDED,
    SqlStateClass.OPERATOR_INTERVENTION,
    SqlStateClass.SYSTEM_ERROR,
    SqlStateClass.CONFIG_FILE_ERROR,
    SqlStateClass.INTERNAL_ERROR,
)
#: Of those classes, what a client may do or ask for: it cancels, or had set a time-out.
FORESEEN = (SqlState.QUERY_CANCELED,)


@dataclass(frozen=True, slots=True)
class RunResult:
    """Everything a page shows about one run; nothing in it is computed again elsewhere."""

    scenario: Scenario
    variant: Variant
    schedule: Schedule
    isolation: Isolation
    server: ServerInfo
    history: History
    #: what the dependency graph says
    graph: Verdict = field(default_factory=Verdict)
    #: what running the committed transactions one after another says
    replayed: Replayed = NOT_REPLAYED
    outcome: Outcome = Outcome.UNDECIDED
    invariant: InvariantResult | None = None
    aborts: tuple[Abort, ...] = ()
    impossible: Impossible | None = None
    waits_for_ever: WaitsForEver | None = None
    #: why the run could not be carried to its end
    reason: Text = NOTHING
    #: from the fresh schema to the end of cleanup
    elapsed_ns: int = 0

    @property
    def facts(self) -> Facts:
        """What the verdict is made from."""
        rule = self.invariant
        return Facts(
            replayed=self.replayed,
            graph=self.graph,
            rule_holds=None if rule is None else rule.holds,
            given_up=tuple(abort.sqlstate for abort in self.aborts if abort.retried_as is None),
            uncommitted=tuple(_uncommitted(self.history, self.aborts)),
            retried=any(abort.retried_as is not None for abort in self.aborts),
            keys=dict(_keys(self.history)),
        )

    @property
    def confirmed(self) -> Verdict:
        """The graph's answer without anomalies that the replay refutes: with these values nobody sees them."""
        refuted = self.finding not in (Finding.NAMED, Finding.UNCONFIRMED)
        return replace(self.graph, anomalies=()) if refuted else self.graph

    @property
    def stored_wrong(self) -> bool:
        """What is stored at the end is not what it should be: no serial order leaves it so, or the rule is broken."""
        rule_broken = self.invariant is not None and self.invariant.holds is False
        anomaly = self.finding in (Finding.NAMED, Finding.UNNAMED)
        return rule_broken or (anomaly and any(each.relation is not None for each in self.replayed.differences))

    @property
    def finding(self) -> Finding:
        """What replay, graph and rule say together."""
        return finding_of(self.facts)


def run_scenario(
    engine: Engine,
    scenario: Scenario,
    variant: Variant,
    isolation: Isolation,
    *,
    schedule: Schedule | None = None,
    retry: bool = True,
    watch: bool = False,
    locks: bool = False,
    deadline_s: float = 10.0,
    opened: Callable[[Room], object] | None = None,
) -> RunResult:
    """Run a variant in a fresh schema and judge it; nothing of it stays on the server, however it ends.

    An aborted transaction is run again after the schedule, alone, as an application should (`retry`). With `watch`
    locks and row versions are recorded after every step: the state panel shows them, the verdict does not need them.
    `locks` records them alone. `opened` is called with the room before anything runs in it.
    The run and the replays that judge it, in the same room, are over within `deadline_s`, from the moment it has a
    place, and a second for cleaning up. Raises EngineError (no room, setup failed) and ScenarioError (a guard that
    cannot be read); what goes wrong during the run is an outcome.
    """
    started = time.monotonic_ns()
    order = schedule or variant.schedule
    setup = (scenario.setup, variant.setup)
    room = engine.create_room(setup, len(variant.sessions), deadline_s=deadline_s, opened=opened)
    try:
        rule = scenario.invariant.sql if scenario.invariant else ""
        run = Run(
            room, engine.capabilities(), variant, isolation, True, room.deadline, watch=watch, locks=locks, rule=rule
        )
        reason = run.play(order, retry)
        history = run.history()
        result = RunResult(
            scenario=scenario,
            variant=variant,
            schedule=order,
            isolation=isolation,
            server=engine.info(),
            history=history,
            invariant=ask_invariant(room, scenario),
            impossible=run.impossible,
            waits_for_ever=run.waits_for_ever,
            reason=reason,
        )
        result = judged(result, run, room, room)
    finally:
        room.close()
    return replace(result, elapsed_ns=time.monotonic_ns() - started)


def judged(result: RunResult, run: Run, holds: Room, replays_in: Room) -> RunResult:
    """The result with its verdicts, its aborts and its outcome.

    `holds`: what the run left is stored there. `replays_in`: a room with the same setup, which is made anew.
    """
    graph = check(result.history)
    told = replace(result, graph=graph, aborts=tuple(aborts(result.history)))
    trouble = _trouble(told)
    if trouble is not None:
        outcome, reason = trouble
        return replace(told, outcome=outcome, reason=reason)
    told = replace(told, replayed=_replayed(told, run, holds, replays_in))
    return replace(told, outcome=outcome_of(told.facts))


def _keys(history: History) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each table that was seen, with the columns of its key."""
    for event in history.events:
        if isinstance(event, CommittedStateObserved):
            yield from ((table.table, table.key_columns) for table in event.tables)


def _uncommitted(history: History, given_up: Sequence[Abort]) -> dict[str, None]:
    """Transactions of which no attempt committed, and those that lack a statement that was refused."""
    ended = [event for event in history.events if isinstance(event, TransactionEnded)]
    committed = {_first_name(each) for each in ended if each.outcome == TransactionOutcome.COMMITTED}
    lacking = [abort.transaction for abort in given_up if abort.retried_as is None]
    return dict.fromkeys([*(name for name in map(_first_name, ended) if name not in committed), *lacking])


def _first_name(ended: TransactionEnded) -> str:
    """`T1` of its second attempt, `T1#2`, too."""
    return (ended.transaction or "").partition("#")[0]


def _replayed(result: RunResult, run: Run, holds: Room, replays_in: Room) -> Replayed:
    try:
        transactions = committed(result.history, result.variant, run.positions)
    except MixedStepError as error:
        sentence = Text.of("{step} ends one transaction and begins another: it cannot be sent for one alone.")
        return Replayed(Serial.UNDECIDED, reason=sentence.given(step=error.step))
    if not transactions:
        return Replayed(Serial.YES)
    try:
        content = holds.content()
    except EngineError as error:
        reason = Text.of("What is stored at the end could not be read. {why}", why=error.text)
        return Replayed(Serial.UNDECIDED, reason=reason)
    setup = (result.scenario.setup, result.variant.setup)
    return replay(replays_in, setup, result.variant, transactions, content, result.graph.serial_order or (), run.stand)


def _trouble(result: RunResult) -> tuple[Outcome, Text] | None:
    """What leaves nothing to judge: the order cannot be carried out, or something failed that nobody foresaw."""
    if result.impossible is not None:
        return Outcome.IMPOSSIBLE, result.reason
    if result.waits_for_ever is not None:
        return Outcome.WAITS_FOR_EVER, result.reason
    if result.reason:
        return Outcome.ERROR, result.reason
    unforeseen = [a for a in result.aborts if a.sqlstate not in FORESEEN and (a.sqlstate or "").startswith(UNFORESEEN)]
    if unforeseen:
        first = unforeseen[0]
        return Outcome.ERROR, Text("{step}: {message}").given(step=first.step, message=first.message)
    return None
