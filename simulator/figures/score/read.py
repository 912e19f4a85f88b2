"""Reads a history into the lanes of a score."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from simulator.anomalies.types import Anomaly, Verdict
from simulator.figures.labels import brief_result, short_result
from simulator.figures.score.info import HEAD, Arrow, Mark, Range, ScoreInfo, Span, Status, StoredBox, Stretch, Wait
from simulator.figures.score.parts import Block, Statement, Transaction
from simulator.history.event import Event
from simulator.history.schedule import (
    AnyEvent,
    CommittedStateObserved,
    History,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    StepResumed,
    StepSkipped,
    TransactionBegan,
    TransactionEnded,
)
from simulator.history.words import SkipReason, TransactionOutcome
from simulator.i18n import gettext as _
from simulator.model import Schedule, Variant
from simulator.sql.bind import shown
from simulator.sql.label import brief_sql, short_sql
from simulator.sql.values import cell
from simulator.state.names import row_names
from simulator.state.stored import StoredValues, stored_values
from simulator.verdict.run import RunResult


def score_info(
    history: History,
    schedule: Schedule,
    verdict: Verdict | None = None,
    variant: Variant | None = None,
    *,
    stored: StoredValues | None = None,
    wrong: bool = False,
) -> ScoreInfo:
    """Read a history into lanes. Nothing is computed but places: what is not in the history is not on the score.

    `variant` gives steps that were never sent their SQL. `stored` becomes a lane of its own; `wrong`: its last value is
    not what it should be.
    """
    unsent = {step.key: step.sql for session in variant.sessions for step in session.steps} if variant else {}
    reader = _ScoreReader(history, schedule, unsent)
    for event in history.events:
        reader.read(event)
    reader.add_unreached()
    anomaly = verdict.anomalies[0] if verdict and not verdict.no_verdict and verdict.anomalies else None
    marks, spans = tuple(reader.marks(_cycle_steps(anomaly))), tuple(reader.spans())
    return ScoreInfo(
        sessions=history.sessions,
        marks=marks,
        waits=tuple(reader.waits()),
        arrows=tuple(reader.arrows()),
        spans=spans,
        scheduled=len(schedule.steps),
        anomaly=anomaly.name if anomaly else None,
        closing=_closing(anomaly, marks),
        final=_final(anomaly, spans),
        stored=tuple(reader.stored(stored, wrong=wrong)) if stored else (),
    )


def score_of(result: RunResult) -> ScoreInfo:
    """The score of a run, with the lane of what is stored."""
    rule = result.scenario.invariant.sql if result.scenario.invariant else ""
    return score_info(
        result.history,
        result.schedule,
        result.confirmed,
        result.variant,
        stored=stored_values(result.history, rule),
        wrong=result.stored_wrong,
    )


def _cycle_steps(anomaly: Anomaly | None) -> set[tuple[str, str | None]]:
    """(transaction, step) of every statement that an edge of the minimal cycle rests on."""
    steps: set[tuple[str, str | None]] = set()
    for edge in anomaly.cycle if anomaly else ():
        steps |= {(edge.source, edge.evidence.source_step), (edge.target, edge.evidence.target_step)}
    return steps


def _closing(anomaly: Anomaly | None, marks: tuple[Mark, ...]) -> int | None:
    if anomaly is None or anomaly.closing_step is None:
        return None
    found = [mark for mark in marks if mark.step == anomaly.closing_step and mark.status is not Status.SKIPPED]
    inside = [mark for mark in found if mark.transaction in _members(anomaly)]
    return (inside or found)[-1].position if found else None


def _final(anomaly: Anomaly | None, spans: tuple[Span, ...]) -> int | None:
    """Where the last of the cycle's transactions committed; of one that was rolled back the others decide."""
    if anomaly is None:
        return None
    ended = [span for span in spans if span.name in _members(anomaly)]
    return max((span.known_at for span in ended if span.outcome == TransactionOutcome.COMMITTED), default=None)


def _members(anomaly: Anomaly) -> frozenset[str]:
    return frozenset((*anomaly.transactions, *(edge.target for edge in anomaly.cycle)))


@dataclass(slots=True)
class _ScoreReader:
    """Walks the events once and keeps, beside each thing, the position at which it became known."""

    history: History
    schedule: Schedule
    #: SQL of every step, for those that the history has none of
    unsent: Mapping[str, str]
    statements: list[Statement] = field(default_factory=list)
    transactions: dict[str, Transaction] = field(default_factory=dict)
    #: the statement that each session is at
    current: dict[str, Statement] = field(default_factory=dict)
    #: committed states by their `seq`: position and milliseconds at which each was seen
    seen: dict[int, Range] = field(default_factory=dict)
    #: the position that the run is at
    now: int = -1
    origin_ns: int = field(init=False)
    last_ms: float = field(init=False)

    def __post_init__(self) -> None:
        times = [event.at_ns for event in self.history.events if event.session is not None]
        self.origin_ns = times[0] if times else 0
        self.last_ms = (max(times) - self.origin_ns) / 1e6 if times else 0.0

    def read(self, event: AnyEvent) -> None:
        if event.session is None:
            if isinstance(event, CommittedStateObserved):
                self.seen[event.seq] = Range(max(self.now, 0), max(self._ms(event), 0.0))
            return
        if isinstance(event, TransactionBegan):
            name = _name(event)
            self.transactions[name] = Transaction(event, name, event.session, self._ms(event))
        elif isinstance(event, StatementStarted):
            self._start(event).sql = shown(event.sql, dict(event.parameters))
        elif isinstance(event, StepSkipped):
            statement = self._start(event)
            statement.sql = self.unsent.get(statement.key, "")
            statement.skipped, statement.detail = True, _skip_reason(event)
            self._settle(statement, event)
        elif isinstance(event, TransactionEnded):
            if transaction := self.transactions.get(_name(event)):
                transaction.ended, transaction.ended_ms, transaction.ended_at = event, self._ms(event), self.now
        elif statement_ := self.current.get(event.session):
            self._go_on(statement_, event)

    def _go_on(self, statement: Statement, event: AnyEvent) -> None:
        if isinstance(event, StepBlocked):
            statement.blocks.append(Block(event, self._ms(event), self.now))
        elif isinstance(event, StepResumed):
            statement.resumed, statement.resumed_ms = event, self._ms(event)
        elif isinstance(event, StatementFinished):
            statement.result, statement.brief_result = short_result(event), brief_result(event)
            self._settle(statement, event)
        elif isinstance(event, StatementFailed):
            statement.sqlstate, statement.detail = event.sqlstate, event.message
            self._settle(statement, event)

    def add_unreached(self) -> None:
        """Steps of the schedule that the run never came to keep their place."""
        seen = {statement.key for statement in self.statements}
        for position, key in enumerate(self.schedule.steps):
            if key not in seen:
                session, _dot, name = key.partition(".")
                statement = Statement(position, key, session, session, self.last_ms, sql=self.unsent.get(key, name))
                statement.skipped, statement.detail = True, _("the run ended before this step")
                statement.ended, statement.settled_at = self.last_ms, position
                self.statements.append(statement)
        self.statements.sort(key=lambda each: each.position)

    def marks(self, cycle: Collection[tuple[str, str | None]]) -> Iterator[Mark]:
        names = row_names(self.history)
        for position, each in enumerate(self.statements):
            transaction = self.transactions.get(each.transaction)
            yield Mark(
                position=position,
                step=each.key,
                session=each.session,
                lane=self._lane(each.session),
                transaction=each.transaction,
                attempt=transaction.began.attempt if transaction else 1,
                status=each.status,
                label=short_sql(each.sql, names) or each.key.partition(".")[2],
                result=each.result,
                brief=(brief_sql(each.sql, names) or each.key.partition(".")[2], each.brief_result),
                sqlstate=each.sqlstate,
                sql=each.sql,
                detail=each.detail,
                place=self._place(each),
                settled_at=each.settled_at,
                waited_for=each.blocks[0].event.by if each.blocks else (),
                in_cycle=(each.transaction, each.key) in cycle,
            )

    def waits(self) -> Iterator[Wait]:
        for position, each in enumerate(self.statements):
            whole = self._place(each)
            ends = [Stretch(Range(block.at + 1, block.at + 1), Range(block.ms, block.ms)) for block in each.blocks[1:]]
            resumed = each.went_on if each.went_on is not None else whole.ms.end
            ends.append(Stretch(whole.steps, Range(resumed, resumed)))
            start = each.position + HEAD
            for block, until in zip(each.blocks, ends, strict=False):
                yield Wait(
                    mark=position,
                    lane=self._lane(each.session),
                    session=each.session,
                    by=block.event.by,
                    lock=block.event.lock,
                    inferred=block.event.inferred,
                    place=Stretch(Range(start, until.steps.end), Range(block.ms, until.ms.end)),
                    known_at=block.at,
                )
                start = until.steps.end

    def arrows(self) -> Iterator[Arrow]:
        for position, each in enumerate(self.statements):
            woken, release = each.went_on, self._release(each) if each.blocks else None
            if woken is not None and release is not None and each.settled_at is not None:
                session, ms = release
                edge = each.settled_at + 1.0
                yield Arrow(
                    mark=position,
                    source_lane=self._lane(session),
                    target_lane=self._lane(each.session),
                    place=Stretch(Range(edge, edge), Range(min(ms, woken), woken)),
                    known_at=each.settled_at,
                )

    def spans(self) -> Iterator[Span]:
        for each in self.transactions.values():
            first = each.first if each.first is not None else max(self.now, 0)
            last = each.ended_at if each.ended_at is not None else max(self.now, first)
            ended_ms = each.ended_ms if each.ended_ms is not None else self.last_ms
            yield Span(
                name=each.name,
                session=each.session,
                lane=self._lane(each.session),
                attempt=each.began.attempt,
                isolation=each.began.isolation,
                place=Stretch(Range(first, last + 1), Range(each.started, ended_ms)),
                outcome=each.ended.outcome if each.ended else None,
                sqlstate=each.ended.sqlstate if each.ended else None,
                known_at=last,
            )

    def stored(self, stored: StoredValues, *, wrong: bool) -> Iterator[StoredBox]:
        """Each value from the place of the step after which it was seen."""
        end = Range(len(self.statements), self.last_ms)
        places = [self.seen.get(each.seq, Range(0, 0.0)) for each in stored.values]
        for number, (each, at, until) in enumerate(zip(stored.values, places, [*places[1:], end], strict=True)):
            value = cell(each.value)
            yield StoredBox(
                text=f"{stored.name} {value}",
                short=value,
                place=Stretch(Range(at.start, until.start), Range(at.end, until.end)),
                known_at=int(at.start) if number else -1,
                wrong=wrong and number == len(places) - 1,
            )

    def _start(self, event: StatementStarted | StepSkipped) -> Statement:
        session, key = event.session or "", event.step or event.session or ""
        scheduled = {statement.key for statement in self.statements if statement.position < len(self.schedule.steps)}
        if key in self.schedule.steps and key not in scheduled:
            position = self.schedule.steps.index(key)
        else:
            position = max(len(self.schedule.steps), self.now + 1)
        self.now = max(self.now, position)
        statement = Statement(position, key, session, _name(event), self._ms(event))
        self.statements.append(statement)
        self.current[session] = statement
        transaction = self.transactions.get(statement.transaction)
        if transaction is not None and transaction.first is None and isinstance(event, StatementStarted):
            transaction.first = position
        return statement

    def _settle(self, statement: Statement, event: Event) -> None:
        statement.ended, statement.settled_at = self._ms(event), self.now

    def _place(self, statement: Statement) -> Stretch:
        last = statement.settled_at if statement.settled_at is not None else self.now
        ended = statement.ended if statement.ended is not None else self.last_ms
        return Stretch(Range(statement.position, last + 1), Range(statement.started, ended))

    def _release(self, waiter: Statement) -> tuple[str, float] | None:
        """Session and time of the release that ended this wait; None where nothing was released.

        A deadlock's victim and a time-out go on too, but not because a lock came free: what the blocker did last then
        lies before the wait.
        """
        block = waiter.blocks[-1]
        named = waiter.resumed.released_by if waiter.resumed else None
        for each in self.statements:
            if each.key == named and each.session != waiter.session and (each.ended or 0.0) >= block.ms:
                return each.session, each.ended or 0.0
        for transaction in self.transactions.values():
            ended, at = transaction.ended_ms, transaction.ended_at
            late = ended is None or at is None or ended < block.ms or at > (waiter.settled_at or 0)
            if transaction.session in block.event.by and ended is not None and not late:
                return transaction.session, ended
        return None

    def _lane(self, session: str) -> int:
        return self.history.sessions.index(session) if session in self.history.sessions else 0

    def _ms(self, event: Event) -> float:
        return (event.at_ns - self.origin_ns) / 1e6


def _name(event: Event) -> str:
    return event.transaction or event.session or ""


def _skip_reason(event: StepSkipped) -> str:
    if event.reason == SkipReason.GUARD:
        return _("skipped: {condition} is false").format(condition=event.detail)
    if event.reason == SkipReason.UNSAVED:
        return _("skipped: {name} was not saved").format(name=event.detail)
    return _("skipped: its transaction had ended")
