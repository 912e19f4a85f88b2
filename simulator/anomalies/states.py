"""The committed states that an observer saw, one after each commit, and what each commit changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from simulator.anomalies.versions import Item
from simulator.history import (
    CommittedStateObserved,
    History,
    Row,
    RowVersion,
    StatementStarted,
    TableState,
    TransactionEnded,
)
from simulator.i18n import N_, gettext

#: xmin has 32 bits, a transaction id as the server reports it 64.
_XID_MASK = 0xFFFF_FFFF


class NoVerdictError(Exception):
    """Something that matters was not observed. `str` is the sentence, in the language in use."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(gettext(message).format(**values))


class Commit(NamedTuple):
    """One commit: its transaction, and where in the history the COMMIT was sent and answered."""

    transaction: str
    xid: int | None
    sent: int
    answered: int


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

    def __init__(self, history: History) -> None:
        self.commits = tuple(_commits(history))
        self._states = _states(history, self.commits)
        self._truncated = {t.table for state in self._states for t in state.tables.values() if t.truncated}
        self._statuses: dict[tuple[str, str], list[tuple[Mapping[Row, RowVersion], frozenset[Row]]]] = {}
        for state in self._states:
            for probe, keys in state.matches.items():
                self._statuses.setdefault(probe, []).append((state.rows.get(probe[0], {}), keys))
        #: changes[n] is what the n-th commit made of state n - 1; changes[0] is empty
        self.changes: tuple[tuple[Changed, ...], ...] = (
            (),
            *(self._changes(n, commit) for n, commit in enumerate(self.commits, start=1)),
        )

    def __getitem__(self, number: int) -> Observed:
        return self._states[number]

    def at(self, seq: int) -> int:
        """The state that was current at this place of the history."""
        return sum(commit.answered < seq for commit in self.commits)

    def after_wait(self, seq: int) -> int:
        """The state that a statement saw which waited and went on before `seq`.

        A COMMIT releases its locks before its answer arrives, so a waiter can be answered first.
        """
        return sum(commit.sent < seq for commit in self.commits)

    def table(self, name: str) -> TableState:
        """A table all of whose rows are known in every state. Raises NoVerdictError."""
        state = self._states[0].tables.get(name)
        if state is None:
            raise NoVerdictError(N_("{table} is not a table whose rows are observed."), table=name)
        if name in self._truncated:
            raise NoVerdictError(N_("{table} has more rows than are recorded."), table=name)
        return state

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
        for rows, keys in self._statuses.get((table, condition), ()):
            if rows.get(row.key) == row:
                return row.key in keys
        raise NoVerdictError(
            N_("It was not recorded which rows of {table} matched {condition}."), table=table, condition=condition
        )

    def _changes(self, number: int, commit: Commit) -> tuple[Changed, ...]:
        old, new = self._states[number - 1], self._states[number]
        if old is new:
            return ()
        _refuse_changes_without_key(old, new)
        found = tuple(
            Changed(Item(table, key), before, after)
            for table, rows in new.rows.items()
            for key in dict.fromkeys((*old.rows.get(table, {}), *rows))
            if (before := old.rows.get(table, {}).get(key)) != (after := rows.get(key))
        )
        for change in found:
            _check_writer(change, commit)
        return found


def _check_writer(change: Changed, commit: Commit) -> None:
    """The new version must carry the id of the transaction that has just committed."""
    own = commit.xid is not None and (change.after is None or change.after.xmin == commit.xid & _XID_MASK)
    if not own:
        raise NoVerdictError(
            N_("{row} was last written by a transaction that was not observed, such as one inside a savepoint."),
            row=change.item,
        )


def _refuse_changes_without_key(old: Observed, new: Observed) -> None:
    for table, state in new.tables.items():
        if not state.key_columns and table in old.tables and set(old.tables[table].rows) != set(state.rows):
            raise NoVerdictError(
                N_("{table} has no primary key, so its rows cannot be told from one another."), table=table
            )


def _commits(history: History) -> Iterator[Commit]:
    sent: dict[tuple[str | None, str | None], int] = {}
    seen: set[str] = set()
    for event in history.events:
        if isinstance(event, StatementStarted):
            # In a step of several statements the COMMIT comes later than the step's start.
            sent[event.transaction, event.step] = event.seq if ";" not in event.sql.rstrip("; \n") else -1
        elif isinstance(event, TransactionEnded) and event.outcome == "committed" and event.transaction:
            if event.transaction in seen:
                raise NoVerdictError(
                    N_("{session} committed more than once; use a session for each transaction."),
                    session=event.transaction,
                )
            seen.add(event.transaction)
            at = sent.get((event.transaction, event.step), -1)
            yield Commit(event.transaction, event.xid, at if at >= 0 else event.seq, event.seq)


def _states(history: History, commits: tuple[Commit, ...]) -> list[Observed]:
    looks: dict[str | None, list[CommittedStateObserved]] = {}
    for event in history.events:
        if isinstance(event, CommittedStateObserved):
            looks.setdefault(event.transaction, []).append(event)
    if None not in looks:
        raise NoVerdictError(N_("The state before the first step was not observed."))
    states = [Observed.merged(looks[None])]
    for number, commit in enumerate(commits):
        if commit.xid is None:
            states.append(_same_state(states[-1], looks.get(commit.transaction, ()), commits[number + 1 :]))
            continue
        if commit.transaction not in looks:
            raise NoVerdictError(
                N_("The state after the commit of {transaction} was not observed."), transaction=commit.transaction
            )
        _refuse_mixed(commit, looks[commit.transaction][0].seq, commits[number + 1 :])
        states.append(Observed.merged(looks[commit.transaction]))
    return states


def _same_state(state: Observed, looks: Iterable[CommittedStateObserved], later: tuple[Commit, ...]) -> Observed:
    """A commit that wrote nothing leaves the state as it was, with whatever was asked of it again."""
    own = [look for look in looks if not any(commit.xid and commit.answered < look.seq for commit in later)]
    if not own:
        return state
    more = Observed.merged(own)
    if {name: set(table.rows) for name, table in more.tables.items()} != {
        name: set(table.rows) for name, table in state.tables.items()
    }:
        raise NoVerdictError(N_("Rows changed although the transaction that committed wrote nothing."))
    return replace(state, matches={**state.matches, **more.matches}, answers={**state.answers, **more.answers})


def _refuse_mixed(commit: Commit, looked: int, later: tuple[Commit, ...]) -> None:
    for other in later:
        if other.xid is not None and other.answered < looked:
            raise NoVerdictError(
                N_("{first} and {second} committed at once: the state between them was not seen."),
                first=commit.transaction,
                second=other.transaction,
            )
