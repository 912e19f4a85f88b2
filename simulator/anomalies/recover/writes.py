"""Which statement of a transaction wrote which of the rows that its commit changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.statements import Statement, Transaction
from simulator.anomalies.recover.states import Changed, States
from simulator.anomalies.versions import SETUP, Item, Version
from simulator.history.schedule import RowVersion, TableState
from simulator.model import Row
from simulator.sql.access import AccessKind
from simulator.sql.tree import UnknownValueError, evaluate


class Own(NamedTuple):
    """What a transaction had written before one of its statements."""

    #: rows that its commit changed
    items: frozenset[Item]
    #: table -> rows that it had inserted and that its commit did not leave: it took them away again
    passing: Mapping[str, int]


@dataclass(slots=True)
class Writes:
    """One committed transaction's writes. `before[n]`: what it had written before its statement n."""

    changes: Mapping[Item, Changed]
    first: dict[Item, str] = field(default_factory=dict)
    last: dict[Item, str] = field(default_factory=dict)
    before: list[Own] = field(default_factory=list)


def place_writes(transaction: Transaction, states: States, number: int) -> Writes:
    """Writes of the transaction whose commit led to state `number`."""
    writes = Writes({change.item: change for change in states.changes[number]})
    wrote = [False]
    passing: Counter[str] = Counter()
    for statement in transaction.statements:
        writes.before.append(Own(frozenset(writes.first), dict(passing)))
        wrote.append(wrote[-1] or statement.writes)
        if statement.writes:
            items = touched(transaction, statement, states, writes)
            for item in items:
                writes.first.setdefault(item, statement.step)
                writes.last[item] = statement.step
            if statement.access.kind is AccessKind.INSERT:
                passing[statement.access.table] += max((statement.count or 0) - len(items), 0)
    # Rows that no statement names were changed by a trigger or a cascade of some earlier write.
    rest = frozenset(writes.changes) - frozenset(writes.first)
    writes.before = [
        own._replace(items=own.items | rest) if some else own for own, some in zip(writes.before, wrote, strict=False)
    ]
    return writes


def touched(transaction: Transaction, statement: Statement, states: States, writes: Writes) -> list[Item]:
    """Changed rows that this statement wrote."""
    table = statement.access.table
    candidates = [change for change in writes.changes.values() if change.item.table == table]
    if not candidates or statement.count == 0:
        return []
    view = transaction.view(statement, states)
    if statement.access.kind is AccessKind.INSERT:
        if statement.access.does_nothing:
            candidates = [each for each in candidates if each.item.key not in states[view.chosen].rows[table]]
        return [change.item for change in candidates if _inserted(statement, change, states, writes)]
    chosen = states.matching(table, statement.condition, view.chosen)
    return [
        change.item
        for change in candidates
        if (
            _matches_own(statement, change, states)
            if change.item in writes.first
            else change.item.key in chosen or _new_key(statement, change, states)
        )
    ]


def _inserted(statement: Statement, change: Changed, states: States, writes: Writes) -> bool:
    if change.after is None or (change.before is not None and not statement.access.on_conflict):
        return False
    keys = proposed_keys(statement, states.table(change.item.table))
    if change.item.key in keys:
        return True
    # A default or an expression: the key is not known, so it is this row if no other statement wrote it.
    return (None in keys or not keys) and change.item not in writes.first


def proposed_keys(statement: Statement, table: TableState) -> tuple[Row | None, ...]:
    """The primary key of each row that an INSERT proposes; None where its text does not tell it."""
    return tuple(_key(row, table, statement) for row in statement.assigned(table.columns))


def _key(row: tuple[tuple[str, str], ...], table: TableState, statement: Statement) -> Row | None:
    try:
        return tuple(evaluate(dict(row)[name], {}, statement.parameters) for name in table.key_columns)
    except (KeyError, UnknownValueError):
        return None


def _matches_own(statement: Statement, change: Changed, states: States) -> bool:
    """Whether a later statement of the same transaction reached a row that it had written; if unknown, it did."""
    if change.after is None:
        return statement.access.kind is AccessKind.DELETE
    try:
        return states.matches(change.item.table, statement.condition, change.after)
    except NoVerdictError:
        return True


def _new_key(statement: Statement, change: Changed, states: States) -> bool:
    """An UPDATE that changes the primary key makes what looks like a new row."""
    assigned = {name for row in statement.access.assignments for name, _ in row}
    return change.before is None and bool(assigned & set(states.table(change.item.table).key_columns))


class Orders:
    """The version order of every item that any commit changed, and which version each state holds."""

    def __init__(self, states: States, writes: Mapping[int, Writes]) -> None:
        self._states = states
        orders: dict[Item, list[tuple[int, Version]]] = {}
        for number, made in sorted(writes.items()):
            for item, change in made.changes.items():
                order = orders.setdefault(item, [(0, self._version(item, SETUP, change.before, None, None))])
                version = self._version(
                    item,
                    states.commits[number - 1].name,
                    change.after,
                    made.first.get(item),
                    made.last.get(item),
                )
                order.append((number, version))
        self._orders = orders
        self.items: dict[str, list[Item]] = {}
        for item in orders:
            self.items.setdefault(item.table, []).append(item)

    @property
    def versions(self) -> Mapping[Item, tuple[Version, ...]]:
        return {item: tuple(version for _, version in order) for item, order in self._orders.items()}

    def of(self, item: Item) -> list[tuple[int, Version]]:
        """(number of the state that it came with, version), the initial version first."""
        return self._orders[item]

    def in_state(self, item: Item, number: int) -> Version:
        """The version that this state holds of an item that somebody changed."""
        return next(version for since, version in reversed(self._orders[item]) if since <= number)

    def replaced_by(self, item: Item, writer: str) -> Version | None:
        """The version that this transaction's own one follows; None where it committed none."""
        pairs = pairwise(self._orders[item])
        return next((before for (_, before), (_, after) in pairs if after.writer == writer), None)

    def committed_by(self, item: Item, writer: str) -> list[Version]:
        """The version of this item that the transaction committed, if it did."""
        return [version for _, version in self._orders.get(item, ()) if version.writer == writer]

    def _version(self, item: Item, writer: str, row: RowVersion | None, first: str | None, last: str | None) -> Version:
        columns = self._states.table(item.table).columns
        values: Row | None = row.values if row is not None else None
        return Version(item, writer, columns, values, first, last)
