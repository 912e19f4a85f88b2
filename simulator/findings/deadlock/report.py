"""What a report of a deadlock or of a wait says, whatever form it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a process waits for; https://www.postgresql.org/docs/18/view-pg-locks.html."""

    #: the end of a transaction that locked a row, or inserted a key
    TRANSACTION = "transaction"
    TUPLE = "tuple"
    RELATION = "relation"
    ADVISORY = "advisory"
    VIRTUAL = "virtual"
    #: pages, extensions, tokens: named as the server named them
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Object:
    """`transaction 4557`, `tuple (0,1) of relation 16384 of database 5`."""

    kind: Kind
    #: as the report has it
    text: str
    #: (4557,), (relation, database), (block, offset, relation, database), the four of an advisory lock
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """`process` waits in `mode` for an object that `blocker` holds."""

    process: int
    #: `ShareLock`
    mode: str
    object: Object
    #: None where the report does not say
    blocker: int | None


class Doing(StrEnum):
    """What CONTEXT says the process did as it met the lock."""

    UPDATING = "updating"
    DELETING = "deleting"
    LOCKING = "locking"
    #: a key into a unique index, in which another transaction's is
    INSERTING = "inserting index"
    RECHECKING = "rechecking"
    EXCLUSION = "checking exclusion"
    #: a foreign key's look at the row that it refers to
    FOREIGN_KEY = "foreign key"
    #: a statement inside of a function or trigger
    FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Context:
    """Of the process that reported."""

    doing: Doing
    #: table, index or function that is named, "" for none
    name: str = ""
    #: block and offset of the row
    tuple: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A circle of waits, or one wait."""

    is_deadlock: bool
    #: of a deadlock in the order of the circle; the first is who found it and was ended
    waits: tuple[Wait, ...]
    #: by process, what it was running
    statements: Mapping[int, str]
    contexts: tuple[Context, ...] = ()
    #: milliseconds that the wait had taken at its last line; None for a deadlock
    waited_ms: float | None = None
    #: of a wait: whether the lock was given at last
    acquired: bool = False
    #: processes in the queue for the lock
    queue: tuple[int, ...] = ()
    #: other circles in the same text
    others: int = 0

    @property
    def processes(self) -> tuple[int, ...]:
        """In the order of the circle."""
        named = [each for wait in self.waits for each in (wait.process, wait.blocker) if each is not None]
        return tuple(dict.fromkeys(named))

    @property
    def victim(self) -> int | None:
        """The process that found the circle, and was ended for it; the report names it first."""
        return self.waits[0].process if self.is_deadlock and self.waits else None

    def doing(self, *kinds: Doing) -> Context | None:
        """The first context of one of these kinds."""
        return next((context for context in self.contexts if context.doing in kinds), None)
