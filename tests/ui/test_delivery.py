"""What a browser loads first: the page knows where its server is, and Streamlit's scripts come compressed."""

from __future__ import annotations

import asyncio
import gzip
import re
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from simulator.ui.app.delivery import STATIC, Delivery, index_page

PASSED_ON = 418


def delivery() -> Delivery:
    passed_on = PlainTextResponse("passed on", status_code=PASSED_ON)
    return Delivery(passed_on, ["/", "/anomalies"], index_page("own/script.js?v=1"), "own/script.js")


def get(
    path: str, encoding: str = "gzip, br", method: str = "GET", app: Delivery | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"accept-encoding", encoding.encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
    asyncio.run((app or delivery())(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, body


@pytest.mark.parametrize("path", ["/", "/anomalies"])
def test_a_page_says_where_its_server_is(path: str) -> None:
    status, headers, body = get(path)
    assert status == 200
    assert headers["cache-control"] == "no-cache"
    assert b"BACKEND_BASE_URL" in body
    assert b'href="./own/script.js?v=1"' in body
    assert b"static/js/index." in body
    for drawing in (b"Html", b"BidiComponent"):  # what draws the first sentence is loaded ahead, once
        assert len(re.findall(rb'modulepreload" crossorigin href="./static/js/' + drawing + rb"\.", body)) == 1


def test_a_script_is_compressed_for_the_second_who_asks() -> None:
    app = delivery()
    file = max((STATIC / "static" / "js").glob("*.js"), key=lambda path: path.stat().st_size)
    assert get(f"/static/js/{file.name}", app=app)[0] == PASSED_ON
    status, headers, body = get(f"/static/js/{file.name}", app=app)
    assert status == 200
    assert headers["content-encoding"] == "gzip"
    assert "immutable" in headers["cache-control"]
    assert "javascript" in headers["content-type"]
    assert gzip.decompress(body) == file.read_bytes()
    assert len(body) < file.stat().st_size / 2


@pytest.mark.parametrize(
    ("path", "encoding", "method"),
    [
        ("/static/js/../../index.html", "gzip", "GET"),
        ("/static/js/no-such.js", "gzip", "GET"),
        ("/static/../../../etc/passwd", "gzip", "GET"),
        ("/_stcore/health", "gzip", "GET"),
        ("/elsewhere", "gzip", "GET"),
        ("/", "gzip", "POST"),
    ],
)
def test_everything_else_is_left_to_streamlit(path: str, encoding: str, method: str) -> None:
    assert get(path, encoding, method)[0] == PASSED_ON


def test_who_takes_no_gzip_gets_the_file_from_streamlit() -> None:
    app = delivery()
    script = next(Path(STATIC / "static" / "js").glob("index.*.js"))
    for _ in range(2):
        assert get(f"/static/js/{script.name}", encoding="identity", app=app)[0] == PASSED_ON
