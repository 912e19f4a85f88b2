"""The objects' listeners: transient, pending, persistent, deleted, detached, and expired or not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from sqlalchemy import event, inspect
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
    """Of a Session class, from `attach` to `detach`."""

    def __init__(self, tape: Tape, target: type[Session]) -> None:
        self._tape = tape
        self._target = target
        self._numbers: dict[str, itertools.count[int]] = {}
        self._moves = tuple((move[0], self._listener(*move[1:])) for move in _MOVES)

    def attach(self) -> None:
        for name, listener in self._moves:
            event.listen(self._target, name, listener)
        # No Session tells of these; the mapper does, for the objects of every Session.
        event.listen(Mapper, "expire", self._expired)
        event.listen(Mapper, "refresh", self._refreshed)

    def detach(self) -> None:
        event.remove(Mapper, "refresh", self._refreshed)
        event.remove(Mapper, "expire", self._expired)
        for name, listener in self._moves:
            event.remove(self._target, name, listener)

    def _listener(self, before: str, after: str, cause: str) -> Callable[[Session, Any], None]:
        def moved(session: Session, instance: Any) -> None:
            if traced := traced_of(self._tape, session):
                state: InstanceState[Any] = inspect(instance)
                self._note(traced, state, before, after, _cause(traced, cause), expired=state.expired)

        return moved

    def _expired(self, instance: Any, _attributes: object) -> None:
        state: InstanceState[Any] = inspect(instance)
        if (session := state.session) and (traced := traced_of(self._tape, session)):
            self._note(traced, state, "persistent", "persistent", traced.phase or "expire", expired=True)

    def _refreshed(self, instance: Any, _context: object, _attributes: object) -> None:
        state: InstanceState[Any] = inspect(instance)
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
        """`Message 1`: the number is kept in the state itself, which lives and dies with the object."""
        info = state.info
        if self._tape not in info:
            kind = state.class_.__name__
            info[self._tape] = f"{kind} {next(self._numbers.setdefault(kind, itertools.count(1)))}"
        name: str = info[self._tape]
        return name


def _cause(traced: Traced, own: str) -> str:
    """What moved it: a rollback inside of close is close's doing; a query that flushes first is still a query."""
    if own in ("add", "query", "flush"):
        return own
    return traced.phase if traced.phase == "close" else own
