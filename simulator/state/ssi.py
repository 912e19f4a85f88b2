"""Read-write conflicts between SERIALIZABLE transactions while they run, inferred as the server itself finds them.

PostgreSQL shows the SIRead locks, but not the conflicts that it notes. A conflict is noted where one transaction wrote
a version over, or a row beside, what a concurrent one has an SIRead lock on (Ports, Grittner, "Serializable Snapshot
Isolation in PostgreSQL", VLDB 2012, section 5.2). The locks can be coarser than what was read, and so can be these
edges: all of them are inferred. After the run the verdict has the exact ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from simulator.history.observed import Lock, SeenVersion, TableVersions
from simulator.history.schedule import History, LocksObserved, RowVersionsObserved
from simulator.history.words import TransactionOutcome, WriterStatus
from simulator.i18n.text import N_, Text
from simulator.model import Isolation
from simulator.state.snapshots import OpenTransaction, Writers, transactions_at, writers


@dataclass(frozen=True, slots=True)
class RwEdge:
    """`reader` read what `writer` replaced, and did not see it: the reader must come first. Always inferred."""

    reader: str
    writer: str
    #: table, and row by its key where it has one: `account 1`
    row: str
    #: what the SIRead lock that says so covers: `tuple`, `page`, `table`, or `index` (entries beside the row's)
    granularity: str
    #: place in the history at which it was first seen
    since: int
    #: one of the two was rolled back: the conflict no longer counts
    over: bool = False

    @property
    def sentence(self) -> Text:
        """`T1 read account 1 and did not see what T2 wrote there: T1 before T2 (inferred)`."""
        text = Text(_SENTENCES[self.granularity])
        sentence = text.given(reader=self.reader, writer=self.writer, row=self.row)
        return Text.of("{sentence} (inferred)", sentence=sentence)


def rw_edges(history: History, seq: int) -> tuple[RwEdge, ...]:
    """Every conflict known once event `seq` had been seen, as they showed; one for each pair and row.

    Empty where the run was not watched, or dead versions could not be seen.
    """
    names = writers(history)
    latest = transactions_at(history, seq)
    found: dict[tuple[str, str, str], RwEdge] = {}
    locks: LocksObserved | None = None
    for event in history.events:
        if event.seq > seq:
            break
        if isinstance(event, LocksObserved):
            locks = event
        elif isinstance(event, RowVersionsObserved) and event.with_dead and locks is not None:
            then = transactions_at(history, event.seq)
            for edge in _edges(locks, event, then, names):
                found.setdefault((edge.reader, edge.writer, edge.row), edge)
    return tuple(_with_end(edge, latest) for edge in found.values())


def _edges(
    locks: LocksObserved, seen: RowVersionsObserved, then: Mapping[str, OpenTransaction], names: Writers
) -> Iterator[RwEdge]:
    current = {each.session: each for each in then.values()}  # the latest of each session
    # The locks of a committed transaction stay, under its session's name: whose they are then nobody can tell.
    mixed = {each.session for each in then.values() if _left_locks(each) and each is not current[each.session]}
    predicate = [lock for lock in locks.locks if lock.is_predicate and lock.session not in mixed]
    for table in seen.tables:
        for reader, writer, version in _unseen_writes(table, current, then, names):
            covering = [lock for lock in predicate if lock.session == reader.session and _covers(lock, table, version)]
            if covering:
                grain = min(map(_grain, covering), key=list(_SENTENCES).index)
                row = " ".join((table.table, ", ".join(map(str, version.key or version.values))))
                yield RwEdge(reader.name, writer, row, grain, seen.seq)


def _unseen_writes(
    table: TableVersions,
    current: Mapping[str, OpenTransaction],
    began: Mapping[str, OpenTransaction],
    names: Writers,
) -> Iterator[tuple[OpenTransaction, str, SeenVersion]]:
    """(reader, writer, version that was written over or made) where the writer is concurrent and not visible."""
    for version in table.versions:
        marks = (
            (version.replaced_by, version.xmax_status),
            (version.xmin, version.xmin_status if not _follows(version, table) else WriterStatus.ABORTED),
        )
        for xid, status in marks:
            writer = names.name(xid) if xid and status != WriterStatus.ABORTED else None
            for reader in current.values():
                if writer and _concurrent(reader, writer, began, names):
                    yield reader, writer, version


def _left_locks(transaction: OpenTransaction) -> bool:
    committed = transaction.ended is not None and transaction.ended.outcome == TransactionOutcome.COMMITTED
    return committed and transaction.isolation is Isolation.SERIALIZABLE


def _concurrent(reader: OpenTransaction, writer: str, began: Mapping[str, OpenTransaction], names: Writers) -> bool:
    """Both SERIALIZABLE, and the reader's snapshot is from before the writer's commit."""
    other = began.get(writer)
    if other is None or other.session == reader.session or reader.first_at is None:
        return False
    if not (reader.isolation is other.isolation is Isolation.SERIALIZABLE):
        return False
    reader_end = reader.ended.seq if reader.ended else None
    commit = names.commits.get(writer)
    return (commit is None or commit.seq > reader.first_at) and (reader_end is None or other.began < reader_end)


def _follows(version: SeenVersion, table: TableVersions) -> bool:
    """It replaced an older version of its row: that one tells of the write."""
    return any(other.replaced_by == version.xmin and other.key == version.key for other in table.versions)


def _covers(lock: Lock, table: TableVersions, version: SeenVersion) -> bool:
    if lock.table == table.table:
        # A page of an index: which keys lie in it is not visible. A lab table's index has one page of keys.
        return True
    if lock.relation != table.table:
        return False
    page, place = map(int, version.ctid.strip("()").split(","))
    return {
        "relation": True,
        "page": lock.page == page,
        "tuple": (lock.page, lock.place) == (page, place),
    }.get(lock.locktype, False)


def _grain(lock: Lock) -> str:
    if lock.table is not None:
        return "index"
    return "table" if lock.locktype == "relation" else lock.locktype


#: By granularity, the finest first.
_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "tuple": N_("{reader} read {row} and does not see what {writer} wrote there: {reader} before {writer}"),
        "page": N_("{reader} read the page of {row} and does not see what {writer} wrote: {reader} before {writer}"),
        "table": N_("{reader} read all of the table of {row}, which {writer} wrote unseen: {reader} before {writer}"),
        "index": N_("{reader} looked in an index beside {row}, which {writer} wrote unseen: {reader} before {writer}"),
    }
)


def _with_end(edge: RwEdge, latest: Mapping[str, OpenTransaction]) -> RwEdge:
    ends = [latest[name].ended for name in (edge.reader, edge.writer) if name in latest]
    if any(end is not None and end.outcome != TransactionOutcome.COMMITTED for end in ends):
        return replace(edge, over=True)
    return edge
