"""How a run's connections are got back: cancelled, rolled back, or closed, whatever its SQL does."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import suppress

import psycopg

from simulator.engines.postgres.connection import ServerConnection
from simulator.engines.postgres.exchange import TICK, until_readable
from simulator.engines.postgres.reader import Reader
from simulator.engines.postgres.statements import array
from simulator.engines.postgres.wire import WireSession
from simulator.errors import EngineError, RunError

#: Seconds for a statement to answer its cancellation, for its process to end when it was told to, for a rollback.
CANCEL_S, END_S, ROLLBACK_S = 0.15, 0.25, 0.15

#: Sessions with the connections that they are spoken over.
Opened = Collection[tuple[WireSession, ServerConnection]]


def vacate(control: ServerConnection, opened: Opened, reader: Reader) -> list[ServerConnection]:
    """Every connection that can be used again, out of its transaction; the others are closed. Never raises."""
    _end_statements(control, opened, reader)
    _roll_back(opened, reader)
    idle = [connection for _, connection in opened if connection.usable]
    return [*idle, reader.connection] if reader.usable else idle


def _end_statements(control: ServerConnection, opened: Opened, reader: Reader) -> None:
    """No statement of this run is left running: cancelled, or its process ended, or its socket closed."""
    for name, seconds in (("cancel_backends", CANCEL_S), ("end_backends", END_S)):
        busy = [session for session, _ in opened if session.busy]
        backends = [session.backend for session in busy]
        if not reader.usable:
            backends.append(reader.pid)
        if not backends:
            return
        with suppress(EngineError):
            control.ask(name, [array(backends)], time.monotonic() + CANCEL_S)
        _until_free(busy, seconds)
    for session, connection in opened:
        if session.busy:
            connection.close()


def _roll_back(opened: Opened, reader: Reader) -> None:
    """Every session out of its transaction, or its connection closed."""
    rolling = []
    for session, connection in opened:
        with suppress(RunError, psycopg.Error):
            session.opened()
        if connection.usable and session.in_transaction:
            with suppress(RunError):
                session.send("ROLLBACK", {})
                rolling.append(session)
    _until_free(rolling, ROLLBACK_S)
    for session, connection in opened:
        if session.busy or session.in_transaction:
            connection.close()
    if reader.usable and not reader.idle:
        reader.connection.close()


def _until_free(sessions: Sequence[WireSession], seconds: float) -> None:
    """Return when no session has a statement running, or after so many seconds."""
    until = time.monotonic() + seconds
    while busy := [session for session in sessions if session.busy and session.poll() is None]:
        left = until - time.monotonic()
        if left <= 0:
            return
        with suppress(RunError, ValueError):
            until_readable([session.fileno() for session in busy], min(left, TICK))
