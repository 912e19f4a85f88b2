"""The outermost ASGI middleware: what it refuses, Streamlit never sees.

It asks, in this order: is this server meant (`names`), does a page of our own ask, is the server still open, is this
something that visitors need, are they in (`door`), is an upload small enough. And it writes the headers of `policy`
into every response.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.ui.app.web import notices
from simulator.ui.app.web.door import COOKIE, COOKIE_SECONDS, Answer, Door, Ticket
from simulator.ui.app.web.names import Names, parse_host
from simulator.ui.app.web.policy import ALWAYS, OPENER, Policy
from simulator.ui.app.web.uploads import UploadRefused, Uploads
from simulator.ui.app.web.visitors import MOST_TABS, SENT_AWAY, Visitors

#: Of what Streamlit serves below `_stcore/`, a page needs this and nothing else: no metrics, no interface for programs.
STREAM = "stream"
NEEDED = re.compile(r"/_stcore/(health|host-config|upload_file/(?P<tab>[^/]+)/[^/]+)$")
#: Where a page looks whether its server is there; it says no more than that, so it needs no passphrase.
LOOKED_FOR = re.compile(r"/_stcore/(health|host-config)$")
#: The presenter's own way in: who comes here brings a key (see `room`), and no cookie.
RESET = "/txscope/reset"
#: Log-in with an identity provider, and components of the old kind: Txscope has neither.
UNUSED = re.compile(r"/(auth/|oauth2callback|component/|app/static/|_stcore(/|$))")
UPLOAD_SECONDS = 60
_FORM_BYTES, _FORM_SECONDS = 4096, 10


@dataclass(frozen=True, slots=True)
class Rules:
    """What the guard goes by; the parts that change (door, visitors, uploads) look after themselves."""

    names: Names
    policy: Policy
    visitors: Visitors
    uploads: Uploads
    #: None where the server listens to this machine alone
    door: Door | None = None


class Guard:
    """See the module."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        send = self._with_headers(scope, headers, send)
        response = self._refusal(scope, headers) or await self._closed(scope, headers, receive)
        try:
            await (response(scope, receive, send) if response else self._pass(scope, headers, receive, send))
        except asyncio.CancelledError:
            if not self._rules.visitors.ending:
                raise  # at the end the server cuts off whoever still sends or fetches: nothing for the log

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """For requests that were not meant for this server, that another site's page sent, or that come too late."""
        host = headers.get("host")
        if not self._rules.names.answers_to(host):
            return notices.refusal(403, notices.wrong_name(host), headers)
        if not self._own_page_asks(headers):
            return notices.refusal(403, notices.foreign_page, headers)
        if self._rules.visitors.ending:
            return notices.refusal(503, notices.ending, headers)
        if scope["type"] == "websocket" and self._rules.visitors.tabs >= MOST_TABS:
            return notices.refusal(503, notices.too_many, headers)
        return None

    def _own_page_asks(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None:
            return self._rules.names.is_own_page(origin, headers.get("host", ""))
        # A picture or a script that another site's page embeds comes without an origin; a link there may be followed.
        return headers.get("sec-fetch-site") != "cross-site" or headers.get("sec-fetch-mode") == "navigate"

    async def _closed(self, scope: Scope, headers: Headers, receive: Receive) -> Response | None:
        """For what nobody needs, and for what is behind the door."""
        path = scope["path"]
        if path == RESET and scope["method"] == "POST":
            return None
        if UNUSED.search(path) and not NEEDED.search(path):
            return notices.refusal(404, notices.closed, headers)
        door = self._rules.door
        response = None if door is None else await self._at_the_door(door, scope, headers, receive)
        if response is None and scope["method"] not in {"GET", "HEAD", "OPTIONS"} and not _tab_of(scope):
            return notices.refusal(405, notices.closed, headers)
        return response

    async def _at_the_door(self, door: Door, scope: Scope, headers: Headers, receive: Receive) -> Response | None:
        if not door.is_locked or LOOKED_FOR.search(scope["path"]):
            return None
        inside = door.look_at(_cookie(headers)) is Ticket.VALID
        if scope["method"] != "POST":
            return None if inside else notices.door_page(None)
        response = RedirectResponse(notices.here(scope["path"], scope["query_string"]), status_code=303)
        if inside:
            return response  # the form was sent twice
        answer = door.guess(scope["client"][0] if scope.get("client") else "", await _passphrase(receive))
        if answer is not Answer.RIGHT:
            return notices.door_page(answer)
        _give_ticket(door, scope, MutableHeaders(raw=response.raw_headers))
        return response

    async def _pass(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        tab = _tab_of(scope)
        if tab is None or scope["method"] != "PUT":
            await self._app(scope, receive, send)
            return
        refused = await self._upload(tab, scope, headers, receive, send)
        if refused is not None:
            await refused(scope, receive, send)

    async def _upload(self, tab: str, scope: Scope, headers: Headers, receive: Receive, send: Send) -> Response | None:
        size = headers.get("content-length", "")
        if not size.isdecimal():
            return notices.refusal(411, notices.no_size, headers)
        try:
            with self._rules.uploads.place(tab, int(size)):
                async with asyncio.timeout(UPLOAD_SECONDS) as deadline:
                    await self._app(scope, receive, send)
        except UploadRefused as refused:
            return notices.refusal(refused.status, notices.upload_refused(refused), headers)
        except TimeoutError:
            if not deadline.expired():
                raise
            return notices.refusal(408, notices.too_slow, headers)
        return None

    def _with_headers(self, scope: Scope, headers: Headers, send: Send) -> Send:
        host = parse_host(headers.get("host", ""))
        opener = OPENER if scope["scheme"] == "https" or (host is not None and host.is_local) else ()

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                message["headers"].extend((*ALWAYS, *opener))
                if "content-security-policy" not in own:
                    message["headers"].append((b"content-security-policy", self._rules.policy.header(host)))
                    self._let_in(scope, headers, own)
            await send(message)

        return with_headers

    def _let_in(self, scope: Scope, headers: Headers, own: MutableHeaders) -> None:
        """Where no passphrase is asked for, whoever opens a page gets the group's cookie with it."""
        door = self._rules.door
        if door is None or door.is_locked or not own.get("content-type", "").startswith("text/html"):
            return
        if door.look_at(_cookie(headers)) is not Ticket.VALID:
            _give_ticket(door, scope, own)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        path = scope["path"]
        if self._refusal(scope, headers) is not None or not path.endswith(f"/_stcore/{STREAM}"):
            await send({"type": "websocket.close", "code": 1008})  # not accepted yet: the browser sees a 403
        elif self._has_to_load_again(headers):
            await _say_load_again(headers, receive, send)
        else:
            scope = _as_own_origin(scope, headers)
            await self._rules.visitors.keep_tab(self._app, scope, receive, send)

    def _has_to_load_again(self, headers: Headers) -> bool:
        """Whether the page is of a group that is gone. A browser that keeps no cookies comes without: no loop."""
        door = self._rules.door
        if door is None:
            return False
        ticket = door.look_at(_cookie(headers))
        return ticket is Ticket.WORTHLESS or (door.is_locked and ticket is Ticket.NONE)


def _tab_of(scope: Scope) -> str | None:
    """The tab that uploads, or takes its upload back."""
    found = NEEDED.search(scope["path"]) if scope["method"] in {"PUT", "DELETE"} else None
    return found["tab"] if found else None


def _cookie(headers: Headers) -> str | None:
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)


def _give_ticket(door: Door, scope: Scope, headers: MutableHeaders) -> None:
    secure = "; Secure" if scope["scheme"] == "https" else ""
    headers.append(
        "set-cookie", f"{COOKIE}={door.ticket()}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    )


def _as_own_origin(scope: Scope, headers: Headers) -> Scope:
    """The origin is ours. Where a proxy changed `Host`, Streamlit must not wonder: it would ask an outside service."""
    origin = headers.get("origin")
    if origin is None:
        return scope
    host = origin.partition("://")[2].encode("latin-1")
    return {**scope, "headers": [(name, host if name == b"host" else value) for name, value in scope["headers"]]}


async def _say_load_again(headers: Headers, receive: Receive, send: Send) -> None:
    """Accepted and closed at once, since a page is told nothing of a WebSocket that was refused."""
    await receive()
    offered = headers.get("sec-websocket-protocol", "").partition(",")[0].strip()
    await send({"type": "websocket.accept", "subprotocol": offered or None})
    await send({"type": "websocket.close", "code": SENT_AWAY, "reason": "this page is of another group"})


async def _passphrase(receive: Receive) -> str:
    """What was typed into the form; nothing where no form came, or one that is too large or too slow."""
    body = b""
    try:
        async with asyncio.timeout(_FORM_SECONDS):
            while len(body) <= _FORM_BYTES:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body"):
                    return str(parse_qs(body.decode("utf-8", "replace")).get(notices.FIELD, [""])[0])
    except TimeoutError:
        pass
    return ""
