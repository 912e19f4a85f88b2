"""A gate stops a client at one point of its work until the stage lets it go on: an order is made, not hoped for."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from simulator.errors import RunError
from simulator.i18n.text import Text

#: Seconds after which a wait for another client is an error of the demonstration.
DEADLINE_S = 10.0


class Gate:
    """Shut until `open`, then open for good. Used as a context it is open at the end of the block."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._arrived = 0
        self._opened = False
        self._changed = threading.Condition()

    def stop(self) -> None:
        """Called by the client that is stopped. Raises RunError where nobody opens before the deadline."""
        with self._changed:
            self._arrived += 1
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._opened, DEADLINE_S):
                raise RunError(Text.of("Nobody opened the gate {name} in time.", name=self.name))

    def reached(self, times: int = 1) -> None:
        """Wait until `times` clients came to the gate. Raises RunError where they do not come before the deadline."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._arrived >= times, DEADLINE_S):
                raise RunError(Text.of("Nobody came to the gate {name} in time.", name=self.name))

    @property
    def arrived(self) -> int:
        """How many clients have come to the gate."""
        return self._arrived

    def open(self) -> None:
        """Let everybody go on, also those who come later."""
        with self._changed:
            self._opened = True
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.open()
