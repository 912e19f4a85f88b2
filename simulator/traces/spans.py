"""What a trace is made of. Times are milliseconds since the first request began; an `end_ms` of None was not seen.

What came before the first request has negative times; without any request the first event is the zero.

`seq` is that of the event which began the span: with the kind of the span it is its identity in the history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from simulator.history.application import ObjectStateChanged, PoolObserved
from simulator.history.words import SessionLeaving, SessionOutcome
from simulator.model import Scalar

#: Statuses of HTTP that tell of a failure of the server's.
_SERVER_ERRORS = frozenset(map(str, range(500, 600)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From `start_ms` to `end_ms`."""

    seq: int
    start_ms: float
    end_ms: float | None = None

    def until(self, latest_ms: float) -> float:
        """Where it ends, or `latest_ms` where its end was not seen."""
        return latest_ms if self.end_ms is None else self.end_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Span):
    """A statement between its sending and its answer. One that failed has `sqlstate` or `message`."""

    sql: str
    parameters: tuple[tuple[str, Scalar], ...] = ()
    #: sets of parameters; only the first is kept
    many: int = 1
    #: `kinds.py:41 save_message`
    line: str = ""
    #: command tag, `UPDATE 1`; "" until it has finished
    tag: str = ""
    failed: bool = False
    sqlstate: str = ""
    message: str = ""
    detail: str = ""
    request: str | None = None
    session: str | None = None
    slot: int | None = None
    backend: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Span):
    """A command that SQLAlchemy sends to end or divide a transaction.

    Nothing tells when it returned: it had, when the connection's or the Session's next event came. Only COMMIT and
    ROLLBACK are followed at once by one; for savepoints `end_ms` is None, they are points in time.
    """

    #: `COMMIT`, `ROLLBACK`, `SAVEPOINT` …; `reset` where the pool itself rolls back
    command: str
    session: str | None = None
    slot: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction(Span):
    """A Session's transaction, from autobegin on; a savepoint where `nested`."""

    nested: bool = False
    #: None where its end was not seen
    outcome: SessionOutcome | None = None
    #: when it took its connection; None where it never needed one
    connected_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flush(Span):
    """One that raised has no end."""

    new: int = 0
    changed: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit(Span):
    """A call of `Session.commit()`; `outcome` is how the transaction ended."""

    outcome: SessionOutcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLife:
    """One Session in one request. A Session that two requests share stands in both, with what each did."""

    name: str
    class_name: str = ""
    #: where its sessionmaker is not traced, None
    created_ms: float | None = None
    #: None: nobody was seen to close it
    closed_ms: float | None = None
    closed_how: SessionLeaving | None = None
    #: the first and the last that was seen of it
    first_ms: float
    last_ms: float
    transactions: tuple[Transaction, ...] = ()
    flushes: tuple[Flush, ...] = ()
    commits: tuple[Commit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting(Span):
    """A new connection is opened, while somebody waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWait(Span):
    """From asking the pool to its answer."""

    asked: int
    session: str | None = None
    connecting: tuple[Connecting, ...] = ()
    #: every connection that the pool may have was in use, or promised to those who asked before
    queued: bool = False
    #: QueuePool's own time-out
    timed_out: bool = False
    #: class and message of what was raised, "" where a connection came
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Span):
    """A connection while it is checked out."""

    slot: int
    backend: int | None = None
    request: str | None = None
    session: str | None = None
    #: SQLAlchemy's BEGINs; nothing is sent before the first statement
    begins_ms: tuple[float, ...] = ()
    #: why the pool gave the connection up while it was held, "" otherwise
    invalidated: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(Span):
    """Something else than the database."""

    category: str
    label: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A moment that has a name."""

    seq: int
    at_ms: float
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request and everything that was seen in its course; what belongs to none has the name ""."""

    name: str
    key: str = ""
    title: str = ""
    start_ms: float
    end_ms: float | None = None
    #: `ok`, `failed`, `200` …; "" where its end was not seen
    outcome: str = ""
    error: str = ""
    #: as in RequestEnded
    error_class: str = ""
    cause_class: str = ""
    sqlstate: str = ""
    sessions: tuple[SessionLife, ...] = ()
    waits: tuple[PoolWait, ...] = ()
    holds: tuple[Hold, ...] = ()
    statements: tuple[Statement, ...] = ()
    endings: tuple[Ending, ...] = ()
    works: tuple[Work, ...] = ()
    points: tuple[Point, ...] = ()

    def length_ms(self, latest_ms: float) -> float:
        """How long it took, or had taken at `latest_ms` where its end was not seen."""
        return (latest_ms if self.end_ms is None else self.end_ms) - self.start_ms

    @property
    def timed_out(self) -> bool:
        """It waited for the pool in vain."""
        return any(wait.timed_out for wait in self.waits)

    @property
    def failed(self) -> bool:
        """It ended with an error: raised, or an HTTP status from 500 on."""
        return bool(self.error) or self.outcome == "failed" or self.outcome in _SERVER_ERRORS

    @property
    def failure(self) -> str:
        """What it failed with, as one names it: `SerializationFailure 40001`, `TimeoutError`, `500`; "" where not."""
        if not self.failed:
            return ""
        # Histories from before the classes were kept have the class in the text alone.
        name = self.cause_class or self.error_class or self.error.partition(":")[0] or self.outcome
        return f"{name} {self.sqlstate}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place in the pool, by its number from 1, and who held its connection."""

    number: int
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Span):
    """A connection while it is open; one that was open before the trace began starts when it was first used."""

    slot: int
    backend: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendStay(Span):
    """A backend in one state, between two looks at `pg_stat_activity`: sampled, so what is short is not seen."""

    backend: int
    state: str
    #: `Lock/transactionid`, "" where it does not wait
    wait: str = ""
    blocked_by: tuple[int, ...] = ()


class Move(NamedTuple):
    """One mapped object changes its state."""

    at_ms: float
    event: ObjectStateChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The pool's settings from `start_ms` on."""

    start_ms: float
    settings: PoolObserved

    @property
    def seq(self) -> int:
        """That of its event."""
        return self.settings.seq

    @property
    def capacity(self) -> int | None:
        """The most connections that it opens; None where there is no limit, or no pool."""
        if self.settings.size < 0 or self.settings.max_overflow < 0:
            return None
        return self.settings.size + self.settings.max_overflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A history, read. `requests` in the order in which they began."""

    #: when the last event was seen
    duration_ms: float
    requests: tuple[Request, ...] = ()
    #: what no request did; None where there was nothing
    outside: Request | None = None
    slots: tuple[Slot, ...] = ()
    connections: tuple[Connection, ...] = ()
    pools: tuple[Pool, ...] = ()
    backends: tuple[BackendStay, ...] = ()
    moves: tuple[Move, ...] = ()

    @property
    def groups(self) -> tuple[Request, ...]:
        """The requests, and what lies outside of them."""
        return self.requests if self.outside is None else (*self.requests, self.outside)

    def request(self, name: str) -> Request | None:
        """The request of this name, or None."""
        return next((request for request in self.groups if request.name == name), None)
