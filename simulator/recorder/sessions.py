"""The Session's listeners, and the subclass that tells what no event tells: created and closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session, SessionTransaction

from simulator.history.application import (
    CommitStarted,
    FlushEnded,
    FlushStarted,
    SessionBegan,
    SessionClosed,
    SessionConnected,
    SessionCreated,
    SessionEnded,
)
from simulator.history.words import SessionLeaving, SessionOutcome
from simulator.recorder.tape import REQUEST, Slot, Tape

#: in `Traced.outcome`: COMMIT was asked for and is not answered
_COMMITTING = "committing"


@dataclass(slots=True)
class Traced:
    """What the recorder remembers of one Session, in the Session's own `info`."""

    name: str
    #: the request that made it
    request: str | None
    #: what the Session is doing, as a cause of its objects' changes: flush, commit, close
    phase: str = ""
    #: how its transaction ends
    outcome: str = ""
    #: the connection that its transaction holds; the slot is None where the connection was opened before the trace
    connected: bool = False
    slot: Slot | None = None
    closed: bool = True


class SessionListeners:
    """Of a Session class, from `attach` to `detach`; on `Session` itself they look only at this engine's Sessions."""

    def __init__(self, tape: Tape, engine: Engine, target: type[Session]) -> None:
        self._tape = tape
        self._engine = engine
        self._target = target
        self._listeners: tuple[tuple[str, Callable[..., Any]], ...] = (
            ("after_transaction_create", self._created),
            ("after_begin", self._began),
            ("before_flush", self._flushing),
            ("after_flush_postexec", self._flushed),
            ("before_commit", self._committing),
            ("after_commit", self._committed),
            # Not after_soft_rollback: of rollback() that one comes when the transaction has ended already.
            ("after_rollback", self._rolled_back),
            ("after_transaction_end", self._ended),
        )

    def attach(self) -> None:
        for name, listener in self._listeners:
            event.listen(self._target, name, listener)

    def detach(self) -> None:
        for name, listener in self._listeners:
            event.remove(self._target, name, listener)

    def _created(self, session: Session, transaction: SessionTransaction) -> None:
        traced = traced_of(self._tape, session)
        if traced is None or not (transaction.parent is None or transaction.nested):
            return
        traced.outcome = ""
        self._tape.note(SessionBegan, {"nested": transaction.nested}, session=traced.name)

    def _began(self, session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
        # Not `engine is`: one made by execution_options() is another engine on the same pool.
        if connection.engine.pool is not self._engine.pool:
            return
        traced = traced_of(self._tape, session)
        if traced is None:
            # Nobody traces its sessionmaker: this is the first that is heard of it.
            traced = session.info[self._tape] = Traced(self._tape.new_session(), REQUEST.get())
            self._tape.note(SessionBegan, {"nested": False}, session=traced.name)
        slot: Slot | None = connection.info.get(self._tape)
        traced.connected, traced.slot = True, slot
        if slot is not None:
            slot.session = traced.name
        self._tape.note(SessionConnected, session=traced.name, slot=slot.number if slot else None)

    def _flushing(self, session: Session, _context: object, _instances: object) -> None:
        if traced := traced_of(self._tape, session):
            traced.phase = "flush"
            fields = {"new": len(session.new), "changed": len(session.dirty), "deleted": len(session.deleted)}
            self._tape.note(FlushStarted, fields, session=traced.name)

    def _flushed(self, session: Session, _context: object) -> None:
        if traced := traced_of(self._tape, session):
            traced.phase = "commit" if traced.outcome == _COMMITTING else ""
            self._tape.note(FlushEnded, session=traced.name)

    def _committing(self, session: Session) -> None:
        if traced := traced_of(self._tape, session):
            traced.phase, traced.outcome = "commit", _COMMITTING
            self._tape.note(CommitStarted, session=traced.name)

    def _committed(self, session: Session) -> None:
        if traced := traced_of(self._tape, session):
            traced.outcome = SessionOutcome.COMMITTED

    def _rolled_back(self, session: Session) -> None:
        if (traced := traced_of(self._tape, session)) and traced.phase != "close":
            traced.outcome = SessionOutcome.ROLLED_BACK

    def _ended(self, session: Session, transaction: SessionTransaction) -> None:
        traced = traced_of(self._tape, session)
        if traced is None or not (transaction.parent is None or transaction.nested):
            return
        outcome = traced.outcome if isinstance(traced.outcome, SessionOutcome) else SessionOutcome.CLOSED
        self._tape.note(SessionEnded, {"outcome": outcome, "nested": transaction.nested}, session=traced.name)
        traced.outcome = ""
        if traced.phase != "close":
            traced.phase = ""
        if not transaction.nested:
            _let_go(traced)


def _let_go(traced: Traced) -> None:
    """A connection that the Session was lent (`Session(bind=connection)`) goes on without it."""
    slot, traced.slot, traced.connected = traced.slot, None, False
    if slot is not None and slot.session == traced.name:
        slot.session = None


def traced_of(tape: Tape, session: Session) -> Traced | None:
    """What this tape knows of the Session; None for one that is not traced."""
    found: Traced | None = session.info.get(tape)
    return found


def traced_class(tape: Tape, engine: Engine, base: type[Session], name: str) -> type[Session]:
    """A subclass of the application's Session class that notes when one is made and when it is closed."""

    class TracedSession(base):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # Before the application's own __init__, which may use the Session already.
            traced = self.info[tape] = Traced(tape.new_session(), REQUEST.get())
            tape.note(SessionCreated, {"class_name": name}, session=traced.name)
            super().__init__(*args, **kwargs)
            traced.closed = False

        def get_bind(self, *args: Any, **kwargs: Any) -> Engine | Connection:
            """Every way to a connection leads through here, right before the pool is asked."""
            bind: Engine | Connection = super().get_bind(*args, **kwargs)
            traced: Traced = self.info[tape]
            if not traced.connected and isinstance(bind, Engine) and bind.pool is engine.pool:
                tape.asking.set(traced.name)
            return bind

        def close(self) -> None:
            self._leave(SessionLeaving.CLOSE, super().close)

        def reset(self) -> None:
            self._leave(SessionLeaving.RESET, super().reset)

        def invalidate(self) -> None:
            self._leave(SessionLeaving.INVALIDATE, super().invalidate)

        def _leave(self, how: SessionLeaving, leave: Callable[[], None]) -> None:
            traced: Traced = self.info[tape]
            traced.phase = "close"
            try:
                leave()
            finally:
                traced.phase = ""
            traced.closed = True
            tape.note(SessionClosed, {"how": how}, session=traced.name)

        def __del__(self) -> None:
            traced = traced_of(tape, self) if "info" in vars(self) else None
            if traced is not None and not traced.closed:
                tape.note(SessionClosed, {"how": SessionLeaving.COLLECTED}, session=traced.name, request=traced.request)

    TracedSession.__name__ = TracedSession.__qualname__ = base.__name__
    return TracedSession
