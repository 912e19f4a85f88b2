"""So many of something, for whoever comes, in the order of coming: places for runs, connections of applications."""

from __future__ import annotations

import threading
from collections import deque


class Budget:
    """`total` at once. Whoever wants more than are left waits; nobody who comes later is served before."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._left = total
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    def take(self, count: int, patience_s: float) -> bool:
        """Take so many; False where they were not there in time, or never will be."""
        if count > self.total:
            return False
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                taken = self._changed.wait_for(lambda: self._is_turn(ticket, count), patience_s)
                if taken:
                    self._left -= count
            finally:
                self._waiting.remove(ticket)
                # The next one's turn may have come: this one wanted less than there was, or gave up.
                self._changed.notify_all()
        return taken

    def give_back(self, count: int) -> None:
        """What was taken."""
        with self._changed:
            self._left += count
            self._changed.notify_all()

    def _is_turn(self, ticket: object, count: int) -> bool:
        return self._waiting[0] is ticket and self._left >= count
