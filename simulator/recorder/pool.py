"""The pool's listeners: asking and waiting, connecting, checkout, reset, checkin.

Nothing in SQLAlchemy tells that somebody begins to wait for the pool, or waited in vain. `Pool.connect` is the one
door to it, so a traced pool has a `connect` of its own for as long as it is traced.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, Pool, PoolProxiedConnection, PoolResetState, QueuePool

from simulator.history.application import (
    ConnectingStarted,
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionClosed,
    ConnectionInvalidated,
    ConnectionOpened,
    ConnectionRefused,
    ConnectionRequested,
    ConnectionReset,
    PoolObserved,
)
from simulator.history.words import DriverStatus
from simulator.recorder.raised import describe
from simulator.recorder.tape import Slot, Tape

#: By libpq's PQTRANS_* numbers, which psycopg2 and psycopg 3 both pass on.
_STATUSES = tuple(DriverStatus)


@dataclass(slots=True)
class _Asking:
    """One call of `Pool.connect`, while it lasts."""

    number: int
    session: str | None
    answered: bool = False
    before: Token[_Asking | None] | None = None


class _Door:
    """`Pool.connect` of a traced pool: each trace of it hears who asks, and what comes of it.

    One for all traces of a pool, so that they may end in any order.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._before = vars(pool).get("connect")
        self._connect = pool.connect
        self._listeners: tuple[PoolListeners, ...] = ()

    @classmethod
    def of(cls, pool: Pool) -> _Door:
        door = vars(pool).get("connect")
        if not isinstance(door, cls):
            door = vars(pool)["connect"] = cls(pool)
        return door

    def enter(self, listeners: PoolListeners) -> None:
        self._listeners = (*self._listeners, listeners)

    def leave(self, listeners: PoolListeners) -> None:
        self._listeners = tuple(each for each in self._listeners if each is not listeners)
        # Somebody else's may stand before ours by now; then this one stays, and only passes on.
        if self._listeners or vars(self._pool).get("connect") is not self:
            return
        if self._before is None:
            del vars(self._pool)["connect"]
        else:
            vars(self._pool)["connect"] = self._before

    def __call__(self) -> PoolProxiedConnection:
        askings = [(each, each.asks()) for each in self._listeners]
        try:
            connection = self._connect()
        except BaseException as error:
            for each, asking in askings:
                each.refused(asking, error)
            raise
        for each, asking in askings:
            each.served(asking, connection)
        return connection


class PoolListeners:
    """Of one engine's pool, from `attach` to `detach`."""

    def __init__(self, tape: Tape, engine: Engine) -> None:
        self._tape = tape
        self._engine = engine
        self._asking: ContextVar[_Asking | None] = ContextVar("txscope_asked", default=None)
        self._door: _Door | None = None
        #: by id: connections that the application took out of the pool for good
        self._detached: dict[int, Slot] = {}
        self._listeners: tuple[tuple[str, Callable[..., Any]], ...] = (
            ("connect", self._connect),
            ("checkout", self._checkout),
            ("reset", self._reset),
            ("checkin", self._checkin),
            ("invalidate", self._invalidate),
            ("soft_invalidate", self._invalidate),
            ("close", self._close),
            ("detach", self._detach),
            ("close_detached", self._close_detached),
        )

    def attach(self) -> None:
        for name, listener in self._listeners:
            event.listen(self._engine, name, listener)
        event.listen(self._engine, "do_connect", self._connecting)
        event.listen(self._engine, "engine_disposed", self._disposed)
        self._enter(self._engine.pool)

    def detach(self) -> None:
        self._leave()
        event.remove(self._engine, "engine_disposed", self._disposed)
        event.remove(self._engine, "do_connect", self._connecting)
        for name, listener in self._listeners:
            event.remove(self._engine, name, listener)

    def _enter(self, pool: Pool) -> None:
        self._door = _Door.of(pool)
        self._door.enter(self)
        self._tape.note(PoolObserved, _settings(pool))

    def _leave(self) -> None:
        if self._door is not None:
            self._door.leave(self)

    def _disposed(self, engine: Engine) -> None:
        self._leave()
        self._enter(engine.pool)

    def asks(self) -> _Asking:
        """Somebody asks the pool now."""
        asking = _Asking(self._tape.new_asking(), self._tape.asking.get())
        if asking.session is not None:
            self._tape.asking.set(None)
        self._tape.note(ConnectionRequested, {"asked": asking.number}, asking.session)
        asking.before = self._asking.set(asking)
        return asking

    def refused(self, asking: _Asking, error: BaseException) -> None:
        """The pool gave none."""
        fields = {"asked": asking.number, "error": describe(error), "timed_out": isinstance(error, PoolTimeout)}
        self._tape.note(ConnectionRefused, fields, session=asking.session)
        self._over(asking)

    def served(self, asking: _Asking, connection: PoolProxiedConnection) -> None:
        """The pool gave one; where it is the one that this thread has already, no listener was told."""
        slot: Slot | None = None if asking.answered else connection.info.get(self._tape)
        if slot is not None:
            fields = {"asked": asking.number, "backend": slot.backend}
            self._tape.note(ConnectionCheckedOut, fields, None, slot.number)
        self._over(asking)

    def _over(self, asking: _Asking) -> None:
        if asking.before is not None:
            self._asking.reset(asking.before)

    def _asked(self) -> int | None:
        asking = self._asking.get()
        return asking.number if asking is not None else None

    def _connecting(self, _dialect: object, _record: object, _args: object, _kwargs: object) -> None:
        self._tape.note(ConnectingStarted, {"asked": self._asked()})

    def _connect(self, dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        slot = self._slot(dbapi_connection, record)
        self._tape.note(ConnectionOpened, {"backend": slot.backend, "asked": self._asked()}, slot=slot.number)

    def _checkout(self, dbapi_connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        slot = self._slot(dbapi_connection, record)
        asking = self._asking.get()
        if asking is not None:
            asking.answered = True
        fields = {"asked": asking and asking.number, "backend": slot.backend}
        self._tape.note(ConnectionCheckedOut, fields, None, slot.number)

    def _reset(self, dbapi_connection: Any, record: ConnectionPoolEntry, state: PoolResetState) -> None:
        slot: Slot | None = record.info.get(self._tape) if record is not None else None
        fields = {"status": _status(dbapi_connection), "was_reset": state.transaction_was_reset}
        if slot is None:
            self._tape.note(ConnectionReset, fields)
        else:
            self._tape.note(ConnectionReset, fields, slot.session, slot.number)

    def _checkin(self, _dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        slot: Slot | None = record.info.get(self._tape)
        if slot is not None:
            fields = {"backend": slot.backend}
            self._tape.note(ConnectionCheckedIn, fields, slot.session, slot.number)
            slot.session = None

    def _invalidate(self, _dbapi_connection: Any, record: ConnectionPoolEntry, error: BaseException | None) -> None:
        slot = record.info.get(self._tape)
        fields = {"reason": describe(error) if error else ""}
        self._tape.note(ConnectionInvalidated, fields, slot=slot and slot.number, session=slot and slot.session)

    def _close(self, _dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        self._closed(record.info.get(self._tape))

    def _detach(self, dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        slot: Slot | None = record.info.get(self._tape)
        if slot is not None:
            self._detached[id(dbapi_connection)] = slot

    def _close_detached(self, dbapi_connection: Any) -> None:
        self._closed(self._detached.pop(id(dbapi_connection), None))

    def _closed(self, slot: Slot | None) -> None:
        if slot is not None:
            # In this order: nobody may open the next one of this number before.
            self._tape.note(ConnectionClosed, {"backend": slot.backend}, slot=slot.number, session=slot.session)
            self._tape.close_slot(slot)

    def _slot(self, dbapi_connection: Any, record: ConnectionPoolEntry) -> Slot:
        slot: Slot | None = record.info.get(self._tape)
        if slot is None:
            slot = record.info[self._tape] = self._tape.open_slot(_backend(dbapi_connection))
        return slot


def _backend(dbapi_connection: Any) -> int | None:
    info = getattr(dbapi_connection, "info", None)
    # Asked for the process of a connection that is closed already, psycopg 3 raises.
    return None if getattr(dbapi_connection, "closed", False) else getattr(info, "backend_pid", None)


def _status(dbapi_connection: Any) -> DriverStatus:
    status = getattr(getattr(dbapi_connection, "info", None), "transaction_status", None)
    return _STATUSES[int(status)] if status is not None else DriverStatus.UNKNOWN


def _timeout(pool: QueuePool) -> float:
    """Seconds; -1 where askers wait for ever."""
    seconds: float | None = pool.timeout()
    return -1.0 if seconds is None else float(seconds)


def _settings(pool: Pool) -> dict[str, Any]:
    """SQLAlchemy shows a pool's size alone; its other settings have no public name."""
    style = pool._reset_on_return
    sized = isinstance(pool, QueuePool)
    return {
        "class_name": type(pool).__name__,
        "size": pool.size() if isinstance(pool, QueuePool) else -1,
        "max_overflow": pool._max_overflow if isinstance(pool, QueuePool) else -1,
        "timeout_s": _timeout(pool) if isinstance(pool, QueuePool) else 0.0,
        "pre_ping": bool(pool._pre_ping),
        "recycle_s": int(pool._recycle),
        "lifo": bool(sized and getattr(pool._pool, "use_lifo", False)),  # type: ignore[attr-defined]
        "reset_on_return": style.name.removeprefix("reset_") if style else "none",
    }
