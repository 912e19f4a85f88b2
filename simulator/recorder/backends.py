"""Looks at the server's own view of the traced connections, from a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psycopg

from simulator.engines.postgres.statements import asked
from simulator.history.application import BackendSeen
from simulator.history.words import BackendState
from simulator.recorder.tape import Tape

#: Seconds between two looks: what is shorter is not seen, and the page says so.
INTERVAL_S = 0.01


class BackendWatch:
    """Notes every change of state or wait that a look at `pg_stat_activity` finds, until the block ends.

    A lock wait that ends between two looks is not seen. Raises psycopg.Error where the server refuses at the start;
    a server that goes away later ends the watch, and what was seen stays.
    """

    def __init__(self, tape: Tape, connect: Callable[[], psycopg.Connection], interval_s: float = INTERVAL_S) -> None:
        self._tape = tape
        self._connect = connect
        self._interval_s = interval_s
        self._done = threading.Event()
        self._seen: dict[int, tuple[BackendState, str, tuple[int, ...]]] = {}
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        connection = self._connect()
        connection.autocommit = True
        self._thread = threading.Thread(
            target=self._look_on, args=(connection,), name="txscope-backend-watch", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def _look_on(self, connection: psycopg.Connection) -> None:
        with connection:
            try:
                while not self._done.wait(self._interval_s):
                    self._look(connection)
            except psycopg.Error:
                return

    def _look(self, connection: psycopg.Connection) -> None:
        backends = list(self._tape.backends())
        rows = asked(connection, "backends", backends) if backends else []
        now = {pid: (BackendState.told(state), wait or "", tuple(by or ())) for pid, state, wait, by in rows}
        for pid, seen in now.items():
            if self._seen.get(pid) != seen:
                self._note(pid, *seen)
        for pid in self._seen.keys() - now.keys():
            self._note(pid, BackendState.GONE, "", ())
        self._seen = now

    def _note(self, backend: int, state: BackendState, wait: str, by: tuple[int, ...]) -> None:
        self._tape.note(BackendSeen, {"backend": backend, "state": state, "wait": wait, "blocked_by": by})
