"""What a session that waits wants, in the words of its application: the row, the table, the key; and what it holds.

Which row it is shows in pg_locks: who waits for a row holds, or queues for, the lock on the row's place meanwhile. Its
mode tells the strength (PostgreSQL's heapam.c, tupleLockExtraInfo). The rows that a session holds carry its id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from simulator.history.observed import Lock, TableVersions
from simulator.history.schedule import (
    CommittedStateObserved,
    History,
    LocksObserved,
    RowVersionsObserved,
    StatementStarted,
    StepBlocked,
)
from simulator.history.words import WriterStatus
from simulator.i18n.text import N_, Text
from simulator.sql.access import Unsupported, accesses
from simulator.sql.kinds import Access, AccessKind
from simulator.sql.label import row_named
from simulator.state.locks import Wait, wait_for_graph
from simulator.state.snapshots import writers

#: A lock on a row's place -> the strength that is asked for.
STRENGTHS: Mapping[str, str] = MappingProxyType(
    {
        "AccessShareLock": "FOR KEY SHARE",
        "RowShareLock": "FOR SHARE",
        "ExclusiveLock": "FOR NO KEY UPDATE",
        "AccessExclusiveLock": "FOR UPDATE",
    }
)
KEY_SHARE = "FOR KEY SHARE"
#: Rows that are named one by one.
MAX_ROWS = 3


@dataclass(frozen=True, slots=True)
class Want:
    """One wait: `waiter` holds `holds` and wants `row`, which `blocker` holds."""

    wait: Wait
    #: `wallet 2`; "" where it is no row, or nobody saw which
    row: str = ""
    #: how the row is wanted: `FOR UPDATE`; "" where it was not seen
    strength: str = ""
    #: rows that the waiter held by then, as far as it was looked
    holds: tuple[str, ...] = ()
    #: it holds that very row too, and asks for more
    shares: bool = False
    #: the blocker only stands before it in the queue
    queues: bool = False
    #: whose foreign key it is that wants, or holds, the row: `waiter`, `blocker` or ""
    foreign_key: str = ""
    #: the statement inserts a row
    inserts: bool = False

    @property
    def sentence(self) -> Text:
        """`T1 holds wallet 1 and wants wallet 2, which T2 holds.`, and why where a foreign key is behind it."""
        told = Text(self._template).given(
            waiter=self.wait.waiter, blocker=self.wait.blocker, wanted=self._wanted, holds=", ".join(self.holds)
        )
        reason = self._reason
        told = Text.joined(" ", (told, reason)) if reason is not None else told
        return Text.of("{sentence} (inferred)", sentence=told) if self.wait.inferred else told

    @property
    def lock(self) -> Text:
        """The lock's name: `ShareLock on T1's transaction 745`."""
        return self.wait.words

    @property
    def _wanted(self) -> Text | str:
        kind, _space, name = self.wait.lock.rpartition(" (")[0].partition(" ")
        match kind:
            case _ if self.row:
                return self.row
            case "relation":
                return Text.of("the table {relation}", relation=name)
            case "advisory":
                return Text.of("advisory lock {key}", key=name)
            case "tuple":
                return Text.of("a row of {relation}", relation=name)
        return ""

    @property
    def _template(self) -> str:
        if not self._wanted:
            return _INSERTS if self.inserts else _ENDS
        if self.queues:
            return _QUEUES
        if self.shares:
            return _SHARES
        return _HOLDS if self.holds else _WANTS

    @property
    def _reason(self) -> Text | None:
        if self.foreign_key == self.wait.waiter:
            return Text.of("Its foreign key wants {strength} on {row}.", strength=KEY_SHARE, row=self.row)
        if self.foreign_key:
            return Text.of(
                "{blocker}'s foreign key holds {held} on {row}, and {strength} does not go with that.",
                blocker=self.wait.blocker,
                held=KEY_SHARE,
                row=self.row,
                strength=self.strength,
            )
        return None


_HOLDS = N_("{waiter} holds {holds} and wants {wanted}, which {blocker} holds.")
_WANTS = N_("{waiter} wants {wanted}, which {blocker} holds.")
_SHARES = N_("{waiter} holds {wanted} and wants more of it than {blocker} lets it, which holds it too.")
_QUEUES = N_("{waiter} wants {wanted}, and {blocker} is before it in the queue.")
_INSERTS = N_("{waiter} cannot insert its row before {blocker} has ended: {blocker} wrote one that may be in its way.")
_ENDS = N_("{waiter} waits until {blocker} has ended.")


def want(history: History, wait: Wait) -> Want:
    """What this wait is for, as far as it was seen."""
    started = _statement(history, wait.waiter, wait.since)
    sql = started.sql if started else ""
    lock = _place_lock(history, wait)
    row = _row(history, wait, lock) if lock else _named(wait, sql)
    held = tuple(_held(history, wait))
    return Want(
        wait=wait,
        row=row,
        strength=STRENGTHS.get(lock.mode, "") if lock else "",
        holds=tuple(name for name in held if name != row)[:MAX_ROWS],
        shares=bool(row) and row in held,
        queues=_waits_itself(history, wait) and not wait.lock.startswith("transactionid"),
        foreign_key=_foreign_key(history, wait, lock, _tables(sql)),
        inserts=_inserts(sql),
    )


def waits_begun(history: History, seq: int) -> tuple[Wait, ...]:
    """Every wait that had begun once event `seq` was seen, those that are over too, in the order of their beginning."""
    begun = dict.fromkeys(
        wait
        for event in history.events[: seq + 1]
        if isinstance(event, StepBlocked)
        for wait in wait_for_graph(history, event.seq).waits
        if wait.since == event.seq
    )
    return tuple(begun)


def _statement(history: History, session: str, seq: int) -> StatementStarted | None:
    """What the session was at when event `seq` was seen."""
    for event in reversed(history.events[: seq + 1]):
        if isinstance(event, StatementStarted) and event.session == session:
            return event
    return None


def _place_lock(history: History, wait: Wait) -> Lock | None:
    """The waiter's lock on a row's place, at the first look after its wait began."""
    look = next((event for event in history.events[wait.since :] if isinstance(event, LocksObserved)), None)
    if look is None:
        return None
    return next((lock for lock in look.locks if lock.session == wait.waiter and lock.locktype == "tuple"), None)


def _row(history: History, wait: Wait, lock: Lock) -> str:
    """The row at the lock's place, by its key; its table alone where that was not seen."""
    look = next((event for event in history.events[wait.since :] if isinstance(event, RowVersionsObserved)), None)
    for table in look.tables if look else ():
        for version in table.versions if table.table == lock.relation else ():
            if version.ctid == f"({lock.page},{lock.place})":
                return _called(table, version.key)
    return lock.relation or ""


def _named(wait: Wait, sql: str) -> str:
    """The one row that the statement itself names, where it is a row that is waited for."""
    return row_named(sql) if wait.lock.startswith("transactionid") and not _inserts(sql) else ""


def _held(history: History, wait: Wait) -> Iterator[str]:
    """Rows that the waiter's transaction had written or locked when it was looked at last before the wait."""
    looks = [event for event in history.events[: wait.since] if isinstance(event, RowVersionsObserved)]
    names, began = writers(history), _statement(history, wait.waiter, wait.since)
    own = began.transaction if began else None
    found: dict[str, None] = {}
    for table in looks[-1].tables if looks else ():
        for version in table.versions:
            locked = {lock.xid for lock in version.row_locks}
            written = {
                xid
                for xid, status in (
                    (version.xmin, version.xmin_status),
                    (version.replaced_by, version.xmax_status),
                )
                if xid and status == WriterStatus.IN_PROGRESS
            }
            if any(names.name(xid) == own for xid in locked | written):
                found[_called(table, version.key or version.values)] = None
    yield from found


def _called(table: TableVersions, key: tuple[object, ...]) -> str:
    return " ".join((table.table, ", ".join(map(str, key))))


def _waits_itself(history: History, wait: Wait) -> bool:
    graph = wait_for_graph(history, wait.since)
    return any(other.waiter == wait.blocker for other in graph.waits)


def _foreign_key(history: History, wait: Wait, lock: Lock | None, tables: frozenset[str]) -> str:
    """Whose foreign key it is about; a row lock that a statement asks for by name is not one's."""
    if lock is None or lock.relation is None:
        return ""
    children = _children(history, lock.relation)
    if lock.relation not in tables:
        return wait.waiter if tables & children and STRENGTHS.get(lock.mode) == KEY_SHARE else ""
    blocking = _statements(history, wait)
    if any(lock.relation in _tables(sql) for sql in blocking):
        return ""
    return wait.blocker if any(_tables(sql) & children for sql in blocking) else ""


def _children(history: History, parent: str) -> frozenset[str]:
    """Tables with a foreign key to this one."""
    first = next((event for event in history.events if isinstance(event, CommittedStateObserved)), None)
    return frozenset(
        table.table
        for table in (first.tables if first else ())
        if table.rules and any(key.parent == parent for key in table.rules.foreign_keys)
    )


def _statements(history: History, wait: Wait) -> tuple[str, ...]:
    """What the blocker's transaction had sent when the wait began."""
    last = _statement(history, wait.blocker, wait.since)
    return tuple(
        event.sql
        for event in history.events[: wait.since]
        if isinstance(event, StatementStarted) and last is not None and event.transaction == last.transaction
    )


def _inserts(sql: str) -> bool:
    return any(access.kind is AccessKind.INSERT for access in _read(sql))


def _tables(sql: str) -> frozenset[str]:
    return frozenset(access.table for access in _read(sql))


def _read(sql: str) -> tuple[Access, ...]:
    found = accesses(sql)
    return () if isinstance(found, Unsupported) else found
