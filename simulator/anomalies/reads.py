"""Which versions the statements of a transaction read, verified against the rows that its session really got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from simulator.anomalies.access import Kind
from simulator.anomalies.pending import Pending
from simulator.anomalies.statements import Statement, Transaction, View
from simulator.anomalies.states import NoVerdictError, States
from simulator.anomalies.versions import Change, Item, PredicateRead, Read
from simulator.anomalies.writes import Orders, Own, Writes
from simulator.history import Row, TableState
from simulator.i18n import N_


class UnexplainedError(NoVerdictError):
    """A statement returned what no committed state explains."""

    def __init__(self, statement: Statement) -> None:
        super().__init__(N_("{step} returned rows that no committed state explains."), step=statement.step)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Keys that a statement's condition chose, without those that its transaction had written itself."""

    #: chosen, and still matching when they were taken
    taken: frozenset[Row]
    #: chosen, then found changed or deleted, and left out
    dropped: frozenset[Row]
    #: written before by the same transaction: no dependency, and no surprise in the result
    own: frozenset[Row]
    #: rows that it had inserted and took away again later
    passing: int = 0

    @property
    def any_own(self) -> bool:
        """Rows of the same transaction may be in the result."""
        return bool(self.own or self.passing)


class Reader:
    """Recovers the reads of one committed transaction. Raises NoVerdictError."""

    def __init__(
        self, transaction: Transaction, writes: Writes, states: States, orders: Orders, pending: Pending
    ) -> None:
        self._pending = pending
        self._transaction = transaction
        self._writes = writes
        self._states = states
        self._orders = orders
        self.reads: list[Read] = []
        self.predicate_reads: list[PredicateRead] = []

    def read_all(self) -> None:
        """Go through the statements in their order."""
        for statement, own in zip(self._transaction.statements, self._writes.before, strict=True):
            if _reads(statement):
                self._read(statement, own)

    def _read(self, statement: Statement, own: Own) -> None:
        table = self._states.table(statement.access.table)
        if not table.key_columns:
            return
        view = self._transaction.view(statement, self._states)
        chosen = self._choose(statement, view, own)
        if statement.access.skips_locked:
            self._note_reads(statement, view, _returned_keys(statement, table, chosen))
            return
        self._refuse_replaced(statement, view, chosen)
        if not _verified(statement, table, view, chosen, self._states):
            self._note_dirty(statement, table, view, chosen)
            return
        reads_rows = statement.access.kind is Kind.READ or statement.access.reads_values
        if reads_rows:
            self._note_reads(statement, view, chosen.taken)
        self._note_predicate(statement, view, chosen, read=chosen.taken if reads_rows else frozenset())

    def _choose(self, statement: Statement, view: View, own: Own) -> Chosen:
        table, condition = statement.access.table, statement.condition
        keys = frozenset(item.key for item in own.items if item.table == table)
        chosen = taken = self._states.matching(table, condition, view.chosen) - keys
        if view.chosen != view.taken:
            taken = chosen & self._states.matching(table, condition, view.taken)
        return Chosen(taken, chosen - taken, keys, own.passing.get(table, 0))

    def _refuse_replaced(self, statement: Statement, view: View, chosen: Chosen) -> None:
        """A row that was deleted and inserted anew under the same key is another row to a write that waited for it."""
        if view.chosen != view.taken and statement.access.kind is not Kind.READ:
            table = statement.access.table
            if not all(Item(table, key) in self._writes.changes for key in chosen.taken):
                raise UnexplainedError(statement)

    def _changed(self, table: str) -> Iterable[Item]:
        return self._orders.items.get(table, ())

    def _note_reads(self, statement: Statement, view: View, keys: frozenset[Row]) -> None:
        """One read for each row that anybody ever changed; nothing follows from the others."""
        columns = tuple(column for column in statement.access.columns if column != "*")
        for item in self._changed(statement.access.table):
            if item.key in keys:
                version = self._orders.in_state(item, view.taken)
                self.reads.append(Read(self._transaction.name, statement.step, version, columns))

    def _note_dirty(self, statement: Statement, table: TableState, view: View, chosen: Chosen) -> None:
        """The rows are not those of the committed state: see whether they are another transaction's pending ones."""
        plain = statement.access.kind is Kind.READ and not (statement.access.aggregate or statement.access.locking)
        if not plain or chosen.any_own:
            raise UnexplainedError(statement)
        rows = _keyed_rows(statement, table, chosen)
        places = _places(statement, table)
        for key in chosen.taken | frozenset(rows):
            item = Item(table.table, key)
            committed = self._states.row(item, view.taken) if key in chosen.taken else None
            expected = tuple(committed.values[place] for place in places) if committed else None
            if rows.get(key) == expected:
                self._note_reads(statement, view, frozenset((key,)))
                continue
            columns = tuple(table.columns[place] for place in places)
            version = self._pending.version(item, columns, rows.get(key), statement, self._states, self._orders)
            if version is None:
                raise UnexplainedError(statement)
            self.reads.append(Read(self._transaction.name, statement.step, version, columns))

    def _note_predicate(self, statement: Statement, view: View, chosen: Chosen, read: frozenset[Row]) -> None:
        table = statement.access.table
        seen: list[Change] = []
        missed: list[Change] = []
        for item in self._changed(table):
            if item.key in chosen.own:
                continue
            looked_at = view.taken if item.key in chosen.taken | chosen.dropped else view.chosen
            changes = list(self._match_changes(item, statement.condition))
            before = [change for since, change in changes if since <= looked_at]
            if before and not (item.key in read and before[-1].after == self._orders.in_state(item, looked_at)):
                seen.append(before[-1])
            # A waiting UPDATE can reach a row under a new key; what it wrote it has not missed.
            if item.key not in read and self._writes.first.get(item) != statement.step:
                missed += [change for since, change in changes if looked_at < since < self._written(item)]
        if seen or missed:
            predicate = f"{table} WHERE {statement.condition}" if statement.condition else table
            self.predicate_reads.append(
                PredicateRead(self._transaction.name, statement.step, predicate, tuple(seen), tuple(missed))
            )

    def _written(self, item: Item) -> float:
        """The state that this transaction's own version came with: what follows it is a ww conflict already."""
        return next(
            (since for since, version in self._orders.of(item) if version.writer == self._transaction.name), inf
        )

    def _match_changes(self, item: Item, condition: str) -> Iterator[tuple[int, Change]]:
        """Each version by another transaction that made the row match, or cease to."""
        order = self._orders.of(item)
        for (old, before), (new, after) in pairwise(order):
            matched = self._matches(item, condition, old)
            matches = self._matches(item, condition, new)
            if matched != matches and after.writer != self._transaction.name:
                yield new, Change(before, after, entered=matches)

    def _matches(self, item: Item, condition: str, number: int) -> bool:
        return self._states.matches(item.table, condition, self._states.row(item, number))


def _reads(statement: Statement) -> bool:
    kind = statement.access.kind
    return kind in (Kind.READ, Kind.UPDATE, Kind.DELETE) or statement.access.on_conflict


def _verified(statement: Statement, table: TableState, view: View, chosen: Chosen, states: States) -> bool:
    """Whether the session got what the assumed state says."""
    if statement.access.kind is not Kind.READ:
        # An UPDATE that waited, or that meets rows of its own transaction, may count others.
        counts = statement.access.kind in (Kind.UPDATE, Kind.DELETE) and statement.count is not None
        return not counts or bool(statement.waits) or chosen.any_own or statement.count == len(chosen.taken)
    if statement.access.aggregate:
        return chosen.any_own or _answered(statement, view, states)
    rows = states[view.taken].rows[table.table]
    places = _places(statement, table)
    expected = Counter(tuple(rows[key].values[place] for place in places) for key in chosen.taken)
    surplus = Counter(statement.rows)
    surplus.subtract(expected)
    return min(surplus.values(), default=0) >= 0 and surplus.total() <= len(chosen.own) + chosen.passing


def _answered(statement: Statement, view: View, states: States) -> bool:
    """A computed result is compared with the observer's answer to the same question."""
    answers = [states[number].answers.get(statement.select) for number in dict.fromkeys((view.taken, view.chosen))]
    known = [Counter(answer) for answer in answers if answer is not None]
    if not known:
        raise NoVerdictError(
            N_("The result of {step} could not be verified: the observer was not asked the same."), step=statement.step
        )
    return Counter(statement.rows) in known


def _keyed_rows(statement: Statement, table: TableState, chosen: Chosen) -> dict[Row, Row]:
    """The result's rows by primary key. Raises UnexplainedError where they cannot be told from one another."""
    places = _places(statement, table)
    wanted = [table.columns.index(name) for name in table.key_columns]
    rows = statement.rows or ()
    if set(wanted) <= set(places):
        return {tuple(row[places.index(place)] for place in wanted): row for row in rows}
    if len(rows) == 1 and len(chosen.taken) == 1:
        return {next(iter(chosen.taken)): rows[0]}
    raise UnexplainedError(statement)


def _places(statement: Statement, table: TableState) -> list[int]:
    """Where the result's columns stand in the table's."""
    places: list[int] = []
    for column in statement.access.columns:
        if column == "*":
            places += range(len(table.columns))
        elif column in table.columns:
            places.append(table.columns.index(column))
        else:
            raise UnexplainedError(statement)
    return places


def _returned_keys(statement: Statement, table: TableState, chosen: Chosen) -> frozenset[Row]:
    """Keys of the rows that a SELECT ... SKIP LOCKED returned; it promises no others."""
    if "*" not in statement.access.columns and not set(table.key_columns) <= set(statement.access.columns):
        raise NoVerdictError(
            N_("{step} skips locked rows; select the primary key too, so that its rows can be recognised."),
            step=statement.step,
        )
    keys = frozenset(_keyed_rows(statement, table, chosen))
    if not keys <= chosen.taken | chosen.own:
        raise UnexplainedError(statement)
    return keys - chosen.own
