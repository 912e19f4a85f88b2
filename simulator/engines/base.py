"""The engine port: what the scheduler, the runs and the pages may ask of a database.

An `Engine` is a server that is ready for runs. A `Room` is one run's place on it: a schema of its own, the sessions
that were opened in it, and an observer with a connection of its own. A `SessionConnection` is one scheduled session.
Nothing here waits but `Room.wait`, and that only as long as it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from simulator.engines.replies import Notice, Reply, ResultSet, ServerError
from simulator.history.observed import Watched
from simulator.history.schedule import Answer, Matches, TableState
from simulator.i18n.text import NOTHING, Text
from simulator.model import Isolation, Row, Scalar

#: Where each sequence of a run stands: the number that it gave last, None where it gave none yet.
Positions = tuple[tuple[str, int | None], ...]

#: a session as the engine opens it
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this server, reached as this role, can do; pages say so where it matters."""

    #: after this long the server has looked for a deadlock; None where the role may not set it and it is long
    deadlock_timeout_s: float | None = 0.001
    #: whether a session may set its `deadlock_timeout` by itself
    deadlock_timeout_settable: bool = True
    #: `deadlock_timeout` of the sessions in milliseconds, as the server says; None where it has no such setting
    deadlock_timeout_ms: float | None = None
    #: the server reports each finished deadlock check to the waiting session (PostgreSQL: log_lock_waits)
    reports_deadlock_check: bool = True
    #: every run has a role of its own; where not, strangers' SQL could reach another's run
    isolates_visitors: bool = True

    @property
    def deadlock_victim_certain(self) -> bool:
        """The victim is always the session whose wait closed the cycle: each look is over before the next step."""
        return self.deadlock_timeout_s is not None


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Where runs happen, for people: never contains a password."""

    product: str
    version: str | Text
    embedded: bool
    #: `embedded, in /home/ada/.local/share/txscope` or `db.example.org:5432/shop as ada`
    place: Text
    #: the role that schedules log in as
    role: str
    #: a sentence where the server was not as it should be when it was started, and was made so
    notice: Text = NOTHING


@dataclass(frozen=True, slots=True)
class Block:
    """Why a session waits. `by`: sessions of the same room; `foreign`: there are blockers outside of it."""

    by: tuple[str, ...]
    lock: str
    inferred: bool = False
    foreign: bool = False
    #: a wait that the server's deadlock check looks at (heavyweight lock); a safe-snapshot wait is not
    deadlock_checked: bool = True
    #: a blocker is a prepared transaction, which no session runs; who prepared it the server does not say
    prepared: bool = False
    #: tells one wait of a session from its next one (PostgreSQL: `pg_locks.waitstart`)
    since: str = ""


@dataclass(frozen=True, slots=True)
class Probes:
    """What the observer asks after each commit: conditions by table, and SELECTs to compare answers with."""

    conditions: tuple[tuple[str, str], ...] = ()
    selects: tuple[str, ...] = ()

    def without(self, refused: Collection[tuple[str, str] | str]) -> Probes:
        """Those that are not among these."""
        if not refused:
            return self
        return Probes(
            tuple(condition for condition in self.conditions if condition not in refused),
            tuple(select for select in self.selects if select not in refused),
        )


@dataclass(frozen=True, slots=True)
class StateObservation:
    """The observer's answer; tables, matches and answers of one snapshot. Probes that were refused are not in it."""

    tables: tuple[TableState, ...]
    matches: tuple[Matches, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view, sequence or index of a run's schema, and the rows that it keeps."""

    name: str
    #: each as `name type`, as the server lists them
    definition: str
    #: False for an index that was left unfinished
    whole: bool = True
    keeps_rows: bool = False
    columns: tuple[str, ...] = ()
    #: in no order that means anything
    rows: tuple[Row, ...] = ()
    count: int = 0
    #: there are more rows than are kept: instead of them there is one row, a digest of all
    digest: bool = False


#: The deadline of a room that was stopped.
STOPPED = 0.0

#: Gives a result for each statement of a text.
Ask = Callable[[Sequence[str]], Sequence[ResultSet]]


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
    def failed(self) -> bool:
        """In a transaction that refuses everything but its end, or ROLLBACK TO."""

    @property
    def backend(self) -> int:
        """The server's number for this session (PostgreSQL: process id)."""

    def send(self, sql: str, parameters: Mapping[str, Scalar], *, before: str = "") -> None:
        """Send one step, and `before` it one statement of our own. Raises RunError where the connection is gone.

        Names of prepared transactions, which are one server's, become the room's own on the way.
        """

    @property
    def usable(self) -> bool:
        """False once the server has closed the connection."""

    def poll(self) -> Reply | None:
        """The complete reply, or None while the statement still runs."""

    def finish(self, seconds: float = 5.0) -> Reply:
        """Wait for the reply of a statement that cannot block on another session (BEGIN, ROLLBACK). Raises RunError."""

    def notices(self) -> tuple[Notice, ...]:
        """Messages that came since the last call, also while the statement runs."""

    def cancel(self) -> None:
        """Ask the server to give up the running statement. Raises RunError where the server is gone."""

    def lost(self) -> ServerError | None:
        """Between two statements: why the server has closed the connection; None while it is open."""


class SessionHost(Protocol):
    """Where sessions are opened and waited for. `close` must always be called; it leaves nothing behind."""

    #: monotonic seconds; whoever uses it over a long time sets it anew
    deadline: float

    def open(
        self, name: str, settings: Mapping[str, str] = NO_SETTINGS, *, verbatim: bool = False
    ) -> SessionConnection:
        """Open one session, with server settings of its own; `verbatim`: values as the server's own texts.

        Raises EngineBusy, EngineError.
        """

    def wait(self, sessions: Sequence[SessionConnection], seconds: float) -> None:
        """Return when one of the sessions may have something to read, or after `seconds`."""

    def blocks(self, sessions: Collection[SessionConnection]) -> Mapping[str, Block]:
        """For each of these sessions that waits for a lock: why."""

    def close(self) -> None: ...


class Room(SessionHost, Protocol):
    """One run's place on the server.

    Every call that asks the server ends with the room's deadline, and raises EngineError then.
    """

    @property
    def label(self) -> str:
        """The run's name on the server (PostgreSQL: its schema)."""

    def begin_sql(self, isolation: Isolation, read_only: bool = False, deferrable: bool = False) -> str:
        """The statement that starts a transaction at this level."""

    def defaults_sql(self, isolation: Isolation, read_only: bool = False, deferrable: bool = False) -> str:
        """The statement by which every later transaction of a session is one at this level, if its BEGIN names none."""

    @property
    def xid_sql(self) -> str:
        """A query for the id of the session's transaction, NULL where none is assigned; it reads no table."""

    def observe(self, probes: Probes) -> StateObservation:
        """The committed state, from the observer's own connection. Raises EngineError."""

    def watch(self) -> Watched:
        """Sessions, locks and row versions while every session is settled, by the observer. Raises EngineError."""

    def held(self) -> Watched:
        """The same without the row versions: one question of the privileged side. Raises EngineError."""

    def stop(self) -> None:
        """From any thread: the time for this run is over, and what it runs is cancelled. Never raises."""

    def match(
        self, states: Sequence[Sequence[TableState]], conditions: Sequence[tuple[str, str]]
    ) -> tuple[tuple[Matches, ...], ...]:
        """For each earlier state: the keys of its recorded rows for which each condition holds. Raises EngineError."""

    def ask(self, sql: str) -> tuple[Row, ...]:
        """Rows of one query on the committed state, by the observer (invariants). Raises EngineError."""

    def content(self, within: Ask | None = None, known: tuple[Relation, ...] = ()) -> tuple[Relation, ...]:
        """All that the run's schema holds, by name: as committed, or as whoever answers `within` sees it.

        `known`: there are the same relations as then, and only their rows may be others.
        Raises NotObservedError, EngineError, and what `within` does.
        """

    def sequences(self) -> Positions:
        """Where the run's sequences stand; nothing where it has none, or a session holds one that it alters.

        What is taken from them shows at once. Raises EngineError.
        """

    def pins(self, positions: Positions) -> tuple[str, ...]:
        """Statements by which a session that may write puts sequences where they stood, one result each."""

    def set_sequences(self, positions: Positions) -> None:
        """Put sequences where they stood at some time; none where a session holds one. Raises EngineError."""

    def renew(self) -> None:
        """Make the room as it was before its sessions were opened: what they did is dropped, and the setup run again.

        Raises EngineError.
        """


class Engine(Protocol):
    """A server that is ready for runs."""

    def info(self) -> ServerInfo: ...

    def capabilities(self) -> Capabilities: ...

    def create_room(
        self,
        setup: Sequence[str],
        sessions: int,
        *,
        deadline_s: float = 10.0,
        live: bool = False,
        opened: Callable[[Room], object] | None = None,
    ) -> Room:
        """Make a fresh schema and run the setup in it; the run has so many seconds from when it got its place.

        `opened` is called with the room before its setup runs: from then on it can be stopped.
        What a person drives by hand is `live`, lasts for minutes, and has places of its own.
        Raises EngineBusy, EngineError (setup failed, or took too long).
        """

    def alive(self, *, surely: bool = False) -> bool:
        """Whether the server still holds the connection that this engine keeps; asks the server nothing.

        `surely` connects once more: a server that is killed leaves its connections one by one. False after `close`.
        Where it is False, what ran meanwhile may be lost, also if the server is back.
        """

    def heal(self) -> None:
        """Start or connect to the server again; nothing happens while it is `alive`. Raises EngineError."""

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

    def close(self) -> None: ...
