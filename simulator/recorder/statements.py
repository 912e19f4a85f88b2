"""The engine's listeners: statements, BEGIN, COMMIT, ROLLBACK and savepoints, with the application's line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from reprlib import Repr
from types import FrameType
from typing import Any

import greenlet
import sqlalchemy
from sqlalchemy import Connection, Engine, ExceptionContext, event

from simulator.errors import one_line
from simulator.history.application import ConnectionBegan, ConnectionEnding
from simulator.history.schedule import StatementFailed, StatementFinished, StatementStarted
from simulator.history.words import EndingCommand
from simulator.model import Scalar
from simulator.recorder.tape import Slot, Tape

#: Frames in these places are not the application's.
_NOT_THE_APPLICATION = (
    *(str(Path(place).parent) for place in (str(sqlalchemy.__file__), str(greenlet.__file__), __file__)),
    "<sqlalchemy generated",
    str(contextlib.__file__),  # `with SessionLocal.begin()` ends there; whose block it is stands one frame further
)
#: Longer values are cut: a prompt or a document says no more on a timeline.
_LONGEST = 200
#: Values of one call that are kept; of many sets only the first: a thousand rows are in the database anyway.
_MOST = 40
_short = Repr()
_short.maxother = _short.maxstring = _LONGEST

Where = tuple[str, int, str]
#: A tuple: asked for every parameter, a union of types takes five times as long.
_PLAIN = (bool, int, float)


class StatementListeners:
    """Of one engine, from `attach` to `detach`."""

    def __init__(self, tape: Tape, engine: Engine, *, lines: bool) -> None:
        self._tape = tape
        self._engine = engine
        self._lines = lines
        self._listeners: tuple[tuple[str, Callable[..., Any]], ...] = (
            ("before_cursor_execute", self._before),
            ("after_cursor_execute", self._after),
            ("handle_error", self._error),
            ("begin", self._begin),
            ("commit", self._commit),
            ("rollback", self._rollback),
            ("savepoint", self._savepoint),
            ("release_savepoint", self._release),
            ("rollback_savepoint", self._rollback_to),
        )

    def attach(self) -> None:
        for name, listener in self._listeners:
            event.listen(self._engine, name, listener)

    def detach(self) -> None:
        for name, listener in self._listeners:
            event.remove(self._engine, name, listener)

    def _before(
        self, conn: Connection, _cursor: object, sql: str, parameters: Any, _context: object, executemany: bool
    ) -> None:
        # Of many rows in one INSERT the driver gets one set of parameters, although SQLAlchemy says "many".
        sets = parameters if executemany and isinstance(parameters, list) else (parameters,)
        fields = {
            "sql": sql,
            # Made text now: what is kept would stay in memory, and might be changed until it is looked at.
            "parameters": scalars(sets),
            "many": len(sets),
            "line": application_line() if self._lines else None,
        }
        self._note_open(StatementStarted, conn, fields)

    def _after(self, conn: Connection, cursor: Any, *_: object) -> None:
        self._note_open(StatementFinished, conn, {"tag": _tag(cursor)})

    def _error(self, context: ExceptionContext) -> None:
        conn = context.connection
        error = context.original_exception
        if conn is None or not (_from_driver(context) or _on_its_way(context)):
            return
        diag = getattr(error, "diag", None)
        state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        fields = {
            "sqlstate": state or "",
            "message": getattr(diag, "message_primary", None) or one_line(error),
            "detail": getattr(diag, "message_detail", None) or "",
            "hint": getattr(diag, "message_hint", None) or "",
        }
        self._note(StatementFailed, conn, fields)

    def _begin(self, conn: Connection) -> None:
        self._note_open(ConnectionBegan, conn, _NOTHING)

    def _commit(self, conn: Connection) -> None:
        self._ending(conn, _COMMIT)

    def _rollback(self, conn: Connection) -> None:
        self._ending(conn, _ROLLBACK)

    def _ending(self, conn: Connection, fields: Mapping[str, Any]) -> None:
        # On a connection that is lost already, SQLAlchemy tells of it and sends nothing.
        if not conn.invalidated:
            self._note(ConnectionEnding, conn, fields)

    def _savepoint(self, conn: Connection, _name: str) -> None:
        self._note(ConnectionEnding, conn, {"command": EndingCommand.SAVEPOINT})

    def _release(self, conn: Connection, _name: str, _context: object) -> None:
        self._note(ConnectionEnding, conn, {"command": EndingCommand.RELEASE_SAVEPOINT})

    def _rollback_to(self, conn: Connection, _name: str, _context: object) -> None:
        self._note(ConnectionEnding, conn, {"command": EndingCommand.ROLLBACK_TO_SAVEPOINT})

    def _note(self, kind: Any, conn: Connection, fields: Mapping[str, Any] | None = None) -> None:
        # An invalidated connection has no `info`: asking would open a new one behind the application's back.
        if conn.invalidated or conn.closed:
            self._tape.note(kind, fields or _NOTHING)
        else:
            self._note_open(kind, conn, fields or _NOTHING)

    def _note_open(self, kind: Any, conn: Connection, fields: Mapping[str, Any]) -> None:
        """Of a connection that is known to be open: right before and after it was used."""
        slot: Slot | None = conn.info.get(self._tape)
        if slot is None:
            self._tape.note(kind, fields)
        else:
            self._tape.note(kind, fields, slot.session, slot.number)


_NOTHING: Mapping[str, Any] = {}
_COMMIT = {"command": EndingCommand.COMMIT}
_ROLLBACK = {"command": EndingCommand.ROLLBACK}


def _from_driver(context: ExceptionContext) -> bool:
    """The database or its driver refused: a statement, a COMMIT, or to give more rows."""
    return isinstance(context.original_exception, context.dialect.loaded_dbapi.Error)


def _on_its_way(context: ExceptionContext) -> bool:
    """Something else ended a statement that had been sent: a task was cancelled, a key was pressed."""
    return context.statement is not None and context.execution_context is not None


def application_line() -> Where | None:
    """File, line and function of the nearest frame that belongs to the application."""
    frame: FrameType | None = sys._getframe(1)
    inside: Any = greenlet.getcurrent()
    while frame is not None:
        code = frame.f_code
        if _is_application(code.co_filename):
            return code.co_filename, frame.f_lineno, code.co_name
        frame = frame.f_back
        if frame is None and (inside := inside.parent) is not None:
            # SQLAlchemy's asyncio runs its synchronous inside in a greenlet; who awaits it stands in the parent.
            frame = inside.gr_frame
    return None


@lru_cache(maxsize=4096)
def _is_application(filename: str) -> bool:
    """Asked for every frame of every statement, of which most are SQLAlchemy's."""
    return not filename.startswith(_NOT_THE_APPLICATION)


def line_text(where: Where | None) -> str:
    """`kinds.py:41 save_message`."""
    return f"{Path(where[0]).name}:{where[1]} {where[2]}" if where else ""


def scalars(sets: Sequence[Any]) -> tuple[tuple[str, Scalar], ...]:
    """(name or position, value) of the first set; what is no plain value is written as Python does, shortened."""
    first: Any = next(iter(sets), ())
    pairs: Any = first.items() if isinstance(first, Mapping) else enumerate(first or (), start=1)
    return tuple((str(name), _scalar(value)) for name, value in islice(pairs, _MOST))


def _scalar(value: object) -> Scalar:
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value[:_LONGEST])
    text = value if isinstance(value, str) else _short.repr(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _tag(cursor: Any) -> str:
    """The server's command tag: `SELECT 5`; asyncio's adapter keeps the driver's cursor inside."""
    inner = getattr(cursor, "_cursor", cursor)
    tag = getattr(inner, "statusmessage", None)
    return tag or f"{max(cursor.rowcount, 0)} rows"
