"""Who is connected at this moment, so that all can be sent away: between two groups, and when the server ends.

Used from the event loop only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Scope, Send

#: A browser that hears this close code loads its page anew; see `delivery.AGAIN`.
SENT_AWAY = 4001
#: A server that has so many tabs open takes no more: each holds memory for as long as it is open.
MOST_TABS = 250
#: So long is waited for what the tabs held, before it is said that they are away.
AWAY_SECONDS = 3.0

log = logging.getLogger("txscope")

Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]


class _Tab:
    """A WebSocket: one page that is open somewhere."""

    def __init__(self, send: Send, task: asyncio.Task[object]) -> None:
        self._send = send
        self._task = task
        #: set once nothing serves the page any more
        self.served = asyncio.Event()
        self.sent_away = False

    async def send(self, message: Message) -> None:
        """What the page is told; nothing any more once it was sent away."""
        if not self.sent_away:
            await self._send(message)

    async def send_away(self) -> None:
        """Say so to the browser, then end what serves it, also where the browser does not listen."""
        if self.sent_away:
            return
        self.sent_away = True
        try:
            async with asyncio.timeout(0.5):
                await self._send({"type": "websocket.close", "code": SENT_AWAY, "reason": "the room was reset"})
        except TimeoutError:
            pass
        finally:
            self._task.cancel()


class Visitors:
    """The open tabs."""

    def __init__(self) -> None:
        self._tabs: set[_Tab] = set()
        self._ending = False

    @property
    def tabs(self) -> int:
        """How many pages are open."""
        return len(self._tabs)

    @property
    def ending(self) -> bool:
        """Whether the server is about to stop: nobody is let in any more."""
        return self._ending

    async def keep_tab(self, app: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket until it closes or is sent away."""
        task = _this_task()
        tab = _Tab(send, task)
        self._tabs.add(tab)
        try:
            await app(scope, receive, tab.send)
        except asyncio.CancelledError:
            if not tab.sent_away:
                raise
            task.uncancel()
        finally:
            tab.served.set()
            self._tabs.discard(tab)

    async def send_all_away(self) -> int:
        """Close every open page; how many there were. What a page held has been given back when this returns."""
        tabs = list(self._tabs)
        await asyncio.gather(*(tab.send_away() for tab in tabs))
        try:
            async with asyncio.timeout(AWAY_SECONDS):
                await asyncio.gather(*(tab.served.wait() for tab in tabs))
        except TimeoutError:
            log.warning("Some pages still hold something %s s after they were closed", AWAY_SECONDS)
        return len(tabs)

    def end(self) -> None:
        """Let nobody in any more."""
        self._ending = True


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("An ASGI application is served outside of a task")
    return task
