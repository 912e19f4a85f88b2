"""The words that a field of an event can hold where there are only so many. In JSON each is its plain text."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class TransactionOutcome(StrEnum):
    """How a transaction ended."""

    COMMITTED = "committed"
    #: the application's wish
    ROLLED_BACK = "rolled back"
    #: an error, or given up to be run again
    ABORTED = "aborted"
    #: PREPARE TRANSACTION: whoever says COMMIT PREPARED or ROLLBACK PREPARED ends it, with an event of its own
    PREPARED = "prepared"
    #: nobody had ended it when the run was over, and it was rolled back after that
    OPEN = "left open"


class SkipReason(StrEnum):
    """Why a step was not sent."""

    GUARD = "guard"
    #: its transaction had ended
    ENDED = "ended"
    #: it uses a value that no step had saved by then; `detail` names it
    UNSAVED = "unsaved"


class CutKind(StrEnum):
    """What of an answer was left out because there was too much of it."""

    #: a value longer than an adapter keeps; in characters
    VALUE = "value"
    #: rows past the first thousand of a result
    ROWS = "rows"
    #: the whole answer: the statement was cancelled; in bytes
    ANSWER = "answer"
    #: messages past the first two hundred of a statement
    NOTICES = "notices"
    #: rows that COPY wanted from the client or sent to it
    COPY = "copy"


class WriterStatus(StrEnum):
    """What became of the transaction with some id, in the words of `pg_xact_status`."""

    COMMITTED = "committed"
    ABORTED = "aborted"
    IN_PROGRESS = "in progress"
    UNKNOWN = "unknown"


class BackendState(StrEnum):
    """`pg_stat_activity.state`: https://www.postgresql.org/docs/18/monitoring-stats.html."""

    STARTING = "starting"
    #: a statement runs, or waits
    ACTIVE = "active"
    IDLE = "idle"
    IDLE_IN_TRANSACTION = "idle in transaction"
    IDLE_IN_ABORTED_TRANSACTION = "idle in transaction (aborted)"
    FASTPATH = "fastpath function call"
    DISABLED = "disabled"
    #: ours: it was no longer there
    GONE = "gone"
    #: the server said nothing, or a word that is newer than this list
    UNKNOWN = ""

    @classmethod
    def told(cls, word: str | None) -> Self:
        """The state that a server's word stands for.

        >>> BackendState.told("active"), BackendState.told(None)
        (<BackendState.ACTIVE: 'active'>, <BackendState.UNKNOWN: ''>)
        """
        try:
            return cls(word or "")
        except ValueError:
            return cls("")


class SessionOutcome(StrEnum):
    """How a Session's transaction ended."""

    COMMITTED = "committed"
    ROLLED_BACK = "rolled back"
    #: without commit, by `close`: nothing calls after_rollback then
    CLOSED = "closed"


class SessionLeaving(StrEnum):
    """By what a Session was let go of."""

    CLOSE = "close"
    RESET = "reset"
    INVALIDATE = "invalidate"
    #: the garbage collector ended a Session that nobody closed
    COLLECTED = "collected"


class DriverStatus(StrEnum):
    """A connection's transaction status as its driver knows it, in the order of libpq's PQTRANS_* numbers."""

    IDLE = "idle"
    ACTIVE = "active"
    IN_TRANSACTION = "in transaction"
    IN_FAILED_TRANSACTION = "in failed transaction"
    UNKNOWN = "unknown"


class EndingCommand(StrEnum):
    """What SQLAlchemy sends to end a transaction, or about a savepoint in it."""

    COMMIT = "COMMIT"
    ROLLBACK = "ROLLBACK"
    SAVEPOINT = "SAVEPOINT"
    RELEASE_SAVEPOINT = "RELEASE SAVEPOINT"
    ROLLBACK_TO_SAVEPOINT = "ROLLBACK TO SAVEPOINT"


class ObjectState(StrEnum):
    """Where a mapped object is in its life, in SQLAlchemy's words."""

    #: before it was loaded, and when nobody refers to it any more
    NONE = ""
    TRANSIENT = "transient"
    PENDING = "pending"
    PERSISTENT = "persistent"
    DELETED = "deleted"
    DETACHED = "detached"
