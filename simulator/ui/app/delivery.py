"""What a browser loads before anything is shown: Streamlit's own page and scripts, made to arrive sooner.

Streamlit serves its scripts uncompressed, since compressing them for every request costs more than it saves. Their
names carry a hash of their content, so one compressed copy, made once and kept, is right for ever: 9 MB a participant
become 3. The first who asks for a file has just started the application, mostly on this machine, and is not made to
wait for the compression; it is for the others.

What draws the first sentence of a page is asked for by Streamlit when the sentence has come; here it is asked for at
once, together with all else.

And on a deep link Streamlit's page first looks for the server below the page's own path, fails, and looks again at the
root; it is told where the server is.
"""

from __future__ import annotations

import gzip
import mimetypes
import re
import threading
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

import anyio.to_thread
import streamlit
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.ui.app.web.visitors import SENT_AWAY

STATIC = Path(streamlit.__file__).parent / "static"
MINIMUM_BYTES = 2_000
LEVEL = 5
SUFFIXES = (".js", ".css", ".wasm")
#: Pages are never nested, so "./" is the server's root, also below a reverse proxy's path.
_WHERE = '<script>window.__streamlit = { BACKEND_BASE_URL: new URL("./", window.location.href).href }</script>'
#: The server closes with this code what belongs to a group that is gone: the browser begins anew.
_AGAIN = (
    "<script>window.WebSocket = class extends window.WebSocket { constructor(...given) { super(...given); "
    "this.addEventListener('close', ({ code }) => { "
    f"if (code === {SENT_AWAY}) window.location.replace('./') }}) }} }}</script>"
)


#: Streamlit's own Stop leaves a page half made, and is there before any style of ours; what takes long has its own.
_NO_STOP = "<style>[data-testid=stStatusWidget] button { display: none }</style>"
#: Streamlit's own names of what draws a page's texts and our components.
FIRST_DRAWN = ("Html", "BidiComponent", "ButtonGroup", "PageLink")
_IMPORT = re.compile(r"""(?:from|import)\s*["']\./([\w.-]+\.js)["']""")


def index_page(script: str) -> str:
    """Streamlit's page as it is served here; `script` is loaded by most pages, so its loading begins at once.

    Not before the texts of the page, though: they are read first.
    """
    html = (STATIC / "index.html").read_text("utf-8")
    texts = "".join(f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in _drawing(html))
    picture = f'<link rel="preload" as="script" fetchpriority="low" href="./{script}">'
    begun = html.replace("<head>", f"<head>{_WHERE}{_AGAIN}", 1)
    return begun.replace("</head>", f"{_NO_STOP}{texts}{picture}</head>", 1)


def _drawing(html: str) -> list[str]:
    """Files of scripts that draw texts, with all that they import and the page does not load itself."""
    folder = STATIC / "static" / "js"
    left = [file.name for name in FIRST_DRAWN for file in folder.glob(f"{name}.*.js")]
    found: list[str] = []
    while left:
        name = left.pop(0)
        if name not in found and name not in html and (folder / name).is_file():
            found.append(name)
            left += _IMPORT.findall((folder / name).read_text("utf-8"))
    return found


class Delivery:
    """ASGI middleware: answers for the page and its scripts; everything else passes through.

    `pages` are the paths that people open, `html` is what they get; `first` is the end of a script's path that is not
    Streamlit's, and which the first who asks shall get uncompressed too.
    """

    def __init__(self, app: ASGIApp, pages: Collection[str], html: str, first: str) -> None:
        self._app = app
        self._pages = frozenset(pages)
        self._html = html
        self._script = f"/{first}"
        self._asked: set[str] = set()
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
