"""SIGINT and SIGTERM end the server in time, whoever is still connected and whatever still waits."""

from __future__ import annotations

import asyncio
import faulthandler
import signal
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

#: Who still sends or fetches when the signal comes has so many seconds left; then the server does not wait for them.
#: A browser that stops reading in the middle of a file would keep it for ever.
PATIENCE_SECONDS = 1
#: The whole process is gone at the latest so many seconds after the signal.
WITHIN_SECONDS = 2.8


def on_signal(act: Callable[[], None]) -> None:
    """From here on the first of the two signals also calls `act` on this event loop, and starts the last clock.

    To be called after the server has set its own handlers, which stay in force. Does nothing outside of the main
    thread: there Python hears no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop, begun = asyncio.get_running_loop(), threading.Event()

    def begin() -> None:
        if not begun.is_set():
            begun.set()
            # Needs neither Python's lock nor its event loop: a thread that waits inside a library cannot hold it up.
            faulthandler.dump_traceback_later(WITHIN_SECONDS, exit=True)
            loop.call_soon_threadsafe(act)

    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):
            _make_impatient(before)
            signal.signal(number, _both(begin, before))


def _make_impatient(handler: Callable[[int, FrameType | None], object]) -> None:
    """Streamlit starts uvicorn without a limit of its patience; its handler of signals is a method of the server."""
    server = getattr(handler, "__self__", None)
    if isinstance(server, uvicorn.Server):
        server.config.timeout_graceful_shutdown = PATIENCE_SECONDS


def _both(
    begin: Callable[[], None], before: Callable[[int, FrameType | None], object]
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        begin()
        before(number, frame)

    return handle
