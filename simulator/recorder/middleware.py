"""An ASGI middleware that gives every HTTP request its name on the timeline (FastAPI, Starlette)."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from simulator.lifecycle import Moment, RequestEnded, RequestStarted
from simulator.recorder.pool import describe
from simulator.recorder.tape import REQUEST
from simulator.recorder.trace import Recorder

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

#: A header by which a client names its own request.
HEADER = b"x-txscope-request"


class TraceMiddleware:
    """`app.add_middleware(TraceMiddleware, recorder=recorder)`: requests and their responses go into the history.

    The request ends when the application's call returns: after background tasks and the code after `yield`.
    """

    def __init__(self, app: Application, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = dict(scope["headers"]).get(HEADER, b"").decode() or f"request {next(self._numbers)}"
        tape = self._recorder.tape
        token = REQUEST.set(name)
        tape.note(RequestStarted, {"key": f"{scope['method']} {scope['path']}"})
        status = "failed"

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                tape.note(Moment, {"label": "response started", "detail": status})
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                tape.note(Moment, {"label": "response sent", "detail": status})

        error = ""
        try:
            await self._app(scope, receive, tell)
        except BaseException as raised:
            error = describe(raised)
            raise
        finally:
            tape.note(RequestEnded, {"outcome": status, "error": error})
            REQUEST.reset(token)
