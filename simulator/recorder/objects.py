"""The objects' listeners: transient, pending, persistent, deleted, detached, and expired or not."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.orm import InstanceState, Mapper, Session

from simulator.lifecycle import ObjectStateChanged
from simulator.recorder.sessions import Traced, traced_of
from simulator.recorder.tape import Tape

#: event, state before, state after, cause where the Session is in no phase of its own
_MOVES = (
    ("transient_to_pending", "transient", "pending", "add"),
    ("pending_to_transient", "pending", "transient", "rollback"),
    ("persistent_to_transient", "persistent", "transient", "rollback"),
    ("pending_to_persistent", "pending", "persistent", "flush"),
    ("detached_to_persistent", "detached", "persistent", "add"),
    ("loaded_as_persistent", "", "persistent", "query"),
    ("persistent_to_deleted", "persistent", "deleted", "flush"),
    ("deleted_to_persistent", "deleted", "persistent", "rollback"),
    ("deleted_to_detached", "deleted", "detached", "commit"),
    ("persistent_to_detached", "persistent", "detached", "expunge"),
)


class ObjectListeners:
    """Of Session classes, from `attach` to `detach`."""

    def __init__(self, tape: Tape, targets: Sequence[type[Session]]) -> None:
        self._tape = tape
        self._targets = targets
        self._numbers: dict[str, itertools.count[int]] = {}
        # Not in the state's own `info`: that is pickled with the object, and the application may do so.
        self._names: WeakKeyDictionary[InstanceState[Any], str] = WeakKeyDictionary()
        self._lock = threading.RLock()
        self._moves = tuple((move[0], self._listener(*move[1:])) for move in _MOVES)

    def attach(self) -> None:
        # `raw`: the state is there even when the object itself has just been collected.
        for target, (name, listener) in product(self._targets, self._moves):
            event.listen(target, name, listener, raw=True)
        # No Session tells of these; the mapper does, for the objects of every Session.
        event.listen(Mapper, "expire", self._expired, raw=True)
        event.listen(Mapper, "refresh", self._refreshed, raw=True)

    def detach(self) -> None:
        event.remove(Mapper, "refresh", self._refreshed)
        event.remove(Mapper, "expire", self._expired)
        for target, (name, listener) in product(self._targets, self._moves):
            event.remove(target, name, listener)

    def _listener(self, before: str, after: str, cause: str) -> Callable[[Session, Any], None]:
        def moved(session: Session, state: Any) -> None:
            if traced := traced_of(self._tape, session):
                self._note(traced, state, before, after, _cause(traced, session, cause), expired=state.expired)

        return moved

    def _expired(self, state: InstanceState[Any], _attributes: object) -> None:
        if (session := state.session) and (traced := traced_of(self._tape, session)):
            cause = _cause(traced, session, traced.phase or "expire")
            self._note(traced, state, "persistent", "persistent", cause, expired=True)

    def _refreshed(self, state: InstanceState[Any], _context: object, _attributes: object) -> None:
        if (session := state.session) and (traced := traced_of(self._tape, session)):
            self._note(traced, state, "persistent", "persistent", "refresh", expired=False)

    def _note(
        self, traced: Traced, state: InstanceState[Any], before: str, after: str, cause: str, *, expired: bool
    ) -> None:
        fields = {
            "object": self._name(state),
            "before": before,
            "after": after,
            "cause": cause,
            "key": ", ".join(map(str, state.identity)) if state.identity else "",
            "expired": expired,
        }
        self._tape.note(ObjectStateChanged, fields, session=traced.name)

    def _name(self, state: InstanceState[Any]) -> str:
        """`Message 1`; the object that has the name is not kept alive by it."""
        with self._lock:
            name = self._names.get(state)
            if name is None:
                kind = state.class_.__name__
                number = next(self._numbers.setdefault(kind, itertools.count(1)))
                name = self._names[state] = f"{kind} {number}"
        return name


def _cause(traced: Traced, session: Session, own: str) -> str:
    """What moved it: a rollback inside of close is close's doing; a query that flushes first is still a query."""
    if own in ("add", "query") or (own == "flush" and traced.phase == "flush" and session.is_active):
        return own
    if traced.phase in ("close", "commit"):
        return traced.phase
    # Nothing tells when a rollback begins; while it lasts, the Session's transaction is not active.
    if not session.is_active:
        return "rollback"
    return "expunge" if own == "rollback" else own
