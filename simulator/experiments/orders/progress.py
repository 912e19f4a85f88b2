"""A sweep while it goes on: what was found so far, and how it is stopped; from any thread."""

from __future__ import annotations

import threading

from simulator.engines.base import Room
from simulator.experiments.orders.cells import Sweep


class Progress:
    """Of one sweep or several, one after another. Anybody may look at it or stop it; only the sweep itself adds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stopped = False
        self._rooms: list[Room] = []
        #: by variant and level
        self._sweeps: dict[tuple[str, str], Sweep] = {}

    @property
    def is_stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        """No further order is begun, and what runs is cancelled; what was found until then stands."""
        with self._lock:
            self._stopped = True
            rooms = tuple(self._rooms)
        for room in rooms:
            room.stop()

    def opened(self, room: Room) -> None:
        """A run has got its place; it is stopped at once where everything is."""
        with self._lock:
            self._rooms.append(room)
            stopped = self._stopped
        if stopped:
            room.stop()

    def left(self, room: Room) -> None:
        """The run in this room is over."""
        with self._lock:
            self._rooms = [each for each in self._rooms if each is not room]

    def found(self, sweep: Sweep) -> None:
        """How far this sweep is."""
        with self._lock:
            self._sweeps[sweep.variant.key, sweep.isolation.value] = sweep

    def look(self) -> tuple[Sweep, ...]:
        """What was found so far."""
        with self._lock:
            return tuple(self._sweeps.values())
