"""What an observer saw between two steps: the locks of the sessions, and the versions of the rows.

Values only; `history.LocksObserved` and `history.RowVersionsObserved` carry them.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.history.words import BackendState, WriterStatus
from simulator.model import Row, Scalar


@dataclass(frozen=True, slots=True)
class SessionSeen:
    """One session as `pg_stat_activity` shows it."""

    session: str
    #: process id
    backend: int
    state: BackendState
    #: id of its transaction, None before its first write
    xid: int | None = None
    #: the oldest id that its snapshot holds to be running, None where it holds no snapshot
    snapshot_xmin: int | None = None
    #: sessions that must go first, as the server answered
    blockers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """One row of `pg_locks`. `raw` is the whole row, by column, without what is NULL."""

    session: str
    #: `relation`, `tuple`, `transactionid`, `virtualxid`, `advisory`, `page` ...
    locktype: str
    #: `RowExclusiveLock`, `SIReadLock` ...
    mode: str
    granted: bool
    #: table or index, with its schema where it is not the run's
    relation: str | None = None
    #: the table that `relation` is an index of
    table: str | None = None
    page: int | None = None
    #: row place in its page, for a `tuple` lock
    place: int | None = None
    xid: int | None = None
    #: the session whose transaction is locked, for `transactionid` and `virtualxid`
    owner: str | None = None
    raw: tuple[tuple[str, Scalar], ...] = ()

    @property
    def is_own_id(self) -> bool:
        """Every transaction holds its own id; others that want to wait for it ask for the same lock."""
        return self.granted and self.owner == self.session

    @property
    def is_predicate(self) -> bool:
        """SSI's mark of what a SERIALIZABLE transaction read. It never makes anybody wait."""
        return self.mode == "SIReadLock"


def row_xid(xid: int) -> int:
    """A transaction id as rows carry it, in 32 bits; the server reports it in 64."""
    return xid & 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class RowLock:
    """A lock that a row version carries in its xmax."""

    xid: int
    #: `FOR KEY SHARE`, `FOR SHARE`, `FOR NO KEY UPDATE`, `FOR UPDATE`
    mode: str


@dataclass(frozen=True, slots=True)
class SeenVersion:
    """One version of a row. `values` are in the order of the columns; a value that could not be read is `\\x...`."""

    #: `(page,place)`
    ctid: str
    #: empty where the table has no primary key
    key: Row
    values: Row
    xmin: int
    #: 0: none
    xmax: int = 0
    #: of the transactions xmin and xmax
    xmin_status: WriterStatus = WriterStatus.UNKNOWN
    xmax_status: WriterStatus = WriterStatus.UNKNOWN
    #: a new statement of a bystander sees it
    visible: bool = True
    #: xmax where it replaced or deleted the row, 0 where it only locked it; None where that could not be seen
    replaced_by: int | None = None
    #: who carries a lock on it in xmax, while it is held; empty also where that could not be seen
    row_locks: tuple[RowLock, ...] = ()


@dataclass(frozen=True, slots=True)
class TableVersions:
    """The versions of one table's rows in the order of their places."""

    table: str
    columns: tuple[str, ...]
    key_columns: tuple[str, ...]
    versions: tuple[SeenVersion, ...]
    #: there are more than were read
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Unseen:
    """A table that was not looked at: looking would have had to wait."""

    table: str
    #: sessions that hold or want its exclusive lock; empty where the server gave another reason
    because_of: tuple[str, ...] = ()
    #: the server's words
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """One look at a room: sessions and locks of one moment, then the versions; all sessions were settled."""

    sessions: tuple[SessionSeen, ...]
    locks: tuple[Lock, ...]
    tables: tuple[TableVersions, ...]
    unseen: tuple[Unseen, ...] = ()
    #: True where dead and uncommitted versions were looked for
    with_dead: bool = False
