"""Events of an application: its requests, Sessions, pool, connections and objects, as SQLAlchemy reported them.

They stand beside the statements' events in one History. A span (request, work, flush, connecting) is two events, the
second found by what both name; an end that is missing was not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.history.event import Event
from simulator.history.words import (
    BackendState,
    DriverStatus,
    EndingCommand,
    ObjectState,
    SessionLeaving,
    SessionOutcome,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStarted(Event):
    """A request begins; `request` is its name, unique in the history."""

    #: what kind of request: a key of the lab's table, or `GET /items`
    key: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnded(Event):
    #: `ok`, `failed`, or an HTTP status as text (`200`); `disconnected` where the client had gone
    outcome: str
    #: class and message of what was raised, "" otherwise: for people; the three below are for decisions
    error: str = ""
    error_class: str = ""
    #: class of what SQLAlchemy wrapped, mostly the driver's own: `SerializationFailure`
    cause_class: str = ""
    sqlstate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStarted(Event):
    """Something else than the database takes time: a call of an LLM, a dependency's code, an endpoint."""

    #: `llm`, `dependency`, `endpoint`, `response`, `background`, `work`
    category: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkEnded(Event):
    category: str
    label: str
    #: class and message of what was raised, "" otherwise
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(Event):
    """A point in time that is told by name: `response started`, `client disconnected`, a gate that opened."""

    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCreated(Event):
    """`session` names a SQLAlchemy Session from here on; only seen where its sessionmaker is traced."""

    #: `Session` or `AsyncSession`
    class_name: str = "Session"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBegan(Event):
    """The Session's transaction begins (autobegin, or `begin()`): no connection is needed yet."""

    #: True for a savepoint (`begin_nested`)
    nested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConnected(Event):
    """The Session's transaction has taken the connection of `slot`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushStarted(Event):
    new: int = 0
    changed: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushEnded(Event):
    """The flush wrote everything; one that raised has no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStarted(Event):
    """`Session.commit()` was called; its flush, if any, lies between here and the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """The Session's transaction is over."""

    outcome: SessionOutcome
    nested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed(Event):
    """`close()`, `reset()` or `invalidate()` returned; only seen where its sessionmaker is traced."""

    how: SessionLeaving = SessionLeaving.CLOSE


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolObserved(Event):
    """The pool's settings, when the trace began and whenever the engine made a new pool."""

    #: `QueuePool`
    class_name: str
    #: -1 where the pool has no size
    size: int
    max_overflow: int
    timeout_s: float
    pre_ping: bool = False
    recycle_s: int = -1
    lifo: bool = False
    reset_on_return: str = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRequested(Event):
    """Somebody asks the pool for a connection, and waits until ConnectionCheckedOut or ConnectionRefused.

    `asked` tells one such question from another: it is the same number in the answer.
    """

    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectingStarted(Event):
    """No connection lay idle: a new one is opened."""

    asked: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOpened(Event):
    #: the server's process for it; None where the driver does not tell
    backend: int | None = None
    asked: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCheckedOut(Event):
    asked: int | None = None
    backend: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRefused(Event):
    """The pool gave none: its time-out passed, or the server refused."""

    asked: int
    error: str
    #: True for QueuePool's own time-out
    timed_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReset(Event):
    """On its way back to the pool. `status` is the transaction status that the driver knows, before the reset."""

    status: DriverStatus
    #: True where the transaction had been ended already, so that nothing is sent
    was_reset: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCheckedIn(Event):
    backend: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionInvalidated(Event):
    """The pool gave this connection up, as broken or too old."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionClosed(Event):
    backend: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionBegan(Event):
    """SQLAlchemy's BEGIN: with psycopg nothing is sent until the first statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEnding(Event):
    """COMMIT or ROLLBACK is sent now; it is over when this connection's next event comes."""

    command: EndingCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStateChanged(Event):
    """One mapped object moves between transient, pending, persistent, deleted and detached; or expires."""

    #: class and number in the history: `Message 1`
    object: str
    before: ObjectState
    after: ObjectState
    #: add, query, flush, commit, rollback, close, expunge, expire, refresh; collected, where `after` is ""
    cause: str
    #: its primary key where it has one: `17`
    key: str = ""
    #: its attributes must be loaded again before they can be read
    expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSeen(Event):
    """A look at `pg_stat_activity` found this backend in another state than the look before."""

    backend: int
    state: BackendState
    #: `Lock/transactionid`, "" where it does not wait
    wait: str = ""
    #: backends that `pg_blocking_pids` named
    blocked_by: tuple[int, ...] = ()


LifecycleEvent = (
    RequestStarted
    | RequestEnded
    | WorkStarted
    | WorkEnded
    | Moment
    | SessionCreated
    | SessionBegan
    | SessionConnected
    | FlushStarted
    | FlushEnded
    | CommitStarted
    | SessionEnded
    | SessionClosed
    | PoolObserved
    | ConnectionRequested
    | ConnectingStarted
    | ConnectionOpened
    | ConnectionCheckedOut
    | ConnectionRefused
    | ConnectionReset
    | ConnectionCheckedIn
    | ConnectionInvalidated
    | ConnectionClosed
    | ConnectionBegan
    | ConnectionEnding
    | ObjectStateChanged
    | BackendSeen
)
