"""Which snapshot each transaction reads with, and which transaction an id in a row version is.

READ COMMITTED: every statement takes one when it begins. REPEATABLE READ, SERIALIZABLE: the first statement that needs
one takes it for the whole transaction, which is not BEGIN (PostgreSQL manual, 13.2 Transaction Isolation).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from simulator.anomalies.versions import SETUP
from simulator.history.observed import row_xid
from simulator.history.schedule import (
    AnyEvent,
    CommittedStateObserved,
    History,
    LocksObserved,
    RowVersionsObserved,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    StepSkipped,
    TransactionBegan,
    TransactionEnded,
)
from simulator.history.words import TransactionOutcome
from simulator.model import Isolation
from simulator.sql.access import Unsupported, accesses
from simulator.sql.kinds import NO_SNAPSHOT


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a transaction sees at a place of the history: everything that was committed before `at`, and its own."""

    #: the step that took it; None: the next statement will
    step: str | None
    at: int
    #: True where it is kept to the end of the transaction
    kept: bool
    #: True where the statement that took it is still waiting
    waiting: bool = False


@dataclass(slots=True)
class OpenTransaction:
    """One transaction as it is at a place of the history; `ended` is the event that ended it by then."""

    name: str
    session: str
    isolation: Isolation
    began: int
    #: its first statement that needs a snapshot, and the place at which it has it
    first: StatementStarted | None = None
    first_at: int | None = None
    running: StatementStarted | None = None
    ended: TransactionEnded | None = None
    waited_for_safety: bool = False

    @property
    def keeps_snapshot(self) -> bool:
        return self.isolation in (Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE)

    def snapshot(self, now: int) -> Snapshot:
        """The snapshot in use at place `now`, or that the next statement would take."""
        if self.keeps_snapshot:
            if self.first is None or self.first_at is None:
                return Snapshot(None, now + 1, kept=True)
            return Snapshot(self.first.step, self.first_at, kept=True)
        if self.running is not None and takes_snapshot(self.running.sql):
            return Snapshot(self.running.step, self.running.seq, kept=False, waiting=True)
        return Snapshot(None, now + 1, kept=False)


def takes_snapshot(sql: str) -> bool:
    """Whether a step reads with a snapshot: COMMIT, SET and LOCK TABLE do not."""
    found = accesses(sql)
    if isinstance(found, Unsupported):
        words = sql.split(maxsplit=1)
        return bool(words) and words[0].upper().rstrip(";") not in NO_SNAPSHOT
    return any(access.snapshot for access in found)


def transactions_at(history: History, seq: int) -> Mapping[str, OpenTransaction]:
    """Every transaction that had begun once event `seq` had been seen, by name, in the order in which they began."""
    found: dict[str, OpenTransaction] = {}
    for event in history.events:
        if event.seq > seq:
            break
        _follow(found, event)
    return found


def _follow(found: dict[str, OpenTransaction], event: AnyEvent) -> None:
    if isinstance(event, TransactionBegan) and event.transaction and event.session:
        found[event.transaction] = OpenTransaction(event.transaction, event.session, event.isolation, event.seq)
    transaction = found.get(event.transaction or "")
    if transaction is None:
        return
    match event:
        case StatementStarted():
            transaction.running = event
            if transaction.first is None and takes_snapshot(event.sql):
                transaction.first, transaction.first_at = event, event.seq
        case StepBlocked() if "safe snapshot" in event.lock:
            # A DEFERRABLE transaction waits for its snapshot and not with it.
            transaction.first_at, transaction.waited_for_safety = None, True
        case StatementFinished() | StatementFailed():
            transaction.running = None
            if transaction.waited_for_safety and transaction.first_at is None:
                transaction.first_at = event.seq
        case TransactionEnded():
            transaction.ended = event


@dataclass(slots=True)
class Writers:
    """Transactions by the ids in row versions, and when each was committed."""

    names: dict[int, str] = field(default_factory=dict)
    #: transaction -> its committing event
    commits: dict[str, TransactionEnded] = field(default_factory=dict)

    def name(self, xid: int | None) -> str | None:
        """The transaction with this id, `T0` for the setup; None where it was not seen."""
        return self.names.get(row_xid(xid or 0))

    def committed_before(self, xid: int | None, at: int) -> bool:
        name = self.name(xid)
        return name == SETUP or (name in self.commits and self.commits[name].seq < at)


def writers(history: History) -> Writers:
    """From what the observer saw of the sessions while they wrote, and from the ids that commits reported."""
    found = Writers()
    current: dict[str, str] = {}
    acted: dict[str, None] = {}
    for event in history.events:
        if isinstance(event, TransactionBegan) and event.session:
            current[event.session] = event.transaction or event.session
        if isinstance(event, StatementStarted) and event.transaction:
            acted[event.transaction] = None
        if isinstance(event, TransactionEnded) and event.transaction:
            if event.xid is not None:
                found.names.setdefault(row_xid(event.xid), event.transaction)
            if event.outcome == TransactionOutcome.COMMITTED:
                found.commits.setdefault(event.transaction, event)
        for session, xid in _ids(event):
            found.names.setdefault(row_xid(xid), current.get(session, session))
        if isinstance(event, RowVersionsObserved | CommittedStateObserved):
            _attribute(found, event, acted)
        if isinstance(event, RowVersionsObserved):
            acted.clear()
    return found


def _ids(event: AnyEvent) -> Iterator[tuple[str, int]]:
    """Ids that sessions hold: their transaction's, and those of its savepoints."""
    if isinstance(event, LocksObserved):
        for lock in event.locks:
            if lock.locktype == "transactionid" and lock.is_own_id and lock.xid is not None:
                yield lock.session, lock.xid


def _attribute(found: Writers, event: RowVersionsObserved | CommittedStateObserved, acted: Mapping[str, None]) -> None:
    """Before the first step it is the setup's; later, an id that came and went unseen can only be of who acted."""
    if isinstance(event, CommittedStateObserved):
        ids = {row.xmin for table in event.tables for row in table.rows}
        name = SETUP if event.transaction is None else None
    else:
        ids = {xid for table in event.tables for v in table.versions for xid in (v.xmin, v.replaced_by or 0) if xid}
        known = set(found.names.values())
        strangers = [each for each in acted if each not in known]
        name = SETUP if event.step is None else strangers[0] if len(strangers) == 1 else None
    if name is not None:
        for xid in ids - found.names.keys():
            found.names[xid] = name


def settled(history: History, seq: int) -> int:
    """The last place before the next step is sent: where everything that event `seq` brought about has been seen."""
    own = (history.events[seq].transaction, history.events[seq].step) if seq >= 0 else (None, None)
    for event in history.events[seq + 1 :]:
        is_start = isinstance(event, TransactionBegan | StatementStarted | StepSkipped)
        if is_start and (event.transaction, event.step) != own:
            return event.seq - 1
    return len(history.events) - 1


def committed_state(history: History, at: int) -> CommittedStateObserved | None:
    """What was committed before place `at`, as the observer saw it; None where it was not observed."""
    commits = {
        event.transaction: event.seq
        for event in history.events
        if isinstance(event, TransactionEnded) and event.outcome == TransactionOutcome.COMMITTED
    }
    states = [event for event in history.events if isinstance(event, CommittedStateObserved)]
    return next(
        (state for state in reversed(states) if state.transaction is None or commits.get(state.transaction, at) < at),
        None,
    )
