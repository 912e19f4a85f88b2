"""The committed states that an observer saw, one after each commit, and what each commit changed."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from simulator.anomalies.recover.commits import Commit
from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.versions import Item
from simulator.history.observed import row_xid
from simulator.history.schedule import (
    CommittedStateObserved,
    History,
    RowVersion,
    TableRules,
    TableState,
    TransactionEnded,
)
from simulator.i18n.text import N_
from simulator.model import Row


class Changed(NamedTuple):
    """A row that a commit changed; None: the row does not exist."""

    item: Item
    before: RowVersion | None
    after: RowVersion | None


@dataclass(frozen=True, slots=True)
class Observed:
    """One look of the observer, and everything asked in it."""

    tables: Mapping[str, TableState]
    matches: Mapping[tuple[str, str], frozenset[Row]]
    answers: Mapping[str, tuple[Row, ...]]
    #: table -> key -> version, of tables that have a primary key
    rows: Mapping[str, Mapping[Row, RowVersion]]

    @classmethod
    def merged(cls, events: Iterable[CommittedStateObserved]) -> Observed:
        """Several looks at one and the same state."""
        tables: dict[str, TableState] = {}
        matches: dict[tuple[str, str], frozenset[Row]] = {}
        answers: dict[str, tuple[Row, ...]] = {}
        for event in events:
            tables.update((state.table, state) for state in event.tables)
            matches.update(((match.table, match.condition), frozenset(match.keys)) for match in event.matches)
            answers.update((answer.sql, answer.rows) for answer in event.answers)
        rows = {state.table: {row.key: row for row in state.rows} for state in tables.values() if state.key_columns}
        return cls(tables, matches, answers, rows)


class States:
    """State 0 is what the setup left, state n what the n-th commit left. Raises NoVerdictError where one is missing."""

    def __init__(self, history: History, commits: tuple[Commit, ...]) -> None:
        self.commits = commits
        self._ids = frozenset(
            row_xid(event.xid) for event in history.events if isinstance(event, TransactionEnded) and event.xid
        )
        self._states = _states(history, commits)
        self._truncated = {t.table for state in self._states for t in state.tables.values() if t.truncated}
        #: by table and condition: for each version that some state shows, whether it matches
        self._statuses: dict[tuple[str, str], dict[RowVersion, bool]] = {}
        for state in self._states:
            for probe, keys in state.matches.items():
                known = self._statuses.setdefault(probe, {})
                for key, row in state.rows.get(probe[0], {}).items():
                    known.setdefault(row, key in keys)
        #: changes[n] is what the n-th commit made of state n - 1; changes[0] is empty
        self.changes: tuple[tuple[Changed, ...], ...] = (
            (),
            *(self._changes(n, commit) for n, commit in enumerate(commits, start=1)),
        )
        #: tables whose rows are not the same in all states
        self.changed_tables = frozenset(
            name
            for before, after in pairwise(self._states)
            for name in before.tables.keys() | after.tables.keys()
            if not _same(before, after, name)
        )

    def __getitem__(self, number: int) -> Observed:
        return self._states[number]

    def at(self, seq: int) -> int:
        """The state that was current at this place of the history."""
        return sum(commit.answered < seq for commit in self.commits)

    def after_wait(self, seq: int, transaction: str) -> int:
        """The state that a statement of this transaction saw which waited and went on before `seq`.

        A COMMIT releases its locks before its answer arrives, so a waiter can be answered first. Raises NoVerdictError
        where it is not known whether another statement had committed by then.
        """
        current = 0
        for commit in self.commits:
            if commit.name == transaction or commit.sent > seq:
                continue
            if commit.answered > seq and not commit.alone and commit.may_have_written:
                raise NoVerdictError(
                    N_("Whether {first} had committed when {second} went on was not seen."),
                    first=commit.name,
                    second=transaction,
                )
            current += 1
        return current

    def table(self, name: str) -> TableState:
        """A table all of whose rows are known in every state. Raises NoVerdictError."""
        state = self._states[0].tables.get(name)
        if state is None:
            raise NoVerdictError(N_("{table} is not a table whose rows are observed."), table=name)
        if name in self._truncated:
            raise NoVerdictError(N_("{table} has more rows than are recorded."), table=name)
        return state

    def rules(self, name: str) -> TableRules:
        """What the server does by itself with this table; nothing where that was not asked."""
        state = self._states[0].tables.get(name)
        return (state.rules if state is not None else None) or TableRules()

    def row(self, item: Item, number: int) -> RowVersion | None:
        return self._states[number].rows[item.table].get(item.key)

    def matching(self, table: str, condition: str, number: int) -> frozenset[Row]:
        """Keys of the rows that match in this state. Raises NoVerdictError."""
        rows = self._states[number].rows[table]
        known = self._states[number].matches.get((table, condition)) if condition else frozenset(rows)
        if known is not None:
            return known
        return frozenset(key for key, row in rows.items() if self.matches(table, condition, row))

    def matches(self, table: str, condition: str, row: RowVersion | None) -> bool:
        """Whether this version of a row matches. Raises NoVerdictError where the server was not asked."""
        if row is None or not condition:
            return row is not None
        matched = self._statuses.get((table, condition), {}).get(row)
        if matched is not None:
            return matched
        raise NoVerdictError(
            N_("It was not recorded which rows of {table} matched {condition}."), table=table, condition=condition
        )

    def _changes(self, number: int, commit: Commit) -> tuple[Changed, ...]:
        old, new = self._states[number - 1], self._states[number]
        if old is new:
            return ()
        found = tuple(
            Changed(Item(table, key), before, after)
            for table, rows in new.rows.items()
            for key in dict.fromkeys((*old.rows.get(table, {}), *rows))
            if (before := old.rows.get(table, {}).get(key)) != (after := rows.get(key))
        )
        for change in found:
            self._check_writer(change, commit)
        return found

    def _check_writer(self, change: Changed, commit: Commit) -> None:
        """The new version must carry the id of the transaction that has just committed, or may be a savepoint's."""
        writer = change.after.xmin if change.after is not None else None
        own = None if commit.xid is None else row_xid(commit.xid)
        unknown_id = writer not in self._ids and (own is None or commit.transaction.has_savepoints)
        if writer is not None and writer != own and not unknown_id:
            raise NoVerdictError(
                N_("{row} was last written by a transaction that was not observed."), row=str(change.item)
            )


def _same(one: Observed, other: Observed, table: str) -> bool:
    """Whether a table has the same rows in both, also where they have no key to be told by."""
    if one is other:
        return True
    rows, others = ((state.tables[table].rows if table in state.tables else ()) for state in (one, other))
    return rows == others or Counter(rows) == Counter(others)


def _states(history: History, commits: tuple[Commit, ...]) -> list[Observed]:
    """Each look shows what all commits before it left; between two looks at most one may have written."""
    looks = [event for event in history.events if isinstance(event, CommittedStateObserved)]
    if not looks or looks[0].transaction is not None or (commits and looks[0].seq > commits[0].answered):
        raise NoVerdictError(N_("The state before the first step was not observed."))
    for commit in commits:
        if commit.transaction.began < looks[0].seq:
            raise NoVerdictError(N_("{transaction} began before the first step."), transaction=commit.name)
    places = [commit.answered for commit in commits]
    by_state: dict[int, list[CommittedStateObserved]] = {}
    for look in looks:
        by_state.setdefault(bisect(places, look.seq), []).append(look)
    states = [Observed.merged(by_state.pop(0))]
    for number, seen in by_state.items():
        states += _between(states[-1], commits[len(states) - 1 : number], Observed.merged(seen))
    rest = commits[len(states) - 1 :]
    for commit in rest:
        if commit.may_have_written:
            raise NoVerdictError(
                N_("The state after the commit of {transaction} was not observed."), transaction=commit.name
            )
    return states + [states[-1]] * len(rest)


def _between(old: Observed, group: Sequence[Commit], new: Observed) -> list[Observed]:
    """The states that these commits left, of which only the last one was seen."""
    writers = [place for place, commit in enumerate(group) if commit.may_have_written]
    if len(writers) > 1:
        raise NoVerdictError(
            N_("{first} and {second} committed at once: the state between them was not seen."),
            first=group[writers[0]].name,
            second=group[writers[1]].name,
        )
    if all(_same(old, new, name) for name in old.tables.keys() | new.tables.keys()):
        # A commit that wrote nothing leaves the state as it was, with whatever was asked of it again.
        known = replace(old, matches={**old.matches, **new.matches}, answers={**old.answers, **new.answers})
        return [known] * len(group)
    if not writers:
        raise NoVerdictError(N_("Rows changed although the transaction that committed wrote nothing."))
    return [old if place < writers[0] else new for place in range(len(group))]
