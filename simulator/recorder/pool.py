"""The pool's listeners: asking and waiting, connecting, checkout, reset, checkin.

Nothing in SQLAlchemy tells that somebody begins to wait for the pool, or waited in vain. `Pool.connect` is the one
door to it, so a traced pool has a `connect` of its own for as long as it is traced.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry, Pool, PoolProxiedConnection, PoolResetState, QueuePool

from simulator.lifecycle import (
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
from simulator.recorder.sessions import ASKING
from simulator.recorder.tape import Slot, Tape

_ASKED: ContextVar[int | None] = ContextVar("txscope_asked", default=None)

#: libpq's PQTRANS_* numbers, which psycopg2 and psycopg 3 both pass on.
_STATUSES = ("idle", "active", "in transaction", "in failed transaction", "unknown")


class PoolListeners:
    """Of one engine's pool, from `attach` to `detach`."""

    def __init__(self, tape: Tape, engine: Engine) -> None:
        self._tape = tape
        self._engine = engine
        self._asked = itertools.count(1)
        self._pool: Pool | None = None
        self._listeners: tuple[tuple[str, Callable[..., Any]], ...] = (
            ("connect", self._connect),
            ("checkout", self._checkout),
            ("reset", self._reset),
            ("checkin", self._checkin),
            ("invalidate", self._invalidate),
            ("soft_invalidate", self._invalidate),
            ("close", self._close),
        )

    def attach(self) -> None:
        for name, listener in self._listeners:
            event.listen(self._engine, name, listener)
        event.listen(self._engine, "do_connect", self._connecting)
        event.listen(self._engine, "engine_disposed", self._disposed)
        self._wrap(self._engine.pool)

    def detach(self) -> None:
        self._unwrap()
        event.remove(self._engine, "engine_disposed", self._disposed)
        event.remove(self._engine, "do_connect", self._connecting)
        for name, listener in self._listeners:
            event.remove(self._engine, name, listener)

    def _wrap(self, pool: Pool) -> None:
        original = pool.connect

        def connect() -> PoolProxiedConnection:
            asked = next(self._asked)
            session = ASKING.get()
            self._tape.note(ConnectionRequested, {"asked": asked}, session=session)
            before = _ASKED.set(asked)
            try:
                return original()
            except BaseException as error:
                fields = {"asked": asked, "error": describe(error), "timed_out": isinstance(error, PoolTimeout)}
                self._tape.note(ConnectionRefused, fields, session=session)
                raise
            finally:
                _ASKED.reset(before)

        self._pool = pool
        vars(pool)["connect"] = connect
        self._tape.note(PoolObserved, _settings(pool))

    def _unwrap(self) -> None:
        if self._pool is not None:
            vars(self._pool).pop("connect", None)

    def _disposed(self, engine: Engine) -> None:
        self._unwrap()
        self._wrap(engine.pool)

    def _connecting(self, _dialect: object, _record: object, _args: object, _kwargs: object) -> None:
        self._tape.note(ConnectingStarted, {"asked": _ASKED.get()})

    def _connect(self, dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        slot = self._slot(dbapi_connection, record)
        self._tape.note(ConnectionOpened, {"backend": slot.backend, "asked": _ASKED.get()}, slot=slot.number)

    def _checkout(self, dbapi_connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        slot = self._slot(dbapi_connection, record)
        self._tape.note(ConnectionCheckedOut, {"asked": _ASKED.get(), "backend": slot.backend}, slot=slot.number)

    def _reset(self, dbapi_connection: Any, record: ConnectionPoolEntry, state: PoolResetState) -> None:
        slot = record.info.get(self._tape) if record is not None else None
        fields = {"status": _status(dbapi_connection), "was_reset": state.transaction_was_reset}
        self._tape.note(ConnectionReset, fields, slot=slot and slot.number, session=slot and slot.session)

    def _checkin(self, _dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        slot: Slot | None = record.info.get(self._tape)
        if slot is not None:
            fields = {"backend": slot.backend}
            self._tape.note(ConnectionCheckedIn, fields, slot=slot.number, session=slot.session)
            slot.session = None

    def _invalidate(self, _dbapi_connection: Any, record: ConnectionPoolEntry, error: BaseException | None) -> None:
        slot = record.info.get(self._tape)
        fields = {"reason": describe(error) if error else ""}
        self._tape.note(ConnectionInvalidated, fields, slot=slot and slot.number)

    def _close(self, _dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        slot: Slot | None = record.info.get(self._tape)
        if slot is not None:
            self._tape.close_slot(slot)
            self._tape.note(ConnectionClosed, {"backend": slot.backend}, slot=slot.number)

    def _slot(self, dbapi_connection: Any, record: ConnectionPoolEntry) -> Slot:
        slot: Slot | None = record.info.get(self._tape)
        if slot is None:
            slot = record.info[self._tape] = self._tape.open_slot(_backend(dbapi_connection))
        return slot


def describe(error: BaseException) -> str:
    """Class and message in one line."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _backend(dbapi_connection: Any) -> int | None:
    info = getattr(dbapi_connection, "info", None)
    return getattr(info, "backend_pid", None)


def _status(dbapi_connection: Any) -> str:
    status = getattr(getattr(dbapi_connection, "info", None), "transaction_status", None)
    return _STATUSES[int(status)] if status is not None else "unknown"


def _settings(pool: Pool) -> dict[str, Any]:
    """SQLAlchemy shows a pool's size alone; its other settings have no public name."""
    style = pool._reset_on_return
    sized = isinstance(pool, QueuePool)
    return {
        "class_name": type(pool).__name__,
        "size": pool.size() if isinstance(pool, QueuePool) else -1,
        "max_overflow": pool._max_overflow if isinstance(pool, QueuePool) else -1,
        "timeout_s": float(pool.timeout()) if isinstance(pool, QueuePool) else 0.0,
        "pre_ping": bool(pool._pre_ping),
        "recycle_s": int(pool._recycle),
        "lifo": bool(sized and getattr(pool._pool, "use_lifo", False)),  # type: ignore[attr-defined]
        "reset_on_return": style.name.removeprefix("reset_") if style else "none",
    }
