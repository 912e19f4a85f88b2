"""So many of something, for whoever comes: places for runs, connections of applications. People take turns.

For whom something is taken is said by `serving`, and by nothing else: engine code takes, and knows nobody.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")

#: So often somebody who waits is told where they stand, in seconds; who is served is woken at once.
PULSE_S = 0.5


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where somebody stands in a queue: number 1 is served next."""

    number: int
    of: int


class Guest(Protocol):
    """Somebody for whom things are taken."""

    @property
    def owner(self) -> Hashable:
        """Whoever has the same owner shares a turn."""

    def waits(self, place: QueuePlace | None) -> None:
        """Told while the guest waits, and None once that is over. What this raises takes the guest out of the queue."""


_guest: ContextVar[Guest | None] = ContextVar("guest", default=None)


@contextmanager
def serving(guest: Guest) -> Iterator[None]:
    """Whatever this thread takes in the block is taken for this guest."""
    token = _guest.set(guest)
    try:
        yield
    finally:
        _guest.reset(token)


class Turns(Generic[T]):
    """A queue in which owners take turns; what belongs to one owner keeps its order.

    So one who comes with ten things stands before another's only thing with one of them at most.
    """

    def __init__(self) -> None:
        #: in the order of their turns; none is empty
        self._lines: dict[Hashable, deque[T]] = {}

    def join(self, owner: Hashable, item: T) -> None:
        self._lines.setdefault(owner, deque()).append(item)

    def first(self) -> T | None:
        """Whose turn it is."""
        return next((line[0] for line in self._lines.values()), None)

    def serve(self) -> T:
        """The first one leaves, and its owner's turn comes again after everybody else's. Raises StopIteration."""
        owner, line = next(iter(self._lines.items()))
        item = line.popleft()
        del self._lines[owner]
        if line:
            self._lines[owner] = line
        return item

    def leave(self, owner: Hashable, item: T) -> None:
        """Give up; nobody else's turn changes. Raises KeyError, ValueError where it is not in the queue."""
        self._lines[owner].remove(item)
        if not self._lines[owner]:
            del self._lines[owner]

    def place(self, owner: Hashable, item: T) -> QueuePlace:
        """Where it stands, if nobody comes or gives up. Raises KeyError, ValueError where it is not in the queue."""
        rounds = self._lines[owner].index(item)
        number, passed = rounds + 1, False
        for other, line in self._lines.items():
            if other == owner:
                passed = True
            else:
                number += min(len(line), rounds if passed else rounds + 1)
        return QueuePlace(number, sum(map(len, self._lines.values())))


@dataclass(frozen=True, slots=True, eq=False)
class _Ticket:
    count: int
    owner: Hashable
    served: threading.Event = field(default_factory=threading.Event)


class Budget:
    """`total` at once. Whoever wants more than are left waits, and nobody whose turn is later is served before."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._left = total
        #: guards what follows; never held while anybody is told anything
        self._lock = threading.Lock()
        self._turns: Turns[_Ticket] = Turns()

    def take(self, count: int, patience_s: float, pulse: Callable[[], None] | None = None) -> bool:
        """Take so many; False where they were not there in time, or never will be.

        `pulse` is called at once and then every PULSE_S while this waits, by the thread that waits.
        """
        if count > self.total:
            return False
        guest = _guest.get()
        # Who takes for nobody in particular has a turn of its own.
        ticket = _Ticket(count, object() if guest is None else guest.owner)
        with self._lock:
            self._turns.join(ticket.owner, ticket)
            self._serve()
        try:
            self._wait(ticket, patience_s, guest, pulse)
        except BaseException:
            if not self._give_up(ticket):
                self.give_back(count)
            raise
        return not self._give_up(ticket)

    def give_back(self, count: int) -> None:
        """What was taken."""
        with self._lock:
            self._left += count
            self._serve()

    def _wait(self, ticket: _Ticket, patience_s: float, guest: Guest | None, pulse: Callable[[], None] | None) -> None:
        deadline = time.monotonic() + patience_s
        told = False
        while not ticket.served.is_set():
            if pulse is not None:
                pulse()
            if ticket.served.wait(min(PULSE_S, max(0.0, deadline - time.monotonic()))) or time.monotonic() >= deadline:
                break
            if guest is not None and (place := self._place(ticket)) is not None:
                guest.waits(place)
                told = True
        if told and guest is not None:
            guest.waits(None)

    def _place(self, ticket: _Ticket) -> QueuePlace | None:
        with self._lock:
            return None if ticket.served.is_set() else self._turns.place(ticket.owner, ticket)

    def _give_up(self, ticket: _Ticket) -> bool:
        """Leave the queue; False where the ticket was served."""
        with self._lock:
            if ticket.served.is_set():
                return False
            self._turns.leave(ticket.owner, ticket)
            # The next one's turn may have come: this one wanted more than there was.
            self._serve()
            return True

    def _serve(self) -> None:
        while (ticket := self._turns.first()) is not None and ticket.count <= self._left:
            self._turns.serve()
            self._left -= ticket.count
            ticket.served.set()
