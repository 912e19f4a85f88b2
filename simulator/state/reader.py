"""Everything that the state panel shows at one place of a history: rows, who sees what, versions, locks, waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from simulator.history.observed import Lock, SeenVersion, SessionSeen, TableVersions, Unseen
from simulator.history.schedule import History, LocksObserved, RowVersionsObserved, TableState
from simulator.history.words import WriterStatus
from simulator.i18n.text import Text
from simulator.model import Isolation
from simulator.sql.values import cell
from simulator.state.locks import WaitForGraph, wait_for_graph
from simulator.state.snapshots import (
    OpenTransaction,
    Snapshot,
    Writers,
    committed_state,
    settled,
    transactions_at,
    writers,
)
from simulator.state.views import OwnVersion, TableView, compared, known, with_own

_Seen = TypeVar("_Seen", LocksObserved, RowVersionsObserved)


@dataclass(frozen=True, slots=True)
class SessionView:
    """What a session sees. Without an open transaction: what a new one would see."""

    session: str
    #: open transaction, or None
    transaction: str | None
    isolation: Isolation | None
    snapshot: Snapshot | None
    tables: tuple[TableView, ...]
    #: how it comes that the session sees this
    sentence: Text
    #: False where it wrote something that could not be looked at: its own rows are missing from `tables`
    complete: bool = True


#: Why a new statement does not see a version, by what became of its writer; a row that is gone is dead.
_UNSEEN = {WriterStatus.IN_PROGRESS: "uncommitted", WriterStatus.ABORTED: "rolled back"}


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One row version with its writer, who replaced or deleted it, and who sees it."""

    version: SeenVersion
    writer: str | None
    #: who replaced or deleted it and has not been rolled back; None where nobody did, or it could not be seen
    ended_by: str | None
    #: open transactions that see it
    visible_to: tuple[str, ...]
    #: (transaction, strength) of the row locks that it carries
    row_locks: tuple[tuple[str, str], ...] = ()

    @property
    def status(self) -> str:
        """`visible` (to a new statement), `uncommitted`, `rolled back` or `dead`."""
        if self.version.visible:
            return "visible"
        return _UNSEEN.get(self.version.xmin_status, "dead")


@dataclass(frozen=True, slots=True)
class VersionTable:
    """The versions of one table in the order of their places."""

    table: str
    columns: tuple[str, ...]
    versions: tuple[VersionRow, ...]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class PanelState:
    """A run as it stands once everything that one step brought about has been seen."""

    #: place in the history that this is the state of
    seq: int
    committed: tuple[TableView, ...]
    views: tuple[SessionView, ...]
    #: empty where the run was not watched
    versions: tuple[VersionTable, ...]
    sessions: tuple[SessionSeen, ...]
    locks: tuple[Lock, ...]
    graph: WaitForGraph
    #: the run recorded locks and versions
    watched: bool
    #: dead and uncommitted versions are among `versions`
    with_dead: bool
    unseen: tuple[Unseen, ...] = ()

    def row_locks(self, transaction: str | None) -> tuple[tuple[str, str], ...]:
        """(row, strength) of the locks that rows carry for this transaction, each once."""
        found = (
            (" ".join((table.table, ", ".join(map(cell, row.version.key or row.version.values)))), mode)
            for table in self.versions
            for row in table.versions
            for owner, mode in row.row_locks
            if owner == transaction
        )
        return tuple(dict.fromkeys(found))

    @property
    def notes(self) -> tuple[Text, ...]:
        """What could not be looked at, a sentence each."""
        return tuple(map(unseen_sentence, self.unseen))


def state_at(history: History, seq: int) -> PanelState:
    """The state after event `seq` and all that followed from it before the next step was sent; -1: before the first."""
    now = settled(history, seq)
    reader = _StateReader(history, now)
    versions, locks = reader.versions, reader.locks
    return PanelState(
        seq=now,
        committed=tuple(reader.committed()),
        views=tuple(reader.view(session) for session in history.sessions),
        versions=tuple(reader.version_table(table) for table in versions.tables) if versions else (),
        sessions=locks.sessions if locks else (),
        locks=locks.locks if locks else (),
        graph=wait_for_graph(history, now),
        watched=locks is not None,
        with_dead=versions is not None and versions.with_dead,
        unseen=versions.unseen if versions else (),
    )


def unseen_sentence(unseen: Unseen) -> Text:
    """Why a table was not looked at."""
    if unseen.because_of:
        return Text.of(
            "{table} was not looked at here: {sessions} has or wants its AccessExclusiveLock, and every reader waits.",
            table=unseen.table,
            sessions=", ".join(unseen.because_of),
        )
    return Text.of("{table} could not be looked at here. {reason}", table=unseen.table, reason=unseen.reason)


class _StateReader:
    """A history at one place."""

    def __init__(self, history: History, now: int) -> None:
        self._history = history
        self._now = now
        self._writers: Writers = writers(history)
        self._open = {t.session: t for t in transactions_at(history, now).values() if t.ended is None}
        self.versions = _last(history, now, RowVersionsObserved)
        self.locks = _last(history, now, LocksObserved)

    def committed(self) -> Iterator[TableView]:
        for state in self._state(self._now + 1):
            rows = known(state, self._writers)
            yield compared(state, rows, rows)

    def view(self, session: str) -> SessionView:
        transaction = self._open.get(session)
        snapshot = transaction.snapshot(self._now) if transaction else None
        own = self._own(transaction)
        base = {state.table: state for state in self._state(snapshot.at if snapshot else self._now + 1)}
        tables = tuple(
            compared(
                state,
                with_own(
                    known(base.get(state.table, state), self._writers), own.get(state.table, ()), transaction, state
                ),
                known(state, self._writers),
            )
            for state in self._state(self._now + 1)
        )
        complete = transaction is None or self._sees_own() or not self._wrote(transaction)
        sentence = _sentence(session, transaction, snapshot)
        if not complete:
            gap = Text.of("What it has written itself could not be looked at here.")
            sentence = Text.joined(" ", (sentence, gap))
        return SessionView(
            session,
            transaction.name if transaction else None,
            transaction.isolation if transaction else None,
            snapshot,
            tables,
            sentence,
            complete,
        )

    def version_table(self, table: TableVersions) -> VersionTable:
        rows = tuple(self._version_row(version) for version in table.versions)
        return VersionTable(table.table, table.columns, rows, table.truncated)

    def _version_row(self, version: SeenVersion) -> VersionRow:
        ended = version.replaced_by and version.xmax_status != WriterStatus.ABORTED
        return VersionRow(
            version,
            self._writers.name(version.xmin),
            self._writers.name(version.replaced_by) if ended else None,
            tuple(each.name for each in self._open.values() if self._sees(each, version)),
            tuple((self._writers.name(lock.xid) or str(lock.xid), lock.mode) for lock in version.row_locks),
        )

    def _sees(self, transaction: OpenTransaction, version: SeenVersion) -> bool:
        at = transaction.snapshot(self._now).at
        created = self._counts(transaction, version.xmin, version.xmin_status, at)
        replaced = bool(version.replaced_by) and self._counts(transaction, version.replaced_by, version.xmax_status, at)
        return created and not replaced

    def _counts(self, transaction: OpenTransaction, xid: int | None, status: WriterStatus, at: int) -> bool:
        """Whether this snapshot holds what the id did for done."""
        if status == WriterStatus.ABORTED:
            return False
        return self._writers.name(xid) == transaction.name or self._writers.committed_before(xid, at)

    def _own(self, transaction: OpenTransaction | None) -> Mapping[str, tuple[OwnVersion, ...]]:
        """Versions that the open transaction made, and those that it replaced or deleted, by table."""
        if transaction is None or self.versions is None or not self.versions.with_dead:
            return {}
        return {
            table.table: tuple(
                OwnVersion(
                    version,
                    made=self._is_own(transaction, version.xmin, version.xmin_status),
                    ended=self._is_own(transaction, version.replaced_by, version.xmax_status),
                )
                for version in table.versions
            )
            for table in self.versions.tables
        }

    def _is_own(self, transaction: OpenTransaction, xid: int | None, status: WriterStatus) -> bool:
        return bool(xid) and status == WriterStatus.IN_PROGRESS and self._writers.name(xid) == transaction.name

    def _state(self, at: int) -> tuple[TableState, ...]:
        state = committed_state(self._history, at)
        return state.tables if state else ()

    def _sees_own(self) -> bool:
        return self.versions is not None and self.versions.with_dead and not self.versions.unseen

    def _wrote(self, transaction: OpenTransaction) -> bool:
        """It has an id, or nobody looked whether it has."""
        if self.locks is None:
            return True
        return any(seen.session == transaction.session and seen.xid is not None for seen in self.locks.sessions)


def _last(history: History, now: int, kind: type[_Seen]) -> _Seen | None:
    return next((event for event in reversed(history.events[: now + 1]) if isinstance(event, kind)), None)


def _sentence(session: str, transaction: OpenTransaction | None, snapshot: Snapshot | None) -> Text:
    if transaction is None or snapshot is None:
        return Text.of("{session} has no open transaction; a new one would see the committed state.", session=session)
    if snapshot.waiting:
        text = Text.of(
            "{step} waits with the snapshot that it took when it began; of a row that it waits for it then takes the "
            "newest version."
        )
        return text.given(step=snapshot.step)
    if not snapshot.kept:
        return Text.of(
            "{session} takes a snapshot for each statement: the next one sees what is committed by then.",
            session=session,
        )
    if snapshot.step is None:
        return Text.of("{session} has no snapshot yet: its first statement takes it.", session=session)
    return Text.of(
        "{session} keeps the snapshot that {step} took; what is committed later stays invisible to it.",
        session=session,
        step=snapshot.step,
    )
