"""An engine in memory, for the unit tests of everything above the port. It is no simulator: pages never use it.

It knows one table, `item (id, value)`, and the statements `SELECT value FROM item WHERE id = 1 [FOR UPDATE]`,
`UPDATE item SET value = 5 WHERE id = 1`, `BEGIN ...`, `COMMIT`, `ROLLBACK` and `FAIL <sqlstate>`; row locks wait, a
cycle of waits costs the session that closed it, and REPEATABLE READ refuses to overwrite what its snapshot lacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from simulator.engines.base import (
    NO_SETTINGS,
    Block,
    Capabilities,
    Probes,
    ServerInfo,
    SessionConnection,
    StateObservation,
)
from simulator.errors import EngineError
from simulator.history import Matches, Row, RowVersion, TableState
from simulator.model import Isolation, Scalar
from simulator.replies import Notice, Reply, ResultSet, ServerError
from simulator.seen import COMMITTED, SeenVersion, SessionSeen, TableVersions, Watched

_SELECT = re.compile(r"SELECT value FROM item WHERE id = (\d+)( FOR UPDATE)?$")
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
        self.busy = False
        self.cancelled = False
        self._store = store
        self._snapshot: dict[int, tuple[int, int]] | None = None
        self._repeatable = False
        self._writes: dict[int, int] = {}
        self._xid: int | None = None
        self._waits_for: int | None = None
        self._run: Callable[[], Reply | None] = lambda: None
        self._late = 0
        self._before: ResultSet | None = None
        self._notices: list[Notice] = []

    @property
    def waits_for(self) -> FakeSession | None:
        return None if self._waits_for is None else self._store.holders.get(self._waits_for)

    def stall(self, polls: int) -> None:
        self._late = polls

    def send(self, sql: str, parameters: Mapping[str, Scalar], *, before: str = "") -> None:
        if before.startswith("BEGIN"):
            self._execute(before)
        self._before = ResultSet("SELECT 1", ("xid",), ((self._xid,),), 1) if before == FakeRoom.xid_sql else None
        for name, value in parameters.items():
            sql = sql.replace(f":{name}", str(value))
        self.busy = True
        self._run = lambda: self._execute(sql)

    def poll(self) -> Reply | None:
        if self._late > 0:
            self._late -= 1
            return None
        if self._killed is not None:
            self.usable = False
        gone = self._killed or (ServerError("57014", "canceled") if self.cancelled else None)
        reply = self._run() if gone is None else Reply((), gone)
        if reply is not None:
            self.busy, self.cancelled, self._waits_for = False, False, None
            if reply.error is not None:
                self._release()
            return replace(reply, before=self._before)
        return None

    def finish(self) -> Reply:
        while (reply := self.poll()) is None:
            pass
        return reply

    def notices(self) -> tuple[Notice, ...]:
        arrived, self._notices = tuple(self._notices), []
        return arrived

    def cancel(self) -> None:
        self.cancelled = True

    def kill(self, sqlstate: str = "57P01") -> None:
        """As pg_terminate_backend does: nothing is committed, and the locks are free."""
        self._killed = ServerError(sqlstate, "terminating connection")
        if not self.busy:
            self.usable = False
            self._release()

    def lost(self) -> ServerError | None:
        return self._killed

    def _execute(self, sql: str) -> Reply | None:
        if sql.startswith("BEGIN"):
            self.in_transaction = True
            self._repeatable = "READ COMMITTED" not in sql and "UNCOMMITTED" not in sql
            self._snapshot = None
            return _done("BEGIN")
        if sql in ("COMMIT", "ROLLBACK"):
            return self._end(sql)
        if sql.startswith("FAIL "):
            return Reply((), ServerError(sql.split()[1], "told to fail"))
        self._snapshot = self._snapshot or dict(self._store.rows)
        if match := _SELECT.match(sql):
            return self._read(int(match[1]), locking=match[2] is not None)
        if match := _UPDATE.match(sql):
            return self._write(int(match[3]), int(match[1]) + int(match[2] or 0))
        return Reply((), ServerError("42601", f"the fake does not know: {sql}"))

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
                return _Late(Reply((), ServerError("40P01", "deadlock detected")))
            return _Late(None)
        if self._repeatable and self._snapshot is not None and self._store.rows[key] != self._snapshot[key]:
            return _Late(Reply((), ServerError("40001", "could not serialize access due to concurrent update")))
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

    def _release(self) -> None:
        for key in [key for key, holder in self._store.holders.items() if holder is self]:
            del self._store.holders[key]
        self.in_transaction, self._writes, self._snapshot, self._xid = False, {}, None, None


@dataclass(frozen=True, slots=True)
class _Late:
    reply: Reply | None


class FakeRoom:
    """A `Room` of the fake."""

    label = "fake_run"
    xid_sql = "SELECT xid"

    def __init__(self, rows: Mapping[int, int], leave: Callable[[], None]) -> None:
        self.store = FakeStore({key: (1, value) for key, value in rows.items()})
        self.sessions: dict[str, FakeSession] = {}
        self._leave = leave

    def open(self, name: str, settings: Mapping[str, str] = NO_SETTINGS) -> FakeSession:
        self.sessions[name] = FakeSession(name, len(self.sessions) + 1, self.store)
        return self.sessions[name]

    def begin_sql(self, isolation: Isolation) -> str:
        return f"BEGIN ISOLATION LEVEL {isolation.value}"

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

    def watch(self) -> Watched:
        sessions = tuple(
            SessionSeen(
                session.name,
                session.backend,
                "active" if session.busy else "idle in transaction" if session.in_transaction else "idle",
                blockers=(session.waits_for.name,) if session.waits_for is not None else (),
            )
            for session in self.sessions.values()
        )
        versions = tuple(
            SeenVersion(f"(0,{key})", (key,), (key, value), xmin, xmin_status=COMMITTED)
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

    def info(self) -> ServerInfo:
        return ServerInfo("Fake", "0", embedded=True, place="in memory", role="nobody")

    def capabilities(self) -> Capabilities:
        return Capabilities(levels=tuple(Isolation), deadlock_timeout_s=0.0, reports_deadlock_check=False)

    def rooms_open(self) -> int:
        return self._open

    def create_room(self, setup: Sequence[str], sessions: int) -> FakeRoom:
        self._open += 1
        self.rooms.append(FakeRoom(self._rows, self._left))
        return self.rooms[-1]

    def reserve(self, connections: int) -> AbstractContextManager[None]:
        raise EngineError("Applications need a real server.")

    def application(self, label: str) -> AbstractContextManager[Mapping[str, str]]:
        raise EngineError("Applications need a real server.")

    def activity(self, *, everyone: bool) -> tuple[Row, ...]:
        return ()

    def gc_stale_rooms(self) -> int:
        return 0

    def close(self) -> None:
        return None

    def _left(self) -> None:
        self._open -= 1


def _done(tag: str) -> Reply:
    return Reply((ResultSet(tag, count=1 if tag.startswith("UPDATE") else None),))
