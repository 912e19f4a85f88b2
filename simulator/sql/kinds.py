"""What a statement does, as far as it can be followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from simulator.model import Scalar
from simulator.sql.bind import bind, names
from simulator.sql.sources import Source

#: First words of statements that neither read rows nor take a snapshot.
NO_SNAPSHOT = {
    "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "SET", "RESET", "SHOW", "LOCK",
    "LISTEN", "UNLISTEN", "NOTIFY", "CHECKPOINT", "DISCARD", "DEALLOCATE",
}  # fmt: skip
#: First words of statements that take a snapshot, but whose reads carry no application data.
NO_ROWS = {"ANALYZE", "VACUUM", "REINDEX", "COMMENT", "GRANT", "REVOKE"}


class AccessKind(StrEnum):
    """What a statement does to its table; `none` for SET, LOCK, a SELECT without a table."""

    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    NONE = "none"
    #: COMMIT, ROLLBACK and what means the same
    END = "end"
    SAVEPOINT = "savepoint"
    ROLLBACK_TO = "rollback to"
    RELEASE = "release"

    @property
    def writes(self) -> bool:
        return self in (AccessKind.INSERT, AccessKind.UPDATE, AccessKind.DELETE)


@dataclass(frozen=True, slots=True)
class Access:
    """One statement. Names are folded to lower case unless they were quoted."""

    kind: AccessKind
    #: the table that is read or written; "" where there is none, or where a query has several
    table: str = ""
    #: SQL that is true for the rows concerned, "" for every row; `:name` where the author wrote one
    condition: str = ""
    #: tables that a statement reads beside that, or all tables of a query over several
    beside: tuple[Source, ...] = ()
    #: it takes row locks: UPDATE, DELETE, SELECT ... FOR
    locking: bool = False
    #: the table's columns in the order of the result, `*` for all of them; empty where `aggregate`
    columns: tuple[str, ...] = ()
    #: the result is computed (an aggregate or any expression): rows cannot be recognised in it
    aggregate: bool = False
    #: the SELECT without its lock clause
    plain_select: str = ""
    #: False for statements that need no snapshot (COMMIT, SET, LOCK TABLE): a transaction's view starts later
    snapshot: bool = True
    #: SKIP LOCKED: it asks for any free rows, not for all that match
    skips_locked: bool = False
    #: LIMIT: it asks for so many of the rows that match
    limit: int | None = None
    #: what is stored: one tuple of (column, SQL) for each row of an INSERT, one for all rows of an UPDATE; column ""
    #: where an INSERT names none: they are the table's, in their order
    assignments: tuple[tuple[tuple[str, str], ...], ...] = ()
    #: what an UPDATE (or DO UPDATE) stores is computed from the row as it was, or depends on it
    reads_values: bool = False
    #: INSERT ... ON CONFLICT: `condition` then describes the rows that it could conflict with
    on_conflict: bool = False
    #: ON CONFLICT DO NOTHING: a row that is in the way stays as it is
    does_nothing: bool = False
    #: ON CONFLICT without a target: any unique key of the table could be in the way
    any_key: bool = False
    #: the name in SAVEPOINT, ROLLBACK TO, RELEASE
    savepoint: str = ""

    def bound(self, parameters: Mapping[str, Scalar]) -> tuple[str, str]:
        """`condition` and `plain_select` with the parameters' values. Raises KeyError where one is missing."""
        return bind(self.condition, parameters), bind(self.plain_select, parameters)

    def sources(self, parameters: Mapping[str, Scalar]) -> tuple[Source, ...]:
        """Its table and those beside it, with the parameters' values. Raises KeyError where one is missing."""
        own = (Source(self.table, self.condition),) if self.table else ()
        return tuple(
            each if each.condition is None else each._replace(condition=bind(each.condition, parameters))
            for each in (*own, *self.beside)
        )

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the `:name`s that `bound` and `sources` need."""
        conditions = (source.condition or "" for source in self.beside)
        return frozenset(name for sql in (self.condition, self.plain_select, *conditions) for name in names(sql))
