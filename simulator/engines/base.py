"""The engine port: what the scheduler, the runs and the pages may ask of a database.

An `Engine` is a server that is ready for runs. A `Room` is one run's place on it: a schema of its own, the sessions
that were opened in it, and an observer with a connection of its own. A `SessionConnection` is one scheduled session.
Nothing here waits but `Room.wait`, and that only as long as it is told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from simulator.history import Answer, Matches, Row, TableState
from simulator.model import Isolation, Scalar
from simulator.replies import Notice, Reply, ServerError
from simulator.seen import Watched

#: a session as the engine opens it
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this server, reached as this role, can do; pages say so where it matters."""

    levels: tuple[Isolation, ...]
    names_blocker: bool = True
    #: the deadlock victim is always the session whose wait closed the cycle
    deadlock_victim_certain: bool = True
    #: after this long the server has looked for a deadlock; None where the role may not set it and it is long
    deadlock_timeout_s: float | None = 0.001
    #: `deadlock_timeout` of the sessions in milliseconds, as the server says; None where it has no such setting
    deadlock_timeout_ms: float | None = None
    #: the server reports each finished deadlock check to the waiting session (PostgreSQL: log_lock_waits)
    reports_deadlock_check: bool = True
    can_cancel: bool = True
    #: `Room.watch` finds dead and uncommitted row versions, and row locks
    sees_dead_versions: bool = False
    #: why it does not: a message for gettext
    no_dead_versions: str = ""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Where runs happen, for people: never contains a password."""

    product: str
    version: str
    embedded: bool
    #: `embedded, in /home/ada/.local/share/txscope` or `db.example.org:5432/shop as ada`
    place: str
    #: the role that schedules log in as
    role: str


@dataclass(frozen=True, slots=True)
class Block:
    """Why a session waits. `by`: sessions of the same room; `foreign`: there are blockers outside of it."""

    by: tuple[str, ...]
    lock: str
    inferred: bool = False
    foreign: bool = False
    #: a wait that the server's deadlock check looks at (heavyweight lock); a safe-snapshot wait is not
    deadlock_checked: bool = True
    #: tells one wait of a session from its next one (PostgreSQL: `pg_locks.waitstart`)
    since: str = ""


@dataclass(frozen=True, slots=True)
class Probes:
    """What the observer asks after each commit: conditions by table, and SELECTs to compare answers with."""

    conditions: tuple[tuple[str, str], ...] = ()
    selects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateObservation:
    """The observer's answer; tables, matches and answers of one snapshot."""

    tables: tuple[TableState, ...]
    matches: tuple[Matches, ...]
    answers: tuple[Answer, ...]


class SessionConnection(Protocol):
    """One scheduled session. All calls return at once."""

    @property
    def name(self) -> str: ...

    @property
    def busy(self) -> bool:
        """A statement was sent and its reply is not complete."""

    @property
    def in_transaction(self) -> bool: ...

    @property
    def backend(self) -> int:
        """The server's number for this session (PostgreSQL: process id)."""

    def send(self, sql: str, parameters: Mapping[str, Scalar], *, before: str = "") -> None:
        """Send one step, and `before` it one statement of our own. Raises RunError where the connection is gone."""

    @property
    def usable(self) -> bool:
        """False once the server has closed the connection."""

    def poll(self) -> Reply | None:
        """The complete reply, or None while the statement still runs."""

    def finish(self) -> Reply:
        """Wait for the reply of a statement that cannot block on another session (BEGIN, ROLLBACK)."""

    def notices(self) -> tuple[Notice, ...]:
        """Messages that came since the last call, also while the statement runs."""

    def cancel(self) -> None:
        """Ask the server to give up the running statement. Raises RunError where the server is gone."""

    def lost(self) -> ServerError | None:
        """Between two statements: why the server has closed the connection; None while it is open."""


class Room(Protocol):
    """One run's place on the server. `close` must always be called; it leaves nothing behind."""

    @property
    def label(self) -> str:
        """The run's name on the server (PostgreSQL: its schema)."""

    def open(self, name: str, settings: Mapping[str, str] = NO_SETTINGS) -> SessionConnection:
        """Open one session, with server settings of its own. Raises EngineBusy, EngineError."""

    def begin_sql(self, isolation: Isolation) -> str:
        """The statement that starts a transaction at this level."""

    def wait(self, sessions: Sequence[SessionConnection], seconds: float) -> None:
        """Return when one of the sessions may have something to read, or after `seconds`."""

    def blocks(self, sessions: Collection[SessionConnection]) -> Mapping[str, Block]:
        """For each of these sessions that waits for a lock: why."""

    @property
    def xid_sql(self) -> str:
        """A query for the id of the session's transaction, NULL where none is assigned; it reads no table."""

    def observe(self, probes: Probes) -> StateObservation:
        """The committed state, from the observer's own connection. Raises EngineError."""

    def watch(self) -> Watched:
        """Sessions, locks and row versions while every session is settled, by the observer. Raises EngineError."""

    def match(
        self, states: Sequence[Sequence[TableState]], conditions: Sequence[tuple[str, str]]
    ) -> tuple[tuple[Matches, ...], ...]:
        """For each earlier state: the keys of its recorded rows for which each condition holds. Raises EngineError."""

    def ask(self, sql: str) -> tuple[Row, ...]:
        """Rows of one query on the committed state, by the observer (invariants). Raises EngineError."""

    def close(self) -> None: ...


class Engine(Protocol):
    """A server that is ready for runs."""

    def info(self) -> ServerInfo: ...

    def capabilities(self) -> Capabilities: ...

    def create_room(self, setup: Sequence[str], sessions: int) -> Room:
        """Make a fresh schema and run the setup in it. Raises EngineBusy, EngineError (setup failed)."""

    def reserve(self, connections: int) -> AbstractContextManager[None]:
        """Hold so many connections of applications until the block ends. Raises EngineBusy: too many, or not in time.

        Before the room, not after it: who waits for connections must not hold a place that a schedule could have.
        """

    def application(self, label: str) -> AbstractContextManager[Mapping[str, str]]:
        """Keywords for the driver's `connect`: an application's connections, working in the room `label`'s schema.

        At most as many as were reserved may be open; those that still are when the block ends, the server ends.
        """

    def rooms_open(self) -> int:
        """How many runs are going on in this process."""

    def activity(self, *, everyone: bool) -> tuple[Row, ...]:
        """Sessions of runs and, for `everyone`, others that the role may see: rows of `sql/activity.sql`.

        Raises EngineError.
        """

    def gc_stale_rooms(self) -> int:
        """Drop what runs of dead processes left behind; how many."""

    def close(self) -> None: ...
