"""An engine in memory, for the unit tests of everything above the port. It is no simulator: pages never use it.

It knows one table, `item (id, value)`, and the statements `SELECT value FROM item WHERE id = 1 [FOR UPDATE]`,
`UPDATE item SET value = 5 WHERE id = 1`, `BEGIN ...`, `COMMIT`, `ROLLBACK`, savepoints and `FAIL <sqlstate>`, also
several at once where none has to wait. Row locks wait, a cycle of waits costs the session that closed it, and
REPEATABLE READ refuses to overwrite what its snapshot lacks.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from simulator.engines.base import (
    NO_SETTINGS,
    STOPPED,
    Ask,
    Block,
    Capabilities,
    Positions,
    Probes,
    Relation,
    Room,
    ServerInfo,
    SessionConnection,
    StateObservation,
)
from simulator.engines.replies import Notice, Reply, ResultSet, ServerError
from simulator.errors import EngineError
from simulator.history.observed import SeenVersion, SessionSeen, TableVersions, Watched
from simulator.history.schedule import Matches, RowVersion, TableState
from simulator.history.sqlstates import SqlState
from simulator.history.words import BackendState, WriterStatus
from simulator.i18n.text import Text
from simulator.model import Isolation, Row, Scalar

_SELECT = re.compile(r"SELECT value FROM item WHERE id = (\d+)( FOR UPDATE)?$")
_SAVEPOINT = re.compile(r"(?:(ROLLBACK TO)|SAVEPOINT|RELEASE) (\w+)$")
_UPDATE = re.compile(r"UPDATE item SET value = (-?\d+)(?: \+ (-?\d+))? WHERE id = (\d+)$")


@dataclass(slots=True)
class FakeStore:
    """Committed rows, who holds which row's lock, and what happened to be counted."""

    rows: dict[int, tuple[int, int]]  # id -> (xmin, value)
    holders: dict[int, FakeSession] = field(default_factory=dict)
    next_xid: int = 700


class FakeSession:
    """One session of the fake; `stall(n)` makes its next reply come n polls late."""

    def __init__(self, name: str, backend: int, store: FakeStore) -> None:
        self.usable = True
        self._killed: ServerError | None = None
        self.name = name
        self.backend = backend
        self.in_transaction = False
        self.failed = False
        self.busy = False
        self.cancelled = False
        self._store = store
        self._snapshot: dict[int, tuple[int, int]] | None = None
        self._repeatable = False
        self._writes: dict[int, int] = {}
        self._savepoints: dict[str, dict[int, int]] = {}
        self._xid: int | None = None
        self._waits_for: int | None = None
        self._ahead: list[str] = []
        self._results: list[ResultSet] = []
        self._late = 0
        self._notices: list[Notice] = []

    @property
    def written(self) -> Mapping[int, int]:
        """What its open transaction wrote."""
        return self._writes

    @property
    def waits_for(self) -> FakeSession | None:
        return None if self._waits_for is None else self._store.holders.get(self._waits_for)

    def stall(self, polls: int) -> None:
        self._late = polls

    def send(self, sql: str, parameters: Mapping[str, Scalar], *, before: str = "") -> None:
        for name, value in parameters.items():
            sql = sql.replace(f":{name}", str(value))
        if before:
            self._execute(before)
        self.busy, self._results = True, []
        self._ahead = [text.strip() for text in sql.split(";") if text.strip()]

    def poll(self) -> Reply | None:
        if self._late > 0:
            self._late -= 1
            return None
        if self._killed is not None:
            self.usable = False
        gone = self._killed or (ServerError(SqlState.QUERY_CANCELED, "canceled") if self.cancelled else None)
        reply = self._go_on() if gone is None else Reply((), gone)
        if reply is not None:
            self.busy, self.cancelled, self._waits_for = False, False, None
            if reply.error is not None:
                self._fail()
        return reply

    def _go_on(self) -> Reply | None:
        """The statements of one message, one after another; without BEGIN they are one transaction."""
        while self._ahead:
            reply = self._execute(self._ahead[0])
            if reply is None or reply.error is not None:
                return reply and replace(reply, results=tuple(self._results))
            self._results += reply.results
            self._ahead.pop(0)
        if not self.in_transaction:
            self._end("COMMIT")
        return Reply(tuple(self._results))

    def finish(self, seconds: float = 5.0) -> Reply:
        while (reply := self.poll()) is None:
            pass
        return reply

    def notices(self) -> tuple[Notice, ...]:
        arrived, self._notices = tuple(self._notices), []
        return arrived

    def cancel(self) -> None:
        self.cancelled = True

    def kill(self, sqlstate: str = SqlState.ADMIN_SHUTDOWN) -> None:
        """As pg_terminate_backend does: nothing is committed, and the locks are free."""
        self._killed = ServerError(sqlstate, "terminating connection")
        if not self.busy:
            self.usable = False
            self._release()

    def lost(self) -> ServerError | None:
        return self._killed

    def _execute(self, sql: str) -> Reply | None:
        if ";" in sql:
            return self._execute_all(sql.split(";"))
        if (reply := self._control(sql)) is not None:
            return reply
        if self.failed:
            return Reply((), ServerError("25P02", "current transaction is aborted"))
        if sql.startswith("FAIL "):
            return Reply((), ServerError(sql.split()[1], "told to fail"))
        self._snapshot = self._snapshot or dict(self._store.rows)
        if match := _SELECT.match(sql):
            return self._read(int(match[1]), locking=match[2] is not None)
        if match := _UPDATE.match(sql):
            return self._write(int(match[3]), int(match[1]) + int(match[2] or 0))
        return Reply((), ServerError(SqlState.SYNTAX_ERROR, f"the fake does not know: {sql}"))

    def _control(self, sql: str) -> Reply | None:
        """What begins, ends or marks transactions, and what touches no row; None for the rest."""
        if sql.startswith("BEGIN"):
            self.in_transaction = True
            self.failed = False
            self._repeatable = "READ COMMITTED" not in sql and "UNCOMMITTED" not in sql
            self._snapshot = None
            return _done("BEGIN")
        if sql in ("COMMIT", "ROLLBACK"):
            return self._end("ROLLBACK" if self.failed else sql)
        match = _SAVEPOINT.match(sql)
        if match and (match[1] or not self.failed):
            return self._savepoint(*match.groups())
        if sql.startswith("SET ") and not self.failed:
            return _done("SET")
        if sql == FakeRoom.xid_sql:
            return Reply((ResultSet("SELECT 1", ("xid",), ((self._xid,),), 1),))
        return None

    def _execute_all(self, statements: Sequence[str]) -> Reply:
        results: list[ResultSet] = []
        for each in statements:
            reply = self._execute(each.strip())
            assert reply is not None, "of several statements none may wait"
            if reply.error is not None:
                return Reply(tuple(results), reply.error)
            results += reply.results
        return Reply(tuple(results))

    def _savepoint(self, back: str | None, name: str) -> Reply:
        if back:
            self.failed = False
            self._writes = dict(self._savepoints.get(name, {}))
        else:
            self._savepoints[name] = dict(self._writes)
        return _done("ROLLBACK" if back else "SAVEPOINT")

    def _read(self, key: int, *, locking: bool) -> Reply | None:
        if locking and (late := self._lock(key)) is not None:
            return late.reply
        seen = self._snapshot if self._repeatable and self._snapshot is not None else self._store.rows
        value = self._writes.get(key, seen[key][1]) if key in seen else None
        rows: tuple[Row, ...] = () if value is None else ((value,),)
        return Reply((ResultSet(f"SELECT {len(rows)}", ("value",), rows, len(rows)),))

    def _write(self, key: int, value: int) -> Reply | None:
        if (late := self._lock(key)) is not None:
            return late.reply
        self._writes[key] = value
        return _done("UPDATE 1")

    def _lock(self, key: int) -> _Late | None:
        """None once the row is ours."""
        holder = self._store.holders.get(key)
        if holder not in (None, self):
            self._waits_for = key
            if self._closes_cycle():
                return _Late(Reply((), ServerError(SqlState.DEADLOCK_DETECTED, "deadlock detected")))
            return _Late(None)
        if self._repeatable and self._snapshot is not None and self._store.rows[key] != self._snapshot[key]:
            refused = "could not serialize access due to concurrent update"
            return _Late(Reply((), ServerError(SqlState.SERIALIZATION_FAILURE, refused)))
        self._store.holders[key] = self
        if self._xid is None:
            self._xid, self._store.next_xid = self._store.next_xid, self._store.next_xid + 1
        return None

    def _closes_cycle(self) -> bool:
        seen, session = {self.name}, self.waits_for
        while session is not None:
            if session.name in seen:
                return True
            seen.add(session.name)
            session = session.waits_for if session.busy else None
        return False

    def _end(self, word: str) -> Reply:
        if word == "COMMIT" and self._xid is not None:
            self._store.rows.update({key: (self._xid, value) for key, value in self._writes.items()})
        self._release()
        return _done(word)

    def _fail(self) -> None:
        in_transaction = self.in_transaction and self._killed is None
        self._release()
        self.in_transaction = self.failed = in_transaction

    def _release(self) -> None:
        for key in [key for key, holder in self._store.holders.items() if holder is self]:
            del self._store.holders[key]
        self.failed = False
        self.in_transaction, self._writes, self._snapshot, self._xid = False, {}, None, None


@dataclass(frozen=True, slots=True)
class _Late:
    reply: Reply | None


class FakeRoom:
    """A `Room` of the fake."""

    label = "fake_run"
    xid_sql = "SELECT xid"

    def __init__(self, rows: Mapping[int, int], leave: Callable[[], None], deadline: float) -> None:
        self.deadline = deadline
        self._rows = rows
        self.store = FakeStore({key: (1, value) for key, value in rows.items()})
        self.sessions: dict[str, FakeSession] = {}
        self._leave = leave

    def open(self, name: str, settings: Mapping[str, str] = NO_SETTINGS, *, verbatim: bool = False) -> FakeSession:
        self.sessions[name] = FakeSession(name, len(self.sessions) + 1, self.store)
        return self.sessions[name]

    def begin_sql(self, isolation: Isolation, read_only: bool = False, deferrable: bool = False) -> str:
        return f"BEGIN ISOLATION LEVEL {isolation.value}"

    def defaults_sql(self, isolation: Isolation, read_only: bool = False, deferrable: bool = False) -> str:
        return f"SET default TO {isolation.value}"

    def wait(self, sessions: Sequence[SessionConnection], seconds: float) -> None:
        return None

    def blocks(self, sessions: Collection[SessionConnection]) -> Mapping[str, Block]:
        blocked = (self.sessions[session.name] for session in sessions)
        return {
            session.name: Block((holder.name,), f"row {session.name}", since=f"{session.name}-{holder.name}")
            for session in blocked
            if (holder := session.waits_for) is not None
        }

    def observe(self, probes: Probes) -> StateObservation:
        rows = tuple(RowVersion((key,), xmin, (key, value)) for key, (xmin, value) in sorted(self.store.rows.items()))
        table = TableState("item", ("id", "value"), ("id",), rows)
        matches = tuple(Matches(name, condition, self._matching(condition)) for name, condition in probes.conditions)
        return StateObservation((table,), matches, ())

    def held(self) -> Watched:
        return self.watch()

    def stop(self) -> None:
        self.deadline = STOPPED

    def watch(self) -> Watched:
        sessions = tuple(
            SessionSeen(
                session.name,
                session.backend,
                _state(session),
                blockers=(session.waits_for.name,) if session.waits_for is not None else (),
            )
            for session in self.sessions.values()
        )
        versions = tuple(
            SeenVersion(f"(0,{key})", (key,), (key, value), xmin, xmin_status=WriterStatus.COMMITTED)
            for key, (xmin, value) in sorted(self.store.rows.items())
        )
        return Watched(sessions, (), (TableVersions("item", ("id", "value"), ("id",), versions),))

    def match(
        self, states: Sequence[Sequence[TableState]], conditions: Sequence[tuple[str, str]]
    ) -> tuple[tuple[Matches, ...], ...]:
        return tuple(tuple(Matches(table, text, self._matching(text)) for table, text in conditions) for _ in states)

    def ask(self, sql: str) -> tuple[Row, ...]:
        if match := _SELECT.match(sql):
            return ((self.store.rows[int(match[1])][1],),)
        raise EngineError(f"the fake does not know: {sql}")

    def content(self, within: Ask | None = None, known: tuple[Relation, ...] = ()) -> tuple[Relation, ...]:
        if within is not None:
            within([self.xid_sql])
        # Whoever asks from within is the one that has written and not committed.
        written = {} if within is None else {k: v for each in self.sessions.values() for k, v in each.written.items()}
        rows = {key: value for key, (_, value) in self.store.rows.items()} | written
        kept = tuple(sorted(rows.items()))
        return (Relation("item", "id, value", True, True, ("id", "value"), kept, len(rows)),)

    def sequences(self) -> Positions:
        return ()

    def pins(self, positions: Positions) -> tuple[str, ...]:
        return ()

    def set_sequences(self, positions: Positions) -> None:
        raise EngineError("the fake has no sequences")

    def renew(self) -> None:
        self.store = FakeStore({key: (1, value) for key, value in self._rows.items()})
        self.sessions = {}

    def close(self) -> None:
        self._leave()

    def _matching(self, condition: str) -> tuple[Row, ...]:
        wanted = re.fullmatch(r"id = (\d+)", condition)
        return tuple((key,) for key in sorted(self.store.rows) if wanted is None or key == int(wanted[1]))


class FakeEngine:
    """An `Engine` in memory; every room starts with the rows given here."""

    def __init__(self, rows: Mapping[int, int] | None = None) -> None:
        self._rows = dict(rows or {1: 100, 2: 100})
        self.rooms: list[FakeRoom] = []
        self._open = 0
        self._alive = True
        #: how often it may still be healed after it has died
        self.heals = 0

    def info(self) -> ServerInfo:
        return ServerInfo("Fake", "0", embedded=True, place=Text.verbatim("in memory"), role="nobody")

    def capabilities(self) -> Capabilities:
        return Capabilities(deadlock_timeout_s=0.0, reports_deadlock_check=False)

    def rooms_open(self) -> int:
        return self._open

    def create_room(
        self,
        setup: Sequence[str],
        sessions: int,
        *,
        deadline_s: float = 10.0,
        live: bool = False,
        opened: Callable[[Room], object] | None = None,
    ) -> FakeRoom:
        if not self._alive:
            raise EngineError("no such server")
        self._open += 1
        self.rooms.append(FakeRoom(self._rows, self._left, time.monotonic() + deadline_s))
        return self.rooms[-1]

    def reserve(self, connections: int) -> AbstractContextManager[None]:
        raise EngineError("Applications need a real server.")

    def application(self, label: str) -> AbstractContextManager[Mapping[str, str]]:
        raise EngineError("Applications need a real server.")

    def activity(self, *, everyone: bool) -> tuple[Row, ...]:
        return ()

    def alive(self, *, surely: bool = False) -> bool:
        return self._alive

    def die(self) -> None:
        """As a server does that is killed: every session is lost, and no room can be made."""
        self._alive = False
        for room in self.rooms:
            for session in room.sessions.values():
                session.kill()

    def heal(self) -> None:
        if self._alive:
            return
        if not self.heals:
            raise EngineError("no such server")
        self.heals -= 1
        self._alive = True

    def close(self) -> None:
        self._alive = False

    def _left(self) -> None:
        self._open -= 1


def _done(tag: str) -> Reply:
    return Reply((ResultSet(tag, count=1 if tag.startswith("UPDATE") else None),))


def _state(session: FakeSession) -> BackendState:
    if session.busy:
        return BackendState.ACTIVE
    return BackendState.IDLE_IN_TRANSACTION if session.in_transaction else BackendState.IDLE
