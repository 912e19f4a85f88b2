"""An ASGI middleware that gives every HTTP request its name on the timeline (FastAPI, Starlette)."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from simulator.history.application import Moment, RequestEnded, RequestStarted
from simulator.i18n.text import N_
from simulator.recorder.raised import Raised, raised
from simulator.recorder.tape import REQUEST
from simulator.recorder.trace import Recorder

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

#: A header by which a client names its own request.
HEADER = b"x-txscope-request"
_LONGEST_NAME = 80


class TraceMiddleware:
    """`app.add_middleware(TraceMiddleware, recorder=recorder)`: requests and their responses go into the history.

    The request ends when the application's call returns: after background tasks and the code after `yield`. A client
    that names its request in the header `x-txscope-request` finds it under that name.
    """

    def __init__(self, app: Application, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        tape = self._recorder.tape
        token = REQUEST.set(tape.request_name(self._name(scope)))
        tape.note(RequestStarted, {"key": f"{scope['method']} {scope['path']}"})
        status, sent = "failed", False

        async def tell(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start" and status != "disconnected":
                status = str(message["status"])
                tape.note(Moment, {"label": "response started", "detail": status})
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                sent = True
                tape.note(Moment, {"label": N_("response sent"), "detail": status})

        async def hear() -> Message:
            nonlocal status
            message = await receive()
            # After the response a server says so too: then nobody had gone before the end.
            if message["type"] == "http.disconnect" and not sent and status != "disconnected":
                status = "disconnected"
                tape.note(Moment, {"label": "client disconnected"})
            return message

        told = Raised()
        try:
            await self._app(scope, hear, tell)
        except BaseException as error:
            told = raised(error)
            raise
        finally:
            tape.note(RequestEnded, {"outcome": status, **told._asdict()})
            REQUEST.reset(token)

    def _name(self, scope: Message) -> str:
        said = dict(scope["headers"]).get(HEADER, b"").decode(errors="replace")
        return said[:_LONGEST_NAME] or f"request {next(self._numbers)}"
