"""Why a read saw what it saw: its snapshot, the version, its writer, and why a newer version was not visible.

Built on what the checker recovers from a history (`simulator.anomalies`): where it refuses, so does this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from simulator.anomalies.recover.commits import Commit
from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.observations import places, recover
from simulator.anomalies.recover.reads import ReadRecovery
from simulator.anomalies.recover.statements import Statement, Transaction, View, refuse_unsupported, transactions
from simulator.anomalies.recover.writes import Own, Writes
from simulator.anomalies.versions import SETUP, Item, Version
from simulator.history.observed import SeenVersion
from simulator.history.schedule import History, RowVersionsObserved, TransactionEnded
from simulator.history.words import WriterStatus
from simulator.i18n.text import N_, Text
from simulator.model import Scalar
from simulator.sql.access import AccessKind
from simulator.state.snapshots import writers
from simulator.state.why_words import (
    Hidden,
    Reason,
    dropped_sentence,
    missed_sentence,
    overlooked_sentence,
    own_sentence,
    seen_sentence,
)

#: Rows that are told of, those with something to tell first.
MAX_ROWS = 2

#: How much there is to tell of a row, less is more: 0 a newer version was hidden, 1 somebody wrote it, 2 its own.
_UNTOUCHED = 3

_READS = (AccessKind.READ, AccessKind.UPDATE, AccessKind.DELETE)


@dataclass(frozen=True, slots=True)
class Why:
    """The answer for one read: sentences from real values; `refused` where it could not be recovered, with the reason.

    The first sentence tells of the snapshot, the others of rows.
    """

    transaction: str
    step: str
    sentences: tuple[Text, ...]
    refused: bool = False


def reads_of(history: History) -> tuple[tuple[str, str], ...]:
    """(transaction, step key) of every finished statement that read rows, in the order in which they began."""
    found = [
        (statement.started, statement.transaction, statement.step)
        for transaction in transactions(history).values()
        for statement in transaction.statements
        if statement.access.kind in _READS
    ]
    return tuple(dict.fromkeys((name, step) for _seq, name, step in sorted(found)))


def why_read(history: History, step: str, transaction: str | None = None) -> Why:
    """Why the read `step` saw that. `transaction` chooses an attempt (`T1#2`); without it the first one is meant."""
    name = transaction or next((each for each, at in reads_of(history) if at == step), step.partition(".")[0])
    try:
        return Why(name, step, tuple(_Recovered(history).sentences(name, step)))
    except NoVerdictError as reason:
        text = Text.of("Why {step} saw that cannot be told. {reason}", step=step, reason=reason.text)
        return Why(name, step, (text,), refused=True)


class _Recovered:
    """What the checker can say of a whole history. Raises NoVerdictError."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._found = found = recover(history)
        self._began, self._states, self._orders = found.transactions, found.states, found.orders
        self._writes = {transaction.name: found.writes[number] for number, transaction in found.committed.items()}
        self._writers = writers(history)
        self._places = places(history)
        self._ended = {e.transaction: e.step or "" for e in history.events if isinstance(e, TransactionEnded)}

    def sentences(self, name: str, step: str) -> Iterator[Text]:
        """Of the snapshot first, then of rows."""
        transaction, statement = self._find(name, step)
        refuse_unsupported(transaction)
        own = self._own_before(transaction, statement)
        missed = self._verified(transaction, statement, own)
        view = transaction.view(statement, self._states)
        yield self._snapshot(transaction, statement, view)
        told = [*missed, *self._rows(transaction, statement, view, own)]
        told.sort(key=lambda row: row[0])
        # Rows that nobody touched are told of only where there is nothing else to tell.
        telling = [text for weight, text in told if weight < _UNTOUCHED] or [text for _weight, text in told]
        yield from telling[:MAX_ROWS]
        if not told:
            yield Text.of("No row that it asked for was there.")

    def _find(self, name: str, step: str) -> tuple[Transaction, Statement]:
        transaction = self._began.get(name)
        for statement in transaction.statements if transaction else ():
            if statement.step == step and statement.access.kind in _READS and statement.access.table and transaction:
                return transaction, statement
        if transaction is not None:
            refuse_unsupported(transaction)
        raise NoVerdictError(N_("{step} did not finish, or reads no rows of a single table."), step=step)

    def _own_before(self, transaction: Transaction, statement: Statement) -> Own:
        """What it had written before: from its commit or, where it has none, from the versions that were seen."""
        if transaction.name in self._writes:
            return self._writes[transaction.name].before[transaction.statements.index(statement)]
        names = self._writers
        table = statement.access.table
        items = frozenset(
            Item(table, version.key)
            for seen in self._versions(statement)
            for version in seen
            if transaction.name in (names.name(version.xmin), names.name(version.replaced_by))
        )
        return Own(items, {})

    def _verified(self, transaction: Transaction, statement: Statement, own: Own) -> list[tuple[int, Text]]:
        """Recover this one read; rows that it missed because they came to match too late. Raises NoVerdictError."""
        muted = [
            each if each is statement else replace(each, access=replace(each.access, kind=AccessKind.NONE))
            for each in transaction.statements
        ]
        made = self._writes.get(transaction.name)
        writes = Writes(made.changes if made else {}, before=[own] * len(muted))
        alone = replace(transaction, statements=muted)
        reader = ReadRecovery(alone, writes, self._states, self._orders, self._found.pending, self._found.changing)
        reader.read_all()
        return [
            (0, missed_sentence(change.after.item, hidden))
            for read in reader.predicate_reads
            for change in read.missed
            if change.entered
            and not change.before.exists
            and (hidden := self._hidden(change.after, statement)) is not None
        ]

    def _snapshot(self, transaction: Transaction, statement: Statement, view: View) -> Text:
        level = transaction.isolation.value
        if not transaction.sees_each_commit:
            first = next(each for each in transaction.statements if each.access.snapshot)
            if first.step == statement.step:
                text = Text.of("{step} took the snapshot that {transaction} keeps to its end ({level}).")
            else:
                text = Text.of("{transaction} still reads with the snapshot that {first} took ({level}).")
            return text.given(step=statement.step, first=first.step, transaction=transaction.name, level=level)
        if view.chosen != view.taken:
            text = Text.of(
                "{step} waited, and then took the newest version of the row that it had waited for ({level})."
            )
        elif statement.waits and view.taken > self._states.at(statement.started):
            text = Text.of("{step} waited, and took its snapshot when the wait was over ({level}).")
        else:
            text = Text.of("{step} took a snapshot of its own when it began ({level}).")
        return text.given(step=statement.step, level=level)

    def _rows(self, transaction: Transaction, statement: Statement, view: View, own: Own) -> Iterator[tuple[int, Text]]:
        """(how much there is to tell: less is more, sentence) for each row that it read."""
        table = statement.access.table
        state = self._states.table(table)
        chosen = self._states.matching(table, statement.condition, view.chosen)
        taken = self._states.matching(table, statement.condition, view.taken)
        for key in sorted(chosen ^ taken, key=str):
            if (item := Item(table, key)) not in own.items:
                sentence = dropped_sentence if key in chosen else overlooked_sentence
                yield 0, sentence(self._orders.in_state(item, view.taken))
        for key in sorted(chosen & taken, key=str):
            item = Item(table, key)
            if item in own.items:
                yield 2, own_sentence(item, transaction.name, deleted=self._own_deleted(item, statement))
                continue
            row = self._states.row(item, view.taken)
            if row is None:
                continue
            changed = item in self._orders.items.get(table, ())
            version = (
                self._orders.in_state(item, view.taken) if changed else Version(item, SETUP, state.columns, row.values)
            )
            hidden = self._hidden(version, statement, view) or self._never(version, transaction, statement)
            weight = 0 if hidden else _UNTOUCHED if version.writer == SETUP else 1
            commit = self._ended.get(version.writer, "?")
            asked = None if statement.access.aggregate else statement.access.columns
            yield weight, seen_sentence(version, hidden, asked, commit)

    def _own_deleted(self, item: Item, statement: Statement) -> bool:
        """Whether the reader itself had deleted the row before this statement."""
        for version in self._orders.committed_by(item, statement.transaction):
            place = self._places.get((statement.transaction, version.last_step or ""), statement.started)
            return not version.exists and place < statement.started
        made = [v for seen in self._versions(statement) for v in seen if v.key == item.key and not v.replaced_by]
        return not any(self._writers.name(version.xmin) == statement.transaction for version in made)

    def _hidden(self, version: Version, statement: Statement, view: View | None = None) -> Hidden | None:
        """The next version of the row, where somebody had written it by then; without a view: this very version."""
        order = self._orders.of(version.item) if version.item in self._orders.versions else []
        for number, each in order:
            is_it = number > view.taken if view is not None else number > 0 and each == version
            if not is_it or each.writer == statement.transaction:
                continue
            commit = self._states.commits[number - 1]
            first, last = (
                self._places.get((each.writer, step or ""), commit.sent) for step in (each.first_step, each.last_step)
            )
            if first > statement.finished:
                continue
            after: Mapping[str, Scalar] | None = None
            if last <= statement.finished:
                after = dict(zip(each.columns, each.values or (), strict=False))
            else:
                # It wrote the row again later: what stood there then is known only if somebody looked.
                after = self._uncommitted(version, statement).get(each.writer)
            return Hidden(
                self._why_hidden(commit, statement),
                each.writer,
                after,
                not each.exists and last <= statement.finished,
                (each.last_step if last <= statement.finished else each.first_step) or "?",
                self._ended.get(each.writer, "?"),
            )
        return None

    def _why_hidden(self, commit: Commit, statement: Statement) -> Reason:
        return Reason.LATE if commit.answered < statement.started else Reason.UNCOMMITTED

    def _never(self, version: Version, transaction: Transaction, statement: Statement) -> Hidden | None:
        """A newer version by somebody who had not committed, and never did."""
        for writer, after in self._uncommitted(version, statement).items():
            if writer != transaction.name and writer not in self._writers.commits:
                return Hidden(Reason.NEVER, writer, after, False, "", "")
        return None

    def _uncommitted(self, version: Version, statement: Statement) -> Mapping[str, Mapping[str, Scalar]]:
        """writer -> what it had made of the row by then, as it was seen in the heap."""
        columns = self._states.table(version.item.table).columns
        return {
            writer: dict(zip(columns, newer.values, strict=False))
            for seen in self._versions(statement)
            for newer in seen
            if newer.key == version.item.key
            and newer.xmin_status == WriterStatus.IN_PROGRESS
            and not newer.replaced_by
            and (writer := self._writers.name(newer.xmin)) is not None
        }

    def _versions(self, statement: Statement) -> Iterator[tuple[SeenVersion, ...]]:
        """The versions of its table as they were seen last before it began."""
        looks = [e for e in self._history.events[: statement.started] if isinstance(e, RowVersionsObserved)]
        for look in looks[-1:]:
            yield from (table.versions for table in look.tables if table.table == statement.access.table)
