"""What the rules ask of a trace: its transactions on the server's side, whoever's requests they ran through."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from simulator.findings.touch import Rows, Touch, Values, rows, touched
from simulator.history.words import EndingCommand, SessionOutcome
from simulator.traces.holds import Use, uses
from simulator.traces.spans import (
    Ending,
    Hold,
    Move,
    Point,
    Request,
    SessionLife,
    Span,
    Statement,
    Trace,
    Transaction,
)

#: The middleware's names of moments of a response.
STARTED, SENT = "response started", "response sent"
#: What ends a transaction; savepoints divide it.
_ENDS = frozenset({EndingCommand.COMMIT, EndingCommand.ROLLBACK, "reset"})
_SUCCESS = ("2", "3")


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement with what it touches."""

    statement: Statement
    touch: Touch | None

    @property
    def values(self) -> Values:
        """Of its parameters, the first set."""
        return dict(self.statement.parameters)

    @property
    def rows(self) -> Rows | None:
        """Those that it names by their keys."""
        return rows(self.touch, self.values) if self.touch is not None else None

    @property
    def writes(self) -> bool:
        """It changed rows, as far as its SQL could be read."""
        return self.touch is not None and self.touch.writes and not self.statement.failed

    @property
    def reads(self) -> bool:
        return self.touch is not None and self.touch.verb == "select"


@dataclass(frozen=True, slots=True)
class Work:
    """A transaction on one connection: from its first statement to the command that ended it."""

    hold: Hold
    statements: tuple[Sent, ...]
    #: None: nobody was seen to end it
    ending: Ending | None
    #: what the application made of savepoints in it
    divisions: tuple[Ending, ...]
    #: how its Session says that it ended; None without a Session
    outcome: SessionOutcome | None

    @property
    def session(self) -> str | None:
        return self.statements[0].statement.session

    @property
    def requests(self) -> tuple[str, ...]:
        """Those whose statements are in it, in their order."""
        return tuple(dict.fromkeys(each.statement.request or "" for each in self.statements))

    @property
    def request(self) -> str:
        return self.requests[0]

    @property
    def start_ms(self) -> float:
        return self.statements[0].statement.start_ms

    @property
    def failed(self) -> Sent | None:
        """The first statement that failed without a ROLLBACK TO SAVEPOINT behind it."""
        for each in self.statements:
            if each.statement.failed and not any(
                it.command == EndingCommand.ROLLBACK_TO_SAVEPOINT and it.start_ms >= each.statement.start_ms
                for it in self.divisions
            ):
                return each
        return None

    @property
    def aborted(self) -> bool:
        """A statement failed, and the whole transaction with it: so it is on PostgreSQL, which has SQLSTATEs.

        Where a later one succeeded there was no transaction: the connection is on AUTOCOMMIT.
        """
        failed = self.failed
        if failed is None or not failed.statement.sqlstate:
            return False
        at = failed.statement.seq
        return not any(each.statement.seq > at and not each.statement.failed for each in self.statements)

    @property
    def committed(self) -> bool:
        """COMMIT was sent, and nothing says that it failed."""
        return (
            self.ending is not None
            and self.ending.command == EndingCommand.COMMIT
            and not self.aborted
            and self.outcome in (None, SessionOutcome.COMMITTED)
        )

    @property
    def commit_failed(self) -> bool:
        """COMMIT was sent and refused: a deferred constraint, or a conflict that is found only there."""
        return (
            self.ending is not None
            and self.ending.command == EndingCommand.COMMIT
            and self.outcome in (SessionOutcome.ROLLED_BACK, SessionOutcome.CLOSED)
        )

    @property
    def commit_ms(self) -> tuple[float, float]:
        """When its COMMIT was sent, and when it had returned at the latest."""
        if self.ending is None:
            return float("inf"), float("inf")
        return self.ending.start_ms, self.ending.until(self.ending.start_ms)

    @property
    def writes(self) -> tuple[Sent, ...]:
        return tuple(each for each in self.statements if each.writes)


@dataclass(frozen=True)
class Facts:
    """A trace, and what is asked of it more than once."""

    trace: Trace

    @cached_property
    def requests(self) -> Mapping[str, Request]:
        """By name; "" for what lies outside of them."""
        return {request.name: request for request in self.trace.groups}

    @cached_property
    def works(self) -> tuple[Work, ...]:
        """Every transaction, in the order in which they began."""
        return tuple(sorted(self._works(), key=lambda work: work.start_ms))

    def _works(self) -> Iterator[Work]:
        statements: dict[int, list[Statement]] = defaultdict(list)
        endings: dict[int, list[Ending]] = defaultdict(list)
        for group in self.trace.groups:
            for statement in group.statements:
                if statement.slot is not None:
                    statements[statement.slot].append(statement)
            for ending in group.endings:
                if ending.slot is not None:
                    endings[ending.slot].append(ending)
        for slot in self.trace.slots:
            sent: list[Statement | Ending] = [*statements[slot.number], *endings[slot.number]]
            sent.sort(key=lambda span: span.seq)
            for hold in slot.holds:
                first = bisect_left(sent, hold.start_ms, key=_start)
                last = bisect_right(sent, hold.until(float("inf")), key=_start)
                yield from self._of_hold(hold, sent[first:last])

    def _of_hold(self, hold: Hold, spans: Sequence[Statement | Ending]) -> Iterator[Work]:
        found: list[Sent] = []
        divisions: list[Ending] = []
        for span in spans:
            if isinstance(span, Statement):
                found.append(Sent(span, touched(span.sql)))
            elif span.command not in _ENDS:
                divisions.append(span)
            elif found:
                yield self._work(hold, found, span, divisions)
                found, divisions = [], []
        if found:
            yield self._work(hold, found, None, divisions)

    def _work(self, hold: Hold, found: list[Sent], ending: Ending | None, divisions: list[Ending]) -> Work:
        at = found[-1].statement.start_ms
        spans = [each for each in self._transactions(found[0].statement.session) if each.start_ms <= at]
        last = spans[-1] if spans and spans[-1].until(float("inf")) >= at else None
        return Work(hold, tuple(found), ending, tuple(divisions), last.outcome if last is not None else None)

    def _transactions(self, session: str | None) -> list[Transaction]:
        return self.transactions.get(session, []) if session is not None else []

    @cached_property
    def transactions(self) -> Mapping[str, list[Transaction]]:
        """Of each Session, its own and no savepoints, in their order."""
        found: dict[str, list[Transaction]] = defaultdict(list)
        for life in self.lives:
            found[life.name] += [each for each in life.transactions if not each.nested]
        return {name: sorted(each, key=_start) for name, each in found.items()}

    @cached_property
    def lives(self) -> tuple[SessionLife, ...]:
        """Every Session in every request; one that two share stands in both."""
        return tuple(life for group in self.trace.groups for life in group.sessions)

    @cached_property
    def parts(self) -> Mapping[str, tuple[tuple[Request, SessionLife], ...]]:
        """Of each Session its part in each request, in the order of time."""
        found: dict[str, list[tuple[Request, SessionLife]]] = defaultdict(list)
        for group in self.trace.groups:
            for life in group.sessions:
                found[life.name].append((group, life))
        return {name: tuple(sorted(each, key=lambda pair: pair[1].first_ms)) for name, each in found.items()}

    def of(self, request: str) -> tuple[Work, ...]:
        """The transactions in which this request sent something."""
        return tuple(self._by_request.get(request, ()))

    @cached_property
    def _by_request(self) -> Mapping[str, list[Work]]:
        found: dict[str, list[Work]] = defaultdict(list)
        for work in self.works:
            for name in work.requests:
                found[name].append(work)
        return found

    def holds_at(self, at_ms: float) -> tuple[Hold, ...]:
        """Connections that were out then."""
        return tuple(
            hold
            for slot in self.trace.slots
            for hold in slot.holds
            if hold.start_ms <= at_ms < hold.until(float("inf"))
        )

    def works_of(self, hold: Hold) -> tuple[Work, ...]:
        """Its transactions."""
        return tuple(self._by_hold.get(hold.seq, ()))

    @cached_property
    def _by_hold(self) -> Mapping[int, list[Work]]:
        found: dict[int, list[Work]] = defaultdict(list)
        for work in self.works:
            found[work.hold.seq].append(work)
        return found

    @cached_property
    def uses(self) -> Mapping[int, tuple[Hold, Use]]:
        """What was done with each connection that a request held, by the hold's `seq`."""
        holds = [hold for group in self.trace.groups for hold in group.holds]
        return {hold.seq: (hold, use) for hold, use in zip(holds, uses(self.trace), strict=True)}

    def line(self, hold: Hold) -> str:
        """Of its first statement, "" where none was seen."""
        return next((work.statements[0].statement.line for work in self.works_of(hold)), "")

    def moves(self, session: str | None) -> tuple[Move, ...]:
        """What became of the objects of a Session."""
        return self._moves.get(session or "", ())

    @cached_property
    def _moves(self) -> Mapping[str, tuple[Move, ...]]:
        found: dict[str, list[Move]] = defaultdict(list)
        for move in self.trace.moves:
            if move.event.session is not None:
                found[move.event.session].append(move)
        return {name: tuple(each) for name, each in found.items()}


def point(request: Request, label: str) -> Point | None:
    """The first moment of this name."""
    return next((each for each in request.points if each.label == label), None)


def succeeded(request: Request) -> bool:
    """Its client was told that all is well; a request that has not ended was told nothing."""
    return not request.failed and (request.outcome == "ok" or request.outcome[:1] in _SUCCESS)


def refused(request: Request) -> bool:
    """An answer of HTTP that says no: 400 to 499, without an error behind it."""
    return not request.failed and request.outcome[:1] == "4" and request.outcome.isdigit()


def over_http(request: Request) -> bool:
    """The middleware named it."""
    return point(request, STARTED) is not None or request.key.partition(" ")[0] in _METHODS


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def overlap(one: Span | Request, other: Span | Request) -> bool:
    """Both lasted at some time."""
    return one.start_ms < (other.end_ms if other.end_ms is not None else float("inf")) and other.start_ms < (
        one.end_ms if one.end_ms is not None else float("inf")
    )


def _start(span: Span) -> float:
    return span.start_ms
