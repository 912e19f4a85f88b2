"""What the guard lets through to Streamlit, what it refuses, and what it writes into every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from simulator.ui.app.web.door import COOKIE, Door
from simulator.ui.app.web.guard import Guard, Rules
from simulator.ui.app.web.names import Names
from simulator.ui.app.web.policy import Policy
from simulator.ui.app.web.uploads import MB, Limits, UploadRefused, Uploads
from simulator.ui.app.web.visitors import MOST_TABS, SENT_AWAY, Visitors

HERE = "http://127.0.0.1:8501"
STREAM = "ws://127.0.0.1:8501/_stcore/stream"
UPLOAD = "/_stcore/upload_file/tab/file"
ASKING = {"accept": "text/html"}
PAGE = "<head><script>window.ours = 1</script></head>"


class Streamlit:
    """In its place: answers everything, and remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.hosts: list[str] = []
        self.closed: list[str] = []

    async def page(self, request: Request) -> Response:
        self.seen.append(f"{request.method} {request.url.path}")
        await request.body()
        return HTMLResponse(PAGE)

    async def stream(self, websocket: WebSocket) -> None:
        self.hosts.append(websocket.headers["host"])
        await websocket.accept(subprotocol="streamlit")
        try:
            while True:
                await websocket.send_bytes(await websocket.receive_bytes())
        except WebSocketDisconnect:
            pass
        finally:
            self.closed.append("tab")


class Web:
    """A guarded Streamlit and a browser."""

    def __init__(self, door: Door | None = None, kept: Mapping[str, int] | None = None) -> None:
        self.streamlit = Streamlit()
        self.visitors = Visitors()
        uploads = Uploads(lambda: kept or {}, Limits(file=1, tab=2, together=3))
        rules = Rules(Names(["tx.example.org"], own="ada"), Policy([PAGE]), self.visitors, uploads, door)
        routes = [
            WebSocketRoute("/{rest:path}", self.streamlit.stream),
            Route("/{rest:path}", self.streamlit.page, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        ]
        app = Starlette(routes=routes, middleware=[Middleware(Guard, rules=rules)])
        self.browser = TestClient(app, base_url=HERE, follow_redirects=False)

    @contextmanager
    def tab(self, url: str = STREAM, **headers: str) -> Iterator[WebSocket]:
        with self.browser.websocket_connect(url, subprotocols=["streamlit", "x"], headers=headers) as open_tab:
            yield open_tab  # type: ignore[misc]


@pytest.fixture
def web() -> Web:
    return Web()


def test_every_answer_says_what_a_browser_may_do_with_it(web: Web) -> None:
    stranger = web.browser.get("/", headers={"host": "evil.example"})
    for answer in (web.browser.get("/"), web.browser.get("/_stcore/metrics"), stranger):
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "camera=()" in answer.headers["permissions-policy"]


def test_the_policy_names_no_other_machine_and_allows_only_our_own_inline_script(web: Web) -> None:
    policy = web.browser.get("/").headers["content-security-policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "'unsafe-inline'" not in scripts
    assert "'unsafe-eval'" not in scripts
    assert scripts.count("sha256-") == 1
    assert "http:" not in policy
    assert "https:" not in policy
    assert "*" not in policy
    places = [word for word in policy.split() if "://" in word]
    assert places == ["ws://127.0.0.1:8501", "wss://127.0.0.1:8501"]


def test_plain_http_to_another_machine_gets_no_header_that_its_browser_would_complain_about(web: Web) -> None:
    assert "cross-origin-opener-policy" in web.browser.get("/").headers
    assert "cross-origin-opener-policy" not in web.browser.get("/", headers={"host": "192.168.1.5:8501"}).headers


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:8501"},
        {"host": "evil.example:8501", "origin": "http://evil.example:8501"},  # rebinding
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    ],
)
def test_strangers_are_refused_before_streamlit_sees_them(web: Web, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        assert web.browser.request(method, UPLOAD, headers=headers).status_code == 403
    if "sec-fetch-site" not in headers:
        with pytest.raises(WebSocketDisconnect), web.tab(**headers):
            pytest.fail("the WebSocket was accepted")
    assert web.streamlit.seen == []
    assert web.streamlit.hosts == []


def test_a_link_on_another_site_may_be_followed(web: Web) -> None:
    assert (
        web.browser.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}).status_code == 200
    )


def test_a_refusal_is_one_sentence_in_the_readers_language(web: Web) -> None:
    plain = web.browser.get("/", headers={"host": "evil.example"})
    assert "evil.example" in plain.text
    assert "TXSCOPE_HOSTS" in plain.text
    page = web.browser.get("/", headers={"host": "<b>", **ASKING, "accept-language": "zh-CN"})
    assert 'lang="zh"' in page.text
    assert "<b>" not in page.text


def test_our_own_page_is_served(web: Web) -> None:
    assert web.browser.get("/anomalies", headers={"origin": HERE}).status_code == 200
    with web.tab(origin=HERE) as tab:
        tab.send_bytes(b"hello")
        assert tab.receive_bytes() == b"hello"  # type: ignore[func-returns-value]
    assert web.streamlit.closed == ["tab"]


def test_behind_a_proxy_streamlit_sees_the_name_that_the_page_has(web: Web) -> None:
    """Else it would ask an outside service who it is."""
    with web.tab(origin="https://tx.example.org") as tab:
        tab.send_bytes(b"x")
    assert web.streamlit.hosts == ["tx.example.org"]


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent/openapi.json", "/_stcore/agent/mcp",
        "/_stcore/bidi-components/x/y.js", "/_stcore/stream", "/_stcore/", "/_stcore", "/anomalies/_stcore/metrics",
        "/auth/login", "/auth/logout", "/oauth2callback", "/component/x/index.html", "/app/static/x",
    ],
)  # fmt: skip
def test_what_no_visitor_needs_is_closed(web: Web, path: str) -> None:
    assert web.browser.get(path).status_code == 404
    assert web.streamlit.seen == []


@pytest.mark.parametrize(
    "path", ["/", "/locks", "/static/js/x.js", "/media/x.json", "/_stcore/health", "/base/_stcore/host-config"]
)
def test_what_a_page_needs_is_open(web: Web, path: str) -> None:
    assert web.browser.get(path).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("PUT", "/"), ("DELETE", "/media/x"), ("PATCH", UPLOAD)])
def test_nothing_is_changed_but_by_an_upload(web: Web, method: str, path: str) -> None:
    assert web.browser.request(method, path).status_code == 405
    assert web.streamlit.seen == []


def test_no_websocket_elsewhere(web: Web) -> None:
    with pytest.raises(WebSocketDisconnect), web.tab("ws://127.0.0.1:8501/elsewhere"):
        pytest.fail("the WebSocket was accepted")


def test_an_upload_may_be_as_large_as_stated_and_no_larger(web: Web) -> None:
    assert web.browser.put(UPLOAD, content=b"x" * MB).status_code == 200
    refused = web.browser.put(UPLOAD, content=b"x" * (MB + 100_000))
    assert refused.status_code == 413
    assert refused.text == "This upload is too large: the limit is 1 MB."
    assert web.browser.put(UPLOAD, content=iter([b"x"])).status_code == 411
    assert web.browser.put(UPLOAD, content=b"x", headers={"content-length": "-1"}).status_code == 411
    assert web.streamlit.seen == [f"PUT {UPLOAD}"]


def test_the_files_of_one_tab_and_of_all_tabs_have_a_limit_too() -> None:
    assert Web(kept={"tab": 2 * MB}).browser.put(UPLOAD, content=b"x" * MB).status_code == 413
    full = Web(kept={"other": 3 * MB}).browser.put(UPLOAD, content=b"x")
    assert full.status_code == 503
    assert "3 MB" in full.text


def test_uploads_on_their_way_count() -> None:
    uploads = Uploads(dict, Limits(file=1, tab=2, together=3))
    with uploads.place("a", MB), uploads.place("b", MB), uploads.place("c", MB):
        with pytest.raises(UploadRefused) as refused, uploads.place("d", 1):
            pytest.fail("it was let in")
        assert (refused.value.status, refused.value.megabytes) == (503, 3)
    with uploads.place("d", 1):
        pass


def test_a_room_with_a_passphrase_serves_nothing_before_it_but_the_look_whether_it_is_there() -> None:
    web = Web(Door("tulip"))
    for path in ("/", "/anomalies?scenario=x", "/static/js/x.js", "/media/x", "/favicon.png"):
        answer = web.browser.get(path)
        assert answer.status_code == 401
        assert "passphrase of this room" in answer.text
        assert 'lang="zh"' in answer.text
        assert "script" not in answer.headers["content-security-policy"]
    assert web.browser.put(UPLOAD, content=b"x").status_code == 401
    assert web.streamlit.seen == []
    assert web.browser.get("/_stcore/health").status_code == 200


def test_the_passphrase_lets_in_and_comes_back_to_the_same_address() -> None:
    web = Web(Door("tulip"))
    wrong = web.browser.post("/locks?step=4", data={"passphrase": "rose"}, headers={"origin": HERE})
    assert wrong.status_code == 401
    assert "not the passphrase" in wrong.text
    right = web.browser.post("/locks?step=4", data={"passphrase": "tulip"}, headers={"origin": HERE})
    assert right.status_code == 303
    assert right.headers["location"] == "./locks?step=4"
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert web.browser.get("/locks").text == PAGE
    with web.tab(origin=HERE) as tab:
        tab.send_bytes(b"x")


@pytest.mark.parametrize("path", ["//evil.example", "//evil.example/", "/a/%0d%0aSet-Cookie:x=1", "/\\evil.example"])
def test_the_way_back_never_leads_elsewhere(path: str) -> None:
    answer = Web(Door("tulip")).browser.post(HERE + path, data={"passphrase": "tulip"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("./")
    assert "evil.example/" not in answer.headers["location"]
    assert "\n" not in answer.headers["location"]


@pytest.mark.parametrize(
    "body", [b"", b"x" * 100_000, b"\xff\xfe=1", b"passphrase=", b"passphrase=rose&passphrase=tulip"]
)
def test_no_form_opens_the_door_by_being_odd(body: bytes) -> None:
    web = Web(Door("tulip"))
    assert web.browser.post("/", content=body).status_code == 401


def test_who_guesses_too_often_is_told_to_wait() -> None:
    web = Web(Door("tulip"))
    codes = [web.browser.post("/", data={"passphrase": f"{number}"}).status_code for number in range(6)]
    assert codes == [401] * 5 + [429]


def test_without_a_passphrase_everybody_gets_a_cookie_with_the_page_only() -> None:
    web = Web(Door(None))
    assert "set-cookie" not in web.browser.get("/_stcore/metrics").headers
    assert COOKIE in web.browser.get("/").headers["set-cookie"]
    assert "set-cookie" not in web.browser.get("/").headers


@pytest.mark.parametrize("passphrase", [None, "tulip"])
def test_a_page_of_a_group_that_is_gone_is_told_to_load_again(passphrase: str | None) -> None:
    door = Door(passphrase)
    web = Web(door)
    web.browser.cookies.set(COOKIE, door.ticket())
    door.renew(passphrase)
    with web.tab(origin=HERE) as tab:
        message = tab.receive()
    assert message["code"] == SENT_AWAY
    assert web.streamlit.hosts == []


def test_a_browser_that_keeps_no_cookies_is_not_sent_round_in_circles() -> None:
    web = Web(Door(None))
    with web.tab(origin=HERE) as tab:
        tab.send_bytes(b"x")
        assert tab.receive_bytes() == b"x"  # type: ignore[func-returns-value]


def test_all_are_sent_away_and_what_served_them_has_ended() -> None:
    web = Web(Door(None))
    with web.browser, web.tab(origin=HERE) as first, web.tab(origin=HERE) as second:
        first.send_bytes(b"x")
        assert first.receive_bytes() == b"x"  # type: ignore[func-returns-value]
        assert web.browser.portal is not None
        assert web.browser.portal.call(web.visitors.send_all_away) == 2
        assert [tab.receive()["code"] for tab in (first, second)] == [SENT_AWAY, SENT_AWAY]
        assert web.streamlit.closed == ["tab", "tab"]
        assert web.visitors.tabs == 0


def test_one_page_too_many_is_refused(monkeypatch: pytest.MonkeyPatch, web: Web) -> None:
    monkeypatch.setattr(Visitors, "tabs", property(lambda _self: MOST_TABS))
    with pytest.raises(WebSocketDisconnect), web.tab(origin=HERE):
        pytest.fail("the WebSocket was accepted")


def test_at_the_end_nobody_is_let_in(web: Web) -> None:
    web.visitors.end()
    assert web.browser.get("/").status_code == 503
    with pytest.raises(WebSocketDisconnect), web.tab(origin=HERE):
        pytest.fail("the WebSocket was accepted")


def test_who_does_not_read_is_cut_off_at_the_end_without_a_word_in_the_log() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def never_read(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await HTMLResponse(PAGE)(scope, receive, send)

    async def scene() -> None:
        visitors = Visitors()
        guard = Guard(app, Rules(Names(own="ada"), Policy([]), visitors, Uploads(dict, Limits())))
        scope = {
            "type": "http", "method": "GET", "path": "/", "scheme": "http", "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }  # fmt: skip
        serving = asyncio.create_task(guard(scope, receive, never_read))
        await asyncio.sleep(0)
        visitors.end()
        serving.cancel()
        await serving

    asyncio.run(scene())
    assert sent[0]["status"] == 200
