"""What listeners write on. A listener runs inside the application, so it only notes; events are made afterwards."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic_ns
from types import EllipsisType, MappingProxyType
from typing import Any

from simulator.history.event import Event
from simulator.history.schedule import AnyEvent, History

#: The request that this thread or task works for. A context variable follows `await`, gather and thread pools.
REQUEST: ContextVar[str | None] = ContextVar("txscope_request", default=None)

_NOTHING: Mapping[str, Any] = MappingProxyType({})

#: (at_ns, kind, session, request, slot, fields of the kind)
Note = tuple[int, type[Event], str | None, str | None, int | None, Mapping[str, Any]]


@dataclass(slots=True)
class Slot:
    """A connection while it is open: what the statements sent on it are attributed to."""

    number: int
    backend: int | None
    #: the Session whose transaction holds it
    session: str | None = None


def _asking() -> ContextVar[str | None]:
    return ContextVar("txscope_asking", default=None)


@dataclass(slots=True, eq=False)
class Tape:
    """Notes in the order in which they were taken, by any number of threads and tasks."""

    #: turns what a listener kept (`parameters`, `line`) into what an event holds, by the field's name
    finish: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    slots: dict[int, Slot] = field(default_factory=dict)
    #: the Session that this thread or task is about to take a connection for; each tape has its own names
    asking: ContextVar[str | None] = field(default_factory=_asking)
    _over: bool = False
    # Garbage collection may close a leaked connection while this very thread holds the lock.
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _requests: set[str] = field(default_factory=set)
    _sessions: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _askings: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def note(
        self,
        kind: type[Event],
        fields: Mapping[str, Any] = _NOTHING,
        session: str | None = None,
        slot: int | None = None,
        *,
        request: str | EllipsisType | None = ...,
    ) -> None:
        """Take a note; `append` is one step for every thread. Without `request` it is the current one."""
        if self._over:
            return
        name = REQUEST.get() if request is ... else request
        self.notes.append((monotonic_ns(), kind, session, name, slot, fields))

    def stop(self) -> None:
        """Take no notes any more: Sessions and requests that outlive the trace may go on."""
        self._over = True

    def request_name(self, wanted: str) -> str:
        """`wanted` for the first request of this name, `wanted#2` for the next."""
        with self._lock:
            names = (wanted if number == 1 else f"{wanted}#{number}" for number in itertools.count(1))
            name = next(name for name in names if name not in self._requests)
            self._requests.add(name)
        return name

    def new_session(self) -> str:
        """`S1`, `S2` and so on."""
        return f"S{next(self._sessions)}"

    def new_asking(self) -> int:
        """A number for somebody who asks a pool; of all pools on this tape no two have the same."""
        return next(self._askings)

    def open_slot(self, backend: int | None) -> Slot:
        """The smallest number that no open connection has."""
        with self._lock:
            number = next(number for number in itertools.count(1) if number not in self.slots)
            slot = self.slots[number] = Slot(number, backend)
        return slot

    def close_slot(self, slot: Slot) -> None:
        """Its number may be taken again."""
        with self._lock:
            if self.slots.get(slot.number) is slot:
                del self.slots[slot.number]

    def backends(self) -> tuple[int, ...]:
        """The server's processes of the connections that are open now."""
        with self._lock:
            return tuple(slot.backend for slot in tuple(self.slots.values()) if slot.backend is not None)

    def history(self) -> History:
        """Everything noted so far. Notes of different threads are put in the order of their times."""
        notes = sorted(self.notes, key=lambda note: note[0])
        events = tuple(self._event(seq, note) for seq, note in enumerate(notes))
        return History(_sessions(events), events)

    def _event(self, seq: int, note: Note) -> AnyEvent:
        at_ns, kind, session, request, slot, fields = note
        finished = {name: self.finish[name](value) if name in self.finish else value for name, value in fields.items()}
        event: Any = kind(seq=seq, at_ns=at_ns, session=session, request=request, slot=slot, **finished)
        made: AnyEvent = event
        return made


def _sessions(events: Sequence[AnyEvent]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(event.session for event in events if event.session is not None))
