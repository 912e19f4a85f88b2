"""The statements of each transaction as they were sent and answered, and which committed state each could see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from simulator.anomalies.recover.missing import NoVerdictError
from simulator.history.schedule import (
    History,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    TransactionBegan,
    TransactionEnded,
)
from simulator.history.sqlstates import SqlState
from simulator.history.words import TransactionOutcome
from simulator.i18n.text import N_
from simulator.model import Isolation, Row, Scalar
from simulator.sql.access import Access, AccessKind, Unsupported, accesses
from simulator.sql.sources import Source

_BY_STATEMENT = frozenset((Isolation.READ_UNCOMMITTED, Isolation.READ_COMMITTED))


class Clock(Protocol):
    """Tells which committed state was current at a place of the history."""

    def at(self, seq: int) -> int: ...

    def after_wait(self, seq: int, transaction: str) -> int: ...


class View(NamedTuple):
    """Numbers of committed states: rows were chosen at `chosen` and taken as they were at `taken`.

    They differ where a locking statement waited at READ COMMITTED: PostgreSQL then looks at the newest version of each
    row that it had chosen, but does not look for others ("EvalPlanQual").
    """

    chosen: int
    taken: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One answered statement of a step. `rows` None: the server's rows were not kept."""

    transaction: str
    step: str
    access: Access
    condition: str
    select: str
    #: its table and those that it reads beside, with the parameters' values
    sources: tuple[Source, ...]
    started: int
    finished: int
    tag: str
    rows: tuple[Row, ...] | None
    #: place in the history and lock of each wait
    waits: tuple[tuple[int, str], ...] = ()
    parameters: tuple[tuple[str, Scalar], ...] = ()
    #: a unique key was in the way: the statement failed, and its savepoint was rolled back
    failed: bool = False
    #: False where only whether rows match has a say in its answer
    values: bool = True
    #: its place among the transaction's statements, and that of the ROLLBACK TO which took away again what it wrote
    place: int = 0
    undone_at: int | None = None

    @property
    def writes(self) -> bool:
        """Whether it wrote, or could have written, what its commit left."""
        return self.access.kind.writes and self.undone_at is None and not self.failed

    @property
    def tables(self) -> frozenset[str]:
        """Every table that it reads or writes."""
        return frozenset(source.table for source in self.sources)

    @property
    def count(self) -> int | None:
        """Rows affected, from the command tag."""
        number = self.tag.rpartition(" ")[2]
        return int(number) if number.isdecimal() and len(number) <= 18 else None

    def on(self, source: Source) -> Statement:
        """The same, looked at as a query on this one of its tables."""
        condition = source.condition or ""
        access = replace(self.access, table=source.table, condition=condition)
        return replace(self, condition=condition, access=access, values=source.values)

    @property
    def reads_rows(self) -> bool:
        """Whether it depends on the values of the rows that match, and not only on which do."""
        return self.values if self.access.kind is AccessKind.READ else self.access.reads_values

    def assigned(self, columns: tuple[str, ...]) -> tuple[tuple[tuple[str, str], ...], ...]:
        """What is stored, as (column, SQL) for each row, of a table with these columns."""
        return tuple(
            tuple((name or column, sql) for (name, sql), column in zip(row, columns, strict=False))
            if any(not name for name, _ in row)
            else row
            for row in self.access.assignments
        )


@dataclass(slots=True)
class Transaction:
    """What one transaction did, in its order."""

    name: str
    isolation: Isolation
    #: its place in the history
    began: int = 0
    statements: list[Statement] = field(default_factory=list)
    #: why one of its steps cannot be followed
    unsupported: tuple[str, Unsupported] | None = None
    #: the same of a step that failed: it matters where the transaction goes on and commits
    failure: tuple[str, Unsupported] | None = None

    @property
    def sees_each_commit(self) -> bool:
        """True where each statement has a snapshot of its own."""
        return self.isolation in _BY_STATEMENT

    @property
    def only_read(self) -> bool:
        """Whether none of its statements could have changed a row."""
        return self.unsupported is None and not any(each.writes for each in self.statements)

    @property
    def counted_rows(self) -> bool:
        """Whether the server counted rows for one of its statements that write."""
        return self.unsupported is not None or any(each.writes and each.count != 0 for each in self.statements)

    @property
    def has_savepoints(self) -> bool:
        """Whether what it wrote may carry the ids of subtransactions."""
        return any(each.access.kind is AccessKind.SAVEPOINT for each in self.statements)

    def view(self, statement: Statement, states: Clock) -> View:
        """Which states the statement saw."""
        current = states.after_wait(statement.finished, self.name) if statement.waits else states.at(statement.started)
        if statement.access.kind is AccessKind.INSERT:
            # A unique index knows no snapshots: the row in the way is looked at as it is now, at every level.
            return View(current, current)
        if not self.sees_each_commit:
            number = self.snapshot(states)
            return View(number, number)
        row_waits = [seq for seq, lock in statement.waits if not lock.startswith("relation")]
        if not statement.access.locking or not row_waits:
            # A lock on the table comes before the snapshot.
            return View(current, current)
        waited_first = statement.waits[0][0] != row_waits[0]
        return View(states.at(row_waits[0] if waited_first else statement.started), current)

    def snapshot(self, states: Clock) -> int:
        """The state that a transaction sees which has one snapshot for all its statements."""
        first = next(statement for statement in self.statements if statement.access.snapshot)
        if any("safe snapshot" in lock for _, lock in first.waits):
            return states.after_wait(first.finished, self.name)
        return states.at(first.started)


class _Running(NamedTuple):
    started: StatementStarted
    waits: list[tuple[int, str]]


def transactions(history: History) -> Mapping[str, Transaction]:
    """Every transaction that began, by name. Raises NoVerdictError."""
    found: dict[str, Transaction] = {}
    running: dict[str, _Running] = {}
    for event in history.events:
        name = event.transaction
        if name is None:
            continue
        if isinstance(event, TransactionBegan):
            found[name] = Transaction(name, event.isolation, event.seq)
        elif isinstance(event, StatementStarted):
            running[name] = _Running(event, [])
        elif isinstance(event, StepBlocked) and name in running:
            running[name].waits.append((event.seq, event.lock))
        elif isinstance(event, StatementFinished | StatementFailed) and name in running and name in found:
            _add(found[name], running.pop(name), event)
        elif isinstance(event, TransactionEnded) and event.outcome == TransactionOutcome.COMMITTED and name in found:
            _settle(found[name])
    return found


def _add(transaction: Transaction, running: _Running, answer: StatementFinished | StatementFailed) -> None:
    started = running.started
    step = started.step or ""
    found = accesses(started.sql)
    if isinstance(found, Unsupported):
        transaction.unsupported = transaction.unsupported or (step, found)
        return
    failed = isinstance(answer, StatementFailed)
    if any(access.kind is AccessKind.END for access in found[:-1]):
        problem = Unsupported(N_("Statements stand behind a COMMIT or ROLLBACK in the same step."))
        transaction.unsupported = transaction.unsupported or (step, problem)
        return
    if isinstance(answer, StatementFailed) and answer.sqlstate == SqlState.IN_FAILED_SQL_TRANSACTION:
        return  # the server did not even look at it
    if isinstance(answer, StatementFailed) and not _was_in_the_way(found, answer):
        problem = Unsupported(N_("It failed, and what it had read until then is not visible."))
        transaction.failure = transaction.failure or (step, problem)
        return
    parameters = dict(started.parameters)
    tags = ("INSERT 0 0",) if isinstance(answer, StatementFailed) else (*answer.earlier, answer.tag)
    for number, access in enumerate(found):
        condition, select = access.bound(parameters)
        transaction.statements.append(
            Statement(
                transaction.name,
                step,
                # What was in the way of it, it has read; no row of its own came of it.
                replace(access, on_conflict=True, does_nothing=True, any_key=True) if failed else access,
                condition,
                select,
                access.sources(parameters),
                started.seq,
                answer.seq,
                tags[number] if len(tags) == len(found) else "",
                answer.rows if isinstance(answer, StatementFinished) and number == len(found) - 1 else None,
                tuple(running.waits),
                started.parameters,
                failed,
            )
        )


def _was_in_the_way(found: tuple[Access, ...], answer: StatementFailed) -> bool:
    """Whether all that a failed step had read is a row with the key that it would insert."""
    alone = len(found) == 1 and found[0].kind is AccessKind.INSERT and not found[0].on_conflict
    return alone and answer.sqlstate == SqlState.UNIQUE_VIOLATION


def _settle(transaction: Transaction) -> None:
    """What is known once a transaction has committed."""
    transaction.unsupported = transaction.unsupported or transaction.failure
    statements = transaction.statements
    undone_at = _undone([statement.access for statement in statements])
    transaction.statements = [
        replace(statement, place=place, undone_at=undone_at.get(place)) for place, statement in enumerate(statements)
    ]


def _undone(found: Iterable[Access]) -> Mapping[int, int]:
    """Places of the statements whose writes a ROLLBACK TO took away -> its place."""
    savepoints: list[tuple[str, int]] = []
    undone: dict[int, int] = {}
    for place, access in enumerate(found):
        if access.kind is AccessKind.SAVEPOINT:
            savepoints.append((access.savepoint, place))
            continue
        if access.kind not in (AccessKind.ROLLBACK_TO, AccessKind.RELEASE):
            continue
        while savepoints and savepoints[-1][0] != access.savepoint:
            savepoints.pop()
        if savepoints and access.kind is AccessKind.ROLLBACK_TO:
            for earlier in range(savepoints[-1][1], place):
                undone.setdefault(earlier, place)
        elif savepoints:
            savepoints.pop()
    return undone


def refuse_unsupported(transaction: Transaction) -> None:
    """Raise NoVerdictError where a step of a transaction that matters cannot be followed."""
    if transaction.unsupported is not None:
        step, what = transaction.unsupported
        raise NoVerdictError(N_("{step} cannot be followed. {reason}"), step=step, reason=what.reason)
    undone = [each for each in transaction.statements if each.access.kind.writes and each.undone_at is not None]
    for statement in transaction.statements:
        if statement.access.kind is AccessKind.READ and statement.rows is None:
            raise NoVerdictError(
                N_("{step} runs several statements, and only the last one's rows are kept; give each SELECT a step."),
                step=statement.step,
            )
        several = sum(other.step == statement.step and bool(other.sources) for other in transaction.statements)
        if statement.waits and several > 1 and transaction.sees_each_commit:
            raise NoVerdictError(
                N_("{step} waited, and which of its statements did is not visible; give each a step of its own."),
                step=statement.step,
            )
        if any(_sees(statement, write) for write in undone):
            raise NoVerdictError(
                N_("{step} saw what its own transaction took back later; that is in no committed state."),
                step=statement.step,
            )


def _sees(statement: Statement, write: Statement) -> bool:
    """Whether a statement came between a write to one of its tables and the ROLLBACK TO that took it away."""
    between = write.place < statement.place < (write.undone_at or 0)
    return between and write.count != 0 and not write.failed and write.access.table in statement.tables
