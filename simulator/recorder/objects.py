"""The objects' listeners: transient, pending, persistent, deleted, detached, expired or not, and collected."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.orm import InstanceState, Mapper, Session

from simulator.history.application import ObjectStateChanged
from simulator.history.words import ObjectState
from simulator.recorder.sessions import Traced, traced_of
from simulator.recorder.tape import REQUEST, Tape

#: event, state before, state after, cause where the Session is in no phase of its own
_MOVES = (
    ("transient_to_pending", ObjectState.TRANSIENT, ObjectState.PENDING, "add"),
    ("pending_to_transient", ObjectState.PENDING, ObjectState.TRANSIENT, "rollback"),
    ("persistent_to_transient", ObjectState.PERSISTENT, ObjectState.TRANSIENT, "rollback"),
    ("pending_to_persistent", ObjectState.PENDING, ObjectState.PERSISTENT, "flush"),
    ("detached_to_persistent", ObjectState.DETACHED, ObjectState.PERSISTENT, "add"),
    ("loaded_as_persistent", ObjectState.NONE, ObjectState.PERSISTENT, "query"),
    ("persistent_to_deleted", ObjectState.PERSISTENT, ObjectState.DELETED, "flush"),
    ("deleted_to_persistent", ObjectState.DELETED, ObjectState.PERSISTENT, "rollback"),
    ("deleted_to_detached", ObjectState.DELETED, ObjectState.DETACHED, "commit"),
    ("persistent_to_detached", ObjectState.PERSISTENT, ObjectState.DETACHED, "expunge"),
)

#: The cause of an object's end: nobody refers to it any more.
COLLECTED = "collected"


class ObjectListeners:
    """Of Session classes, from `attach` to `detach`."""

    def __init__(self, tape: Tape, targets: Sequence[type[Session]]) -> None:
        self._tape = tape
        self._targets = targets
        self._numbers: dict[str, itertools.count[int]] = {}
        # Not in the state's own `info`: that is pickled with the object, and the application may do so.
        self._seen: WeakKeyDictionary[InstanceState[Any], _Seen] = WeakKeyDictionary()
        #: by name; a weak reference tells of its object's end for as long as somebody has the reference
        self._alive: dict[str, weakref.ref[Any]] = {}
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
        self._alive.clear()
        event.remove(Mapper, "refresh", self._refreshed)
        event.remove(Mapper, "expire", self._expired)
        for target, (name, listener) in product(self._targets, self._moves):
            event.remove(target, name, listener)

    def _listener(self, before: ObjectState, after: ObjectState, cause: str) -> Callable[[Session, Any], None]:
        def moved(session: Session, state: Any) -> None:
            if traced := traced_of(self._tape, session):
                self._note(traced, state, before, after, _cause(traced, session, cause), expired=state.expired)

        return moved

    def _expired(self, state: InstanceState[Any], _attributes: object) -> None:
        if (session := state.session) and (traced := traced_of(self._tape, session)):
            cause = _cause(traced, session, traced.phase or "expire")
            self._note(traced, state, ObjectState.PERSISTENT, ObjectState.PERSISTENT, cause, expired=True)

    def _refreshed(self, state: InstanceState[Any], _context: object, _attributes: object) -> None:
        if (session := state.session) and (traced := traced_of(self._tape, session)):
            self._note(traced, state, ObjectState.PERSISTENT, ObjectState.PERSISTENT, "refresh", expired=False)

    def _note(
        self,
        traced: Traced,
        state: InstanceState[Any],
        before: ObjectState,
        after: ObjectState,
        cause: str,
        *,
        expired: bool,
    ) -> None:
        seen = self._of(state)
        seen.session, seen.request = traced.name, REQUEST.get()
        seen.fields = {
            "object": seen.name,
            "before": before,
            "after": after,
            "cause": cause,
            "key": ", ".join(map(str, state.identity)) if state.identity else "",
            "expired": expired,
        }
        self._tape.note(ObjectStateChanged, seen.fields, session=traced.name)

    def _of(self, state: InstanceState[Any]) -> _Seen:
        """What is remembered of it, under the name `Message 1`; that keeps no object alive."""
        with self._lock:
            seen = self._seen.get(state)
            if seen is None:
                kind = state.class_.__name__
                number = next(self._numbers.setdefault(kind, itertools.count(1)))
                seen = self._seen[state] = _Seen(f"{kind} {number}")
                self._watch(seen, state.obj())
        return seen

    def _watch(self, seen: _Seen, instance: object) -> None:
        def collected(_reference: object) -> None:
            self._alive.pop(seen.name, None)
            # Whoever happens to collect is not who had it: the request is that which moved it last.
            fields = {**seen.fields, "before": seen.fields["after"], "after": ObjectState.NONE, "cause": COLLECTED}
            self._tape.note(ObjectStateChanged, fields, session=seen.session, request=seen.request)

        if instance is not None:
            self._alive[seen.name] = weakref.ref(instance, collected)


@dataclass(slots=True)
class _Seen:
    """What is remembered of one object: its latest move."""

    name: str
    session: str | None = None
    request: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


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
