"""Which versions the statements of a transaction read, verified against the rows that its session really got."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import inf

from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.pending import Pending
from simulator.anomalies.recover.predicates import Predicate, predicate
from simulator.anomalies.recover.statements import Statement, Transaction, View
from simulator.anomalies.recover.states import States
from simulator.anomalies.recover.verification import (
    Chosen,
    UnexplainedError,
    column_places,
    keyed_rows,
    returned_keys,
    verified,
)
from simulator.anomalies.recover.writes import Orders, Own, Writes
from simulator.anomalies.versions import Change, Item, PredicateRead, Read
from simulator.history.schedule import TableState
from simulator.i18n.text import N_
from simulator.model import Row
from simulator.sql.access import AccessKind


class ReadRecovery:
    """Recovers the reads of one committed transaction. Raises NoVerdictError."""

    def __init__(
        self,
        transaction: Transaction,
        writes: Writes,
        states: States,
        orders: Orders,
        pending: Pending,
        changing: frozenset[str],
    ) -> None:
        """`changing`: tables that somebody wrote."""
        self._pending = pending
        self._transaction = transaction
        self._writes = writes
        self._states = states
        self._orders = orders
        self._changing = changing
        self.reads: list[Read] = []
        self.predicate_reads: list[PredicateRead] = []

    def read_all(self) -> None:
        """Go through the statements in their order."""
        for statement, own in zip(self._transaction.statements, self._writes.before, strict=True):
            looked_at = read_part(statement, self._changing, self._states)
            if looked_at is not None:
                self._read(looked_at, own)

    def _read(self, statement: Statement, own: Own) -> None:
        table = self._states.table(statement.access.table)
        if not table.key_columns:
            if table.table in self._changing:
                raise NoVerdictError(
                    N_("{table} has no primary key, so its rows cannot be told from one another."), table=table.table
                )
            return
        view = self._transaction.view(statement, self._states)
        asked = predicate(statement, table, self._states)
        chosen = self._choose(statement, asked, view, own)
        if statement.access.skips_locked:
            self._note_reads(statement, view, returned_keys(statement, table, chosen))
            return
        self._refuse_replaced(statement, view, chosen)
        self._refuse_limited(statement, asked, chosen)
        if not verified(statement, table, view, chosen, self._states):
            self._note_dirty(statement, table, view, chosen)
            return
        if statement.reads_rows:
            self._note_reads(statement, view, chosen.taken)
        self._note_predicate(statement, asked, view, chosen, read=chosen.taken if statement.reads_rows else frozenset())

    def _choose(self, statement: Statement, asked: Predicate, view: View, own: Own) -> Chosen:
        table = statement.access.table
        written = frozenset(item.key for item in own.items if item.table == table)
        if statement.access.does_nothing:
            written = frozenset(key for key in written if self._ever_matches(Item(table, key), asked))
        keys = written - self._still_seen(own, table, view)
        chosen = taken = asked.matching(view.chosen) - keys
        if view.chosen != view.taken:
            taken = chosen & asked.matching(view.taken)
        return Chosen(taken, chosen - taken, written, own.passing.get(table, 0))

    def _ever_matches(self, item: Item, asked: Predicate) -> bool:
        return any(asked.matches(item, number) for number, _ in self._orders.of(item))

    def _still_seen(self, own: Own, table: str, view: View) -> frozenset[Row]:
        """Rows of the transaction's snapshot that another deleted, and that it has inserted anew: it sees both."""
        return frozenset(
            item.key
            for item in own.items
            if item.table == table
            and (seen := self._orders.in_state(item, view.chosen)).exists
            and seen != self._orders.replaced_by(item, self._transaction.name)
        )

    def _refuse_limited(self, statement: Statement, asked: Predicate, chosen: Chosen) -> None:
        """Where LIMIT left out rows that match, or could have, which ones it looked at is not visible."""
        limit = statement.access.limit
        if limit is None:
            return
        found = chosen.taken | chosen.dropped
        others = (item for item in self._changed(statement.access.table) if item.key not in found)
        full = len(found) == limit and any(self._ever_matches(item, asked) for item in others)
        if len(found) > limit or full or chosen.any_own:
            raise NoVerdictError(
                N_("{step} asks for some of the rows that match; which ones it looked at is not visible."),
                step=statement.step,
            )

    def _refuse_replaced(self, statement: Statement, view: View, chosen: Chosen) -> None:
        """A row that was deleted and inserted anew under the same key is another row to a write that waited for it."""
        if view.chosen != view.taken and statement.access.kind is not AccessKind.READ:
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
        plain = statement.access.kind is AccessKind.READ and not (
            statement.access.aggregate or statement.access.locking
        )
        if not plain or chosen.any_own:
            raise UnexplainedError(statement)
        rows = keyed_rows(statement, table, chosen)
        places = column_places(statement, table)
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

    def _note_predicate(
        self, statement: Statement, asked: Predicate, view: View, chosen: Chosen, read: frozenset[Row]
    ) -> None:
        table = statement.access.table
        seen: list[Change] = []
        missed: list[Change] = []
        for item in self._changed(table):
            if item.key in chosen.own:
                continue
            looked_at = view.taken if item.key in chosen.taken | chosen.dropped else view.chosen
            changes = list(self._match_changes(item, asked))
            before = [change for since, change in changes if since <= looked_at]
            if before and not (item.key in read and before[-1].after == self._orders.in_state(item, looked_at)):
                seen.append(before[-1])
            # A waiting UPDATE can reach a row under a new key; what it wrote it has not missed.
            if item.key not in read and self._writes.first.get(item) != statement.step:
                missed += [change for since, change in changes if looked_at < since < self._written(item)]
        if seen or missed:
            words = f"{table} WHERE {statement.condition}" if statement.condition else table
            self.predicate_reads.append(
                PredicateRead(self._transaction.name, statement.step, words, tuple(seen), tuple(missed))
            )

    def _written(self, item: Item) -> float:
        """The state that this transaction's own version came with: what follows it is a ww conflict already."""
        return next(
            (since for since, version in self._orders.of(item) if version.writer == self._transaction.name), inf
        )

    def _match_changes(self, item: Item, asked: Predicate) -> Iterator[tuple[int, Change]]:
        """Each version by another transaction that made the row match, or cease to."""
        for (old, before), (new, after) in pairwise(self._orders.of(item)):
            matched, matches = asked.matches(item, old), asked.matches(item, new)
            if matched != matches and after.writer != self._transaction.name:
                yield new, Change(before, after, entered=matches)


def read_part(statement: Statement, changing: frozenset[str], states: States) -> Statement | None:
    """The statement as a query on the one table that matters; None where it reads nothing that ever changes.

    Raises NoVerdictError where rows of several tables that change decide together what it read.
    """
    if statement.access.kind is not AccessKind.READ and not statement.access.kind.writes:
        return None
    for source in statement.sources:
        states.table(source.table)
    moving = [source for source in statement.sources if source.table in changing]
    if statement.access.kind.writes:
        if any(source.table != statement.access.table for source in moving) or len(moving) > 1:
            raise _several(statement)
        is_read = statement.access.kind is not AccessKind.INSERT or statement.access.on_conflict
        return statement if is_read else None
    if statement.access.table:
        return statement
    if len(moving) > 1 or any(source.condition is None for source in moving):
        raise _several(statement)
    return statement.on(moving[0]) if moving else None


def _several(statement: Statement) -> NoVerdictError:
    return NoVerdictError(
        N_("{step} reads tables that change meanwhile, and which of their rows it looked at cannot be followed."),
        step=statement.step,
    )
