"""The committed transactions of a history, with what their clients saw: what a serial order has to give again."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from simulator.engines.base import Positions
from simulator.history.schedule import (
    AnswerCut,
    AnyEvent,
    History,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepSkipped,
    TransactionBegan,
    TransactionEnded,
)
from simulator.history.sqlstates import SqlState, SqlStateClass
from simulator.history.words import CutKind, SkipReason, TransactionOutcome
from simulator.model import Isolation, Row, Scalar, Step, Variant


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of one step: its results, an error, or that the step's own guard left it out."""

    #: of each statement of the step
    tags: tuple[str, ...] = ()
    #: of each statement of the step; none for a command that returns none
    rows: tuple[tuple[Row, ...], ...] = ()
    sqlstate: str | None = None
    skipped: bool = False


#: Nobody else runs in a serial execution, and so none of these comes: https://www.postgresql.org/docs/18/errcodes-appendix.html
_REFUSALS = (SqlStateClass.TRANSACTION_ROLLBACK, SqlState.LOCK_NOT_AVAILABLE, SqlState.QUERY_CANCELED)

#: What looks at a sequence, or puts it somewhere, without taking a number from it.
_ABOUT_SEQUENCES = re.compile(r"currval|lastval|setval|last_value|is_called|sequence", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sent:
    """One step of one transaction, and what its client saw."""

    step: Step
    seen: Seen
    #: values that the client had
    parameters: tuple[tuple[str, Scalar], ...] = ()
    #: where the sequences stood before it; nothing where it took no number and asked for none
    positions: Positions = ()
    #: more rows or longer values came than the history keeps
    cut: bool = False
    #: it is not sent again, and answered as it was
    given: bool = False

    @property
    def refused(self) -> bool:
        """The server gave the statement up because of others: it did nothing, and its client learnt no data."""
        return self.seen.sqlstate is not None and self.seen.sqlstate.startswith(_REFUSALS)

    @property
    def passed_over(self) -> bool:
        """It is not sent again: given, refused, or sent to a transaction that had failed before."""
        return self.given or self.refused or self.seen.sqlstate == SqlState.IN_FAILED_SQL_TRANSACTION


@dataclass(frozen=True, slots=True)
class Transaction:
    """A committed transaction: the attempt that committed, where there were several."""

    name: str
    session: str
    #: the level that it began at
    isolation: Isolation
    #: its steps; first those that its session sent before it and outside of any transaction, as SET
    sent: tuple[Sent, ...]
    #: values that other sessions had saved, of which its client knew
    known: tuple[tuple[str, Scalar], ...]
    #: places in the history
    began: int
    ended: int
    #: what its session had sent before in transactions that were not committed
    uncommitted: tuple[str, ...] = ()


class MixedStepError(Exception):
    """A step holds the end of one transaction and another one's statements: it cannot be sent for one alone."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


def committed(history: History, variant: Variant, positions: Mapping[int, Positions]) -> tuple[Transaction, ...]:
    """Committed transactions in the order of their commits. `positions`: by the `seq` of a statement's start.

    Raises MixedStepError.
    """
    began: dict[str, TransactionBegan] = {}
    ended: list[TransactionEnded] = []
    for event in history.events:
        if isinstance(event, TransactionBegan):
            began.setdefault(event.transaction or "", event)
        elif isinstance(event, TransactionEnded) and event.outcome is TransactionOutcome.COMMITTED:
            ended.append(event)
    steps = _steps(history.events, variant, positions)
    of: dict[str, list[Sent]] = {}
    for name, sent in steps:
        of.setdefault(name, []).append(sent)
    for end in ended:
        # COMMIT PREPARED is sent by whoever wants it, outside of that transaction, and of the one that comes next.
        outside = of.get(OUTSIDE + (end.step or "").partition(".")[0], [])
        last = [sent for sent in outside if sent.step.key == end.step]
        if last:
            of = {name: sent if name.startswith(OUTSIDE) else _without(sent, last) for name, sent in of.items()}
            of.setdefault(end.transaction or "", []).extend(last)
    lost = _uncommitted(history.events, {end.transaction for end in ended})
    saved = [event for event in history.events if isinstance(event, StatementFinished) and event.saved is not None]
    return tuple(
        Transaction(
            name=name,
            session=session,
            isolation=began[name].isolation,
            sent=tuple(of.get(name, ())),
            known=tuple(
                dict(
                    each.saved for each in saved if each.saved and each.session != session and each.seq < end.seq
                ).items()
            ),
            began=began[name].seq,
            ended=end.seq,
            uncommitted=tuple(sql for own, seq, sql in lost if own == session and seq < began[name].seq),
        )
        for end in ended
        if (name := end.transaction or "") in began
        for session in (began[name].session or "",)
    )


def _without(sent: Iterable[Sent], others: Collection[Sent]) -> list[Sent]:
    return [each for each in sent if each not in others]


def _uncommitted(events: Iterable[AnyEvent], committed: Collection[str | None]) -> list[tuple[str | None, int, str]]:
    """Sessions, places and words of the statements of transactions that are not among these."""
    return [
        (event.session, event.seq, event.sql)
        for event in events
        if isinstance(event, StatementStarted) and event.transaction is not None and event.transaction not in committed
    ]


def out_of_order(order: Iterable[Transaction]) -> tuple[tuple[Transaction, Transaction], ...]:
    """Pairs of an order in which the second had committed before the first began: the clock forbids it."""
    return tuple((a, b) for a, b in combinations(order, 2) if b.ended < a.began)


#: Before a session's name: what it sent outside of any transaction.
OUTSIDE = ":"


def _steps(
    events: Iterable[AnyEvent], variant: Variant, positions: Mapping[int, Positions]
) -> Iterator[tuple[str, Sent]]:
    """Every answered step with the name of its transaction, and what was sent before that outside of any."""
    steps = {step.key: step for session in variant.sessions for step in session.steps}
    pins = _Pins(positions)
    started: dict[str, StatementStarted] = {}
    cut: set[str] = set()
    outside: dict[str, list[Sent]] = {}
    for event in events:
        step, session = event.step or "", event.session or ""
        match event:
            case TransactionBegan():
                yield from ((event.transaction or "", sent) for sent in outside.pop(session, []))
            case StatementStarted():
                started[step] = event
                cut.discard(step)
            case AnswerCut(what=what) if what is not CutKind.NOTICES:
                cut.add(step)
            case StepSkipped(reason=SkipReason.GUARD) if event.transaction is not None:
                yield event.transaction, Sent(steps[step], Seen(skipped=True))
            case StatementFinished() | StatementFailed() if step in started:
                start = started.pop(step)
                own = steps.get(step) or _free(start)
                stood = pins.of(own, start.seq, event.seq)
                sent = Sent(own, _seen(event), start.parameters, stood, step in cut)
                if start.transaction != event.transaction:
                    raise MixedStepError(step)
                if event.transaction is not None:
                    yield event.transaction, sent
                elif sent.seen.sqlstate is None:
                    outside.setdefault(session, []).append(sent)
                    yield OUTSIDE + session, sent


class _Pins:
    """Where the sequences stood before each step that took a number from one, or asked for one."""

    def __init__(self, positions: Mapping[int, Positions]) -> None:
        self._positions = positions
        self._looks = sorted(positions)

    def of(self, step: Step, began: int, ended: int) -> Positions:
        """Nothing where it can be seen that they stood the same after it. `began`, `ended`: places in the history."""
        later = bisect(self._looks, ended)
        stood = self._positions.get(began, ())
        same = later < len(self._looks) and self._positions[self._looks[later]] == stood
        return () if same and not _ABOUT_SEQUENCES.search(step.sql) else stood


def _free(started: StatementStarted) -> Step:
    """What a person typed, who drives a session by hand."""
    session, _, name = (started.step or "").partition(".")
    return Step(name, session, started.sql)


def _seen(event: StatementFinished | StatementFailed) -> Seen:
    if isinstance(event, StatementFailed):
        return Seen(sqlstate=event.sqlstate)
    return Seen((*event.earlier, event.tag), (*event.earlier_rows, event.rows))
