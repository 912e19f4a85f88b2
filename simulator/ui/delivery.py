"""What a browser loads before anything is shown: Streamlit's own page and scripts, made to arrive sooner.

Streamlit serves its scripts uncompressed, since compressing them for every request costs more than it saves. Their
names carry a hash of their content, so one compressed copy, made once and kept, is right for ever: 9 MB a participant
become 3. The first who asks for a file has just started the application, mostly on this machine, and is not made to
wait for the compression; it is for the others.

And on a deep link Streamlit's page first looks for the server below the page's own path, fails, and looks again at the
root; it is told where the server is.
"""

from __future__ import annotations

import gzip
import mimetypes
import threading
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

import anyio.to_thread
import streamlit
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

STATIC = Path(streamlit.__file__).parent / "static"
MINIMUM_BYTES = 2_000
LEVEL = 5
SUFFIXES = (".js", ".css", ".wasm")
#: Pages are never nested, so "./" is the server's root, also below a reverse proxy's path.
_WHERE = '<script>window.__streamlit = { BACKEND_BASE_URL: new URL("./", window.location.href).href }</script>'


class Delivery:
    """ASGI middleware: answers for the page and its scripts; everything else passes through.

    `pages` are the paths that people open; `script` is loaded by most of them, so its loading begins at once.
    """

    def __init__(self, app: ASGIApp, pages: Collection[str], script: str) -> None:
        self._app = app
        self._pages = frozenset(pages)
        self._script = f"/{script.partition('?')[0]}"
        self._asked: set[str] = set()
        ahead = f'<link rel="preload" as="script" href="./{script}">'
        self._html = (STATIC / "index.html").read_text("utf-8").replace("<head>", f"<head>{_WHERE}{ahead}", 1)
        #: request path -> file; nothing outside of this table is ever opened
        self._files = {
            f"/{path.relative_to(STATIC).as_posix()}": path
            for path in (STATIC / "static").rglob("*")
            if path.suffix in SUFFIXES and path.stat().st_size >= MINIMUM_BYTES
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = None
        if scope["type"] == "http" and scope["method"] == "GET":
            if self._first(scope["path"]):
                scope = _without_compression(scope)
            response = await self._answer(scope)
        await (response or self._app)(scope, receive, send)

    def _first(self, path: str) -> bool:
        """Whether nobody has asked for this script before."""
        if path in self._asked or not (path in self._files or path.endswith(self._script)):
            return False
        self._asked.add(path)
        return True

    async def _answer(self, scope: Scope) -> Response | None:
        if scope["path"] in self._pages:
            return HTMLResponse(self._html, headers={"Cache-Control": "no-cache"})
        file = self._files.get(scope["path"])
        if file is None or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            return None
        body = await anyio.to_thread.run_sync(_compressed, file)
        headers = {
            "Content-Encoding": "gzip",
            "Vary": "Accept-Encoding",
            "Cache-Control": "public, max-age=31536000, immutable",
        }
        return Response(body, headers=headers, media_type=mimetypes.guess_type(file.name)[0] or "text/javascript")


def _without_compression(scope: Scope) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    return {**scope, "headers": headers}


_one_at_a_time = threading.Lock()


def _compressed(file: Path) -> bytes:
    """Many browsers ask for the same file at once; it is compressed for the first and kept for the others."""
    with _one_at_a_time:
        return _compress(file)


@lru_cache(maxsize=512)
def _compress(file: Path) -> bytes:
    return gzip.compress(file.read_bytes(), LEVEL, mtime=0)
