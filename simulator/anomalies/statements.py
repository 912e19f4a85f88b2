"""The statements of each transaction as they were sent and answered, and which committed state each could see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from simulator.anomalies.access import Access, Kind, Unsupported, accesses
from simulator.anomalies.states import NoVerdictError, States
from simulator.history import (
    History,
    Row,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    TransactionBegan,
)
from simulator.i18n import N_
from simulator.model import Isolation, Scalar

_BY_STATEMENT = frozenset((Isolation.READ_UNCOMMITTED, Isolation.READ_COMMITTED))


class View(NamedTuple):
    """Numbers of committed states: rows were chosen at `chosen` and taken as they were at `taken`.

    They differ where a locking statement waited at READ COMMITTED: PostgreSQL then looks at the newest version of each
    row that it had chosen, but does not look for others ("EvalPlanQual").
    """

    chosen: int
    taken: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One finished statement of a step. `rows` None: the server's rows were not kept."""

    transaction: str
    step: str
    access: Access
    condition: str
    select: str
    started: int
    finished: int
    tag: str
    rows: tuple[Row, ...] | None
    #: place in the history and lock of each wait
    waits: tuple[tuple[int, str], ...] = ()
    parameters: tuple[tuple[str, Scalar], ...] = ()

    @property
    def count(self) -> int | None:
        """Rows affected, from the command tag."""
        number = self.tag.rpartition(" ")[2]
        return int(number) if number.isdecimal() else None


@dataclass(slots=True)
class Transaction:
    """What one transaction did, in its order."""

    name: str
    isolation: Isolation
    statements: list[Statement] = field(default_factory=list)
    #: why one of its steps cannot be followed
    unsupported: tuple[str, Unsupported] | None = None

    @property
    def sees_each_commit(self) -> bool:
        """True where each statement has a snapshot of its own."""
        return self.isolation in _BY_STATEMENT

    def view(self, statement: Statement, states: States) -> View:
        """Which states the statement saw."""
        current = states.after_wait(statement.finished) if statement.waits else states.at(statement.started)
        if statement.access.kind is Kind.INSERT:
            # A unique index knows no snapshots: the row in the way is looked at as it is now, at every level.
            return View(current, current)
        if not self.sees_each_commit:
            number = self._snapshot(states)
            return View(number, number)
        row_waits = [seq for seq, lock in statement.waits if not lock.startswith("relation")]
        if not statement.access.locking or not row_waits:
            # A lock on the table comes before the snapshot.
            return View(current, current)
        waited_first = statement.waits[0][0] != row_waits[0]
        return View(states.at(row_waits[0] if waited_first else statement.started), current)

    def _snapshot(self, states: States) -> int:
        first = next(statement for statement in self.statements if statement.access.snapshot)
        if any("safe snapshot" in lock for _, lock in first.waits):
            return states.after_wait(first.finished)
        return states.at(first.started)


def transactions(history: History) -> Mapping[str, Transaction]:
    """Every transaction that began, by name."""
    found: dict[str, Transaction] = {}
    running: dict[str, tuple[StatementStarted, list[tuple[int, str]]]] = {}
    for event in history.events:
        name = event.transaction
        if name is None:
            continue
        if isinstance(event, TransactionBegan):
            found[name] = Transaction(name, event.isolation)
        elif isinstance(event, StatementStarted):
            running[name] = event, []
        elif isinstance(event, StepBlocked) and name in running:
            running[name][1].append((event.seq, event.lock))
        elif isinstance(event, StatementFinished) and name in running and name in found:
            _add(found[name], *running.pop(name), event)
    return found


def _add(
    transaction: Transaction, started: StatementStarted, waits: list[tuple[int, str]], finished: StatementFinished
) -> None:
    step = started.step or ""
    found = accesses(started.sql)
    if isinstance(found, Unsupported):
        transaction.unsupported = transaction.unsupported or (step, found)
        return
    parameters = dict(started.parameters)
    tags = (*finished.earlier, finished.tag)
    for number, access in enumerate(found):
        is_last = number == len(found) - 1
        condition, select = access.bound(parameters)
        transaction.statements.append(
            Statement(
                transaction.name,
                step,
                access,
                condition,
                select,
                started.seq,
                finished.seq,
                tags[number] if len(tags) == len(found) else "",
                finished.rows if is_last else None,
                tuple(waits),
                started.parameters,
            )
        )


def refuse_unsupported(transaction: Transaction) -> None:
    """Raise NoVerdictError where a step of a transaction that matters cannot be followed."""
    if transaction.unsupported is not None:
        step, what = transaction.unsupported
        raise NoVerdictError(N_("{step} cannot be followed. {reason}"), step=step, reason=what.reason)
    for statement in transaction.statements:
        if statement.access.kind is Kind.READ and statement.rows is None:
            raise NoVerdictError(
                N_("{step} runs several statements, and only the last one's rows are kept; give each SELECT a step."),
                step=statement.step,
            )
        several = sum(other.step == statement.step and bool(other.access.table) for other in transaction.statements)
        if statement.waits and several > 1 and transaction.sees_each_commit:
            raise NoVerdictError(
                N_("{step} waited, and which of its statements did is not visible; give each a step of its own."),
                step=statement.step,
            )
