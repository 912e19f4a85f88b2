"""A run of requests while it goes on: what was recorded so far, and how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic_ns

from simulator.history.application import RequestStarted
from simulator.history.schedule import History
from simulator.recorder import Recorder

#: More notes take too long to read while the requests run.
MOST_NOTES = 20_000


class RunStopped(Exception):
    """Somebody stopped the run; it ends the request that it is raised in, and is in no history."""


class Progress:
    """Of one run. Anybody may look at it or stop it, from any thread; only the run itself follows."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._recorder: Recorder | None = None
        self._on_stop: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._over = False

    def follow(self, recorder: Recorder) -> None:
        """The run records with this one from now on."""
        self._recorder = recorder

    def when_stopped(self, call: Callable[[], object]) -> None:
        """Call this when it is stopped, at once if it is already; in the thread of whoever stops it."""
        with self._lock:
            if not self.is_stopped:
                self._on_stop.append(call)
                return
        call()

    def finish(self) -> None:
        """The run is over: there is nothing to stop any more."""
        with self._lock:
            self._over = True
            self._on_stop.clear()

    @property
    def is_over(self) -> bool:
        return self._over

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        """End it now: what was recorded so far is its history, and whoever waits in it goes home."""
        with self._lock:
            if self._over or self.is_stopped:
                return
            if self._recorder is not None:
                self._recorder.tape.stop()
            self._stopped.set()
            calls = tuple(self._on_stop)
        for call in calls:
            call()

    def pause(self, seconds: float) -> None:
        """Let so much time pass. Raises RunStopped where the run is stopped meanwhile."""
        if self._stopped.wait(seconds):
            raise RunStopped

    def check(self, *_arguments: object) -> None:
        """A listener: nothing more is sent to the server. Raises RunStopped after a stop."""
        if self.is_stopped:
            raise RunStopped

    def history(self) -> History:
        """Everything recorded so far."""
        return History((), ()) if self._recorder is None else self._recorder.history()

    def look(self) -> tuple[History, float] | None:
        """What was recorded so far, and how many milliseconds ago the first request began; None where nothing is to
        be seen, or too much."""
        recorder = self._recorder
        if recorder is None or not 0 < len(recorder.tape.notes) <= MOST_NOTES:
            return None
        history = recorder.history()
        began = next((event.at_ns for event in history.events if isinstance(event, RequestStarted)), None)
        return None if began is None else (history, (monotonic_ns() - began) / 1e6)
