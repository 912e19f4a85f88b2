"""An ASGI application served by uvicorn in this process: a thread with an event loop of its own, on a free port.

uvicorn's loggers belong to the whole process, where another uvicorn serves the pages. So this one neither configures
nor uses them: what it would have logged is kept in `Served.log`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from time import monotonic
from typing import Any, TypeVar, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from simulator.errors import RunError
from simulator.labs.fastapi.observed import forget_applications
from simulator.recorder.middleware import HEADER
from simulator.recorder.raised import describe

T = TypeVar("T")

#: Seconds that requests have to end by themselves when the server stops; then their tasks are cancelled.
GRACE_S = 1.0
#: Seconds after which whoever waits for the server gives up.
PATIENCE_S = 10.0


class Served:
    """A running server; its requests have a copy of the context in which `serve` made it."""

    def __init__(self, app: Any, on_left: Callable[[str], None]) -> None:
        #: what uvicorn logged as errors, `IntegrityError: …`, in order
        self.log: list[str] = []
        self._socket = _listen()
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        protocol = partial(_Protocol, _logger(self.log), on_left)
        config = uvicorn.Config(
            app,
            http=cast(Any, protocol),
            ws="none",
            loop="asyncio",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        self._server = _Server(config)
        self._workers: tuple[threading.Thread, ...] = ()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._serve,), name="txscope-uvicorn", daemon=True
        )

    def start(self) -> None:
        """Returns when uvicorn accepts connections. Raises RunError."""
        self._thread.start()
        if not self._server.ready.wait(PATIENCE_S) or not self._server.started:
            self._socket.close()
            raise RunError("The lab's web server did not start. Run it again.")

    def stop(self) -> None:
        """Returns when its threads and sockets are gone. Raises RunError where an endpoint does not let go."""
        self._server.leave()
        deadline = monotonic() + PATIENCE_S
        self._thread.join(PATIENCE_S)
        # A worker of the thread pool ends by itself once the loop is over, but a little later.
        for worker in self._workers:
            worker.join(max(0.0, deadline - monotonic()))
        if self._thread.is_alive() or any(worker.is_alive() for worker in self._workers):
            raise RunError("The lab's web server did not stop: one of its endpoints still waits. Run it again.")

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it in the server's event loop and give its result: where an AsyncEngine must be disposed."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._server.loop).result(PATIENCE_S)

    def settle(self) -> None:
        """Returns when every request has ended: background tasks and code after `yield` run after the response."""
        if self.run(_ended(self._server.server_state.tasks, PATIENCE_S / 2)):
            raise RunError("A request did not end in time. Run it again.")

    def _serve(self) -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._server.serve([self._socket]))
                loop = runner.get_loop()
                self._workers = tuple(each for each in threading.enumerate() if getattr(each, "loop", None) is loop)
        finally:
            self._server.ready.set()


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, its loggers and its looks at the clock every 0.1 s."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event

    def leave(self) -> None:
        """Ask it to stop, from any thread."""
        self.should_exit = True
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._over.set)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=sockets)
        self.ready.set()
        await self._over.wait()
        await self.shutdown(sockets=sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for task in await _ended(self.server_state.tasks, GRACE_S):
            task.cancel("The server stops.")
        await _ended(self.server_state.tasks, PATIENCE_S / 2)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        # The transports close their sockets in the loop's next round.
        await asyncio.sleep(0)


class _Protocol(H11Protocol):
    """uvicorn's protocol with a logger of its own; it tells of a client that leaves before its response."""

    def __init__(self, logger: logging.Logger, on_left: Callable[[str], None], **settings: Any) -> None:
        super().__init__(**settings)
        self.logger = logger
        self.access_log = False
        self._on_left = on_left

    def connection_lost(self, exc: Exception | None) -> None:
        waits = self.cycle is not None and not self.cycle.response_complete
        super().connection_lost(exc)
        if waits:
            self._on_left(dict(self.headers).get(HEADER, b"").decode())


class _Keep(logging.Handler):
    """Keeps the errors of the application, as class and message."""

    def __init__(self, log: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info and record.exc_info[1]
        self._log.append(describe(error) if error else record.getMessage().strip())


@contextmanager
def serve(app: Any, on_left: Callable[[str], None] = lambda request: None) -> Iterator[Served]:
    """Serve the ASGI application `app` until the block ends; then no thread and no socket is left.

    `on_left` is called in the server's loop with the name of each request whose client closed the connection before
    it had its response. Raises RunError.
    """
    served = Served(app, on_left)
    served.start()
    try:
        yield served
    finally:
        try:
            served.stop()
        finally:
            forget_applications()


def _listen() -> socket.socket:
    """A listening socket on a free port of 127.0.0.1: clients can connect before the loop runs."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    listening.setblocking(False)
    return listening


def _logger(log: list[str]) -> logging.Logger:
    """A logger that nobody finds by its name."""
    made = logging.Logger("txscope.requests", logging.ERROR)  # noqa: LOG001
    made.addHandler(_Keep(log))
    return made


async def _ended(tasks: set[asyncio.Task[None]], timeout_s: float) -> set[asyncio.Task[None]]:
    """Those that have not ended after so many seconds."""
    if not tasks:
        return set()
    _, pending = await asyncio.wait(set(tasks), timeout=timeout_s)
    return pending
