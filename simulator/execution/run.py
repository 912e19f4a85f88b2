"""How a schedule is carried out in a room: its steps, the retries after them, and what is observed between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from simulator.engines.base import NO_SETTINGS, Capabilities, Positions, Probes, Room
from simulator.errors import EngineError, NotObservedError, RunError
from simulator.execution.lane import EventLog, Lane, StillWaiting
from simulator.execution.scheduler import Scheduler
from simulator.execution.waiting import (
    Impossible,
    WaitsForEver,
    explain_impossible,
    explain_waits_for_ever,
    impossible,
    waits_for_ever,
)
from simulator.history.schedule import (
    AnyEvent,
    CommittedStateObserved,
    History,
    LocksObserved,
    RowVersionsObserved,
    StatementFailed,
    StatementStarted,
    TransactionEnded,
)
from simulator.history.words import TransactionOutcome
from simulator.i18n.text import NOTHING, Text
from simulator.model import Isolation, Schedule, Step, Variant
from simulator.sql.access import ProbePlan, probes
from simulator.sql.measure import measure


@dataclass(frozen=True, slots=True)
class Abort:
    """A transaction that the server or the application gave up."""

    transaction: str
    step: str
    #: None where the application gave up by itself (a conflict that it saw)
    sqlstate: str | None
    #: the server's own words, or what the application did
    message: Text
    #: the later attempt that ended as the application wished, if any
    retried_as: str | None = None


#: How often an aborted transaction is run again before the application gives up.
MAX_ATTEMPTS = 3


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
        locks: bool = False,
        rule: str = "",
    ) -> None:
        """`watch`: locks and row versions, `locks`: these alone. `rule`: the scenario's, asked of every committed state
        too, or ""."""
        self._room = room
        self._watches, self._locks = watch, locks
        self._variant = variant
        self._log = EventLog()
        self._plan = probes(step.sql for session in variant.sessions for step in session.steps) if observe else None
        if self._plan is not None and (asked := measure(rule) if rule else None) is not None:
            self._plan = ProbePlan(self._plan.conditions, (*self._plan.selects, asked.sql))
        self.scheduler = Scheduler(
            room, capabilities, isolation, self._log, deadline=deadline, on_commit=self._committed
        )
        self.impossible: Impossible | None = None
        self.waits_for_ever: WaitsForEver | None = None
        #: where the sequences stood before each statement, by the `seq` of its start; nothing where there are none
        self.positions: dict[int, Positions] = {}
        #: where they stand now
        self.stand: Positions = ()
        self._numbered = False

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
        self.stand = self._room.sequences()
        self._numbered = bool(self.stand)
        self._look(None)
        self.watch(None)

    def watch(self, step: str | None) -> None:
        """Record locks and row versions if the run is watched; `step` has just been settled. Raises EngineError."""
        if self._watches:
            look(self._room, self._log, step)
        elif self._locks:
            seen = self._room.held()
            self._log.add(LocksObserved(**self._log.stamp(step=step), sessions=seen.sessions, locks=seen.locks))

    def play(self, order: Schedule, retry: bool) -> Text:
        """The whole run; a sentence where it could not be carried to its end, else nothing."""
        steps = tuple(map(self._variant.step, order.steps))
        left = steps
        try:
            self.open()
            for place, step in enumerate(steps):
                left = steps[place:]
                self._issue(step)
        except StillWaiting as error:
            return self._stopped(error.lane, left)
        except (RunError, EngineError) as error:
            return error.text
        return self.end(retry=retry)

    def end(self, *, retry: bool) -> Text:
        """What comes after the last step; a sentence where the run could not be carried to its end, else nothing."""
        try:
            for lane in self.scheduler.waiting():
                self.scheduler.outwait(lane)
            if retry:
                self._run_aborted_again()
            self.scheduler.tear_down()
            self.scheduler.leave_open()
        except StillWaiting as error:
            return self._stopped(error.lane, ())
        except (RunError, EngineError) as error:
            return error.text
        return NOTHING

    def _stopped(self, lane: Lane, left: Sequence[Step]) -> Text:
        """Why the run could not go on with the first of these steps, while the lane waited."""
        self.waits_for_ever = waits_for_ever(lane, self.scheduler.lanes, left)
        if self.waits_for_ever is not None:
            self.scheduler.leave_open()
            return explain_waits_for_ever(self.waits_for_ever)
        self.impossible = impossible(left[0], lane)
        return explain_impossible(self.impossible)

    def history(self) -> History:
        """What was seen until now; may be asked again and again while the run goes on."""
        self._match_late_conditions()
        return self._log.history(tuple(session.name for session in self._variant.sessions))

    def _run_aborted_again(self) -> None:
        for lane in self.scheduler.lanes.values():
            while lane.retryable and lane.attempt < MAX_ATTEMPTS:
                for step in self.scheduler.restart(lane):
                    self._issue(step)

    def _issue(self, step: Step) -> None:
        """Send one step and settle; sequences show at once what a statement took from them."""
        place = len(self._log.events)
        self.scheduler.issue(step)
        if self._numbered:
            started = (event.seq for event in self._log.events[place:] if isinstance(event, StatementStarted))
            self.positions.update(dict.fromkeys(started, self.stand))
            self.stand = self._room.sequences()
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
        stamp = self._log.stamp(transaction=transaction)
        self._log.add(CommittedStateObserved(**stamp, tables=seen.tables, matches=seen.matches, answers=seen.answers))

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


def aborts(history: History) -> Iterator[Abort]:
    """Each transaction that was aborted, with what came of it."""
    ended = [event for event in history.events if isinstance(event, TransactionEnded)]
    failures: dict[tuple[str | None, str], StatementFailed] = {}
    for event in history.events:
        if isinstance(event, StatementFailed):
            failures.setdefault((event.transaction, event.sqlstate), event)
            if event.transaction is None:
                # A statement outside of any transaction has none that could end.
                yield Abort(event.session or "", event.step or "", event.sqlstate, Text.verbatim(event.message))
    for end in ended:
        if end.outcome != TransactionOutcome.ABORTED:
            continue
        # A second attempt that the application rolls back, having read afresh, has ended as it wished too.
        later = (each for each in ended if _same_but_attempt(each, end) and each.seq > end.seq)
        again = next((each for each in later if each.outcome != TransactionOutcome.ABORTED), None)
        # What failed first; the server refuses everything after it with another SQLSTATE.
        failure = failures.get((end.transaction, end.sqlstate or ""))
        yield Abort(
            transaction=end.transaction or "",
            step=(failure or end).step or "",
            sqlstate=end.sqlstate,
            message=_why_aborted(end, failure),
            retried_as=again.transaction if again else None,
        )


def _same_but_attempt(one: TransactionEnded, other: TransactionEnded) -> bool:
    names = [(event.transaction or "").partition("#")[0] for event in (one, other)]
    return names[0] == names[1]


def _why_aborted(ended: TransactionEnded, failure: StatementFailed | None) -> Text:
    if failure is not None:
        return Text.verbatim(failure.message)
    if ended.sqlstate is not None:
        return Text.of("The server closed the connection between two statements.")
    return Text.of("The application saw a conflict and rolled back.")


def look(room: Room, log: EventLog, step: str | None) -> None:
    """Record locks and row versions; `step` is the one that has just been settled. Raises EngineError.

    The observer's own connection asks, in no SERIALIZABLE transaction: no outcome depends on whether it does.
    """
    seen = room.watch()
    log.add(LocksObserved(**log.stamp(step=step), sessions=seen.sessions, locks=seen.locks))
    log.add(
        RowVersionsObserved(**log.stamp(step=step), tables=seen.tables, unseen=seen.unseen, with_dead=seen.with_dead)
    )
