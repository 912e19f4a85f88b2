"""What transactions had written but not committed, as far as their SQL tells: where dirty reads come from.

PostgreSQL shows no uncommitted row to anybody else; engines that do are told from a committed state by the values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.statements import Statement, Transaction
from simulator.anomalies.recover.states import States
from simulator.anomalies.recover.writes import Orders
from simulator.anomalies.versions import Item, Version
from simulator.history.schedule import History, TransactionEnded
from simulator.model import Row, Scalar
from simulator.sql.access import AccessKind
from simulator.sql.tree import UnknownValueError, evaluate

#: A row as a transaction has it in mind; columns that are not known are missing. None: deleted.
_Values = dict[str, Scalar] | None


class Pending:
    """Uncommitted versions of every transaction of a history."""

    def __init__(self, transactions: Mapping[str, Transaction], history: History) -> None:
        self._transactions = transactions
        self._ended = {e.transaction: e.seq for e in history.events if isinstance(e, TransactionEnded)}

    def version(
        self, item: Item, asked: tuple[str, ...], row: Row | None, reader: Statement, states: States, orders: Orders
    ) -> Version | None:
        """The uncommitted version that shows these values (None: no row) in the columns asked for."""
        for transaction in self._transactions.values():
            ended = self._ended.get(transaction.name)
            if transaction.name == reader.transaction or (ended is not None and ended < reader.started):
                continue
            for step, values in self._values(transaction, item, reader, states):
                if _shows(values, asked, row):
                    return _version(item, transaction.name, values, step, orders)
        return None

    def _values(
        self, transaction: Transaction, item: Item, reader: Statement, states: States
    ) -> Iterator[tuple[str, _Values]]:
        """What it had made of the row, step by step, before the reader was answered; the latest first."""
        row = states.row(item, states.at(reader.started))
        columns = states.table(item.table).columns
        values: _Values = dict(zip(columns, row.values, strict=True)) if row is not None else None
        found: list[tuple[str, _Values]] = []
        for statement in transaction.statements:
            if statement.finished > reader.finished or statement.access.table != item.table or statement.failed:
                continue
            if statement.access.kind.writes and _concerns(transaction, statement, item, states, bool(found)):
                values = _applied(statement, values, item, states)
                found.append((statement.step, values))
        yield from reversed(found)


def _concerns(transaction: Transaction, statement: Statement, item: Item, states: States, written: bool) -> bool:
    """Whether the statement wrote this row; a row of its own that it chose again is taken to match still."""
    if statement.access.kind is AccessKind.INSERT:
        return any(_key(statement, number, item, states) == item.key for number in _numbers(statement))
    try:
        chosen = states.matching(item.table, statement.condition, transaction.view(statement, states).chosen)
    except NoVerdictError:
        return False
    return item.key in chosen or written


def _applied(statement: Statement, values: _Values, item: Item, states: States) -> _Values:
    if statement.access.kind is AccessKind.DELETE:
        return None
    if statement.access.kind is AccessKind.INSERT:
        number = next(n for n in _numbers(statement) if _key(statement, n, item, states) == item.key)
        return dict(_known(statement, number, {}, states))
    if values is None:
        return None
    kept = {name: value for name, value in values.items() if name not in dict(statement.access.assignments[0])}
    return {**kept, **dict(_known(statement, 0, values, states))}


def _known(
    statement: Statement, number: int, row: Mapping[str, Scalar], states: States
) -> Iterator[tuple[str, Scalar]]:
    for column, sql in statement.assigned(states.table(statement.access.table).columns)[number]:
        try:
            yield column, evaluate(sql, row, statement.parameters)
        except UnknownValueError:
            continue


def _numbers(statement: Statement) -> range:
    return range(len(statement.access.assignments))


def _key(statement: Statement, number: int, item: Item, states: States) -> Row:
    values = dict(_known(statement, number, {}, states))
    return tuple(values.get(name) for name in states.table(item.table).key_columns)


def _shows(values: _Values, asked: tuple[str, ...], row: Row | None) -> bool:
    if values is None or row is None:
        return values is None and row is None
    return all(column in values and values[column] == value for column, value in zip(asked, row, strict=True))


def _version(item: Item, writer: str, values: _Values, step: str, orders: Orders) -> Version:
    """The version that the writer committed, if it is the same; else one that never came to be."""
    for version in orders.committed_by(item, writer):
        committed = dict(zip(version.columns, version.values, strict=True)) if version.values is not None else None
        if committed == values:
            return version
    known = values or {}
    return Version(
        item, writer, tuple(known), None if values is None else tuple(known.values()), step, step, final=False
    )
