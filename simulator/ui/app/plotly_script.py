"""Plotly's script, pip's own copy, served by this application, so that nothing leaves the machine."""

from __future__ import annotations

import gzip
from functools import lru_cache
from pathlib import Path

import plotly
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
#: Beside Streamlit's own `static/`, so the browser finds it below any base path; asked for with its version.
SCRIPT = "txscope/plotly.min.js"


def plotly_route() -> Route:
    """The route that `score_view` loads Plotly from; give it to `st.App(routes=[...])`."""
    return Route("/{base:path}" + SCRIPT, _serve_plotly, methods=["GET", "HEAD"])


@lru_cache(maxsize=2)
def _plotly_body(compressed: bool) -> bytes:
    body = PLOTLY.read_bytes()
    return gzip.compress(body, compresslevel=6, mtime=0) if compressed else body


def _serve_plotly(request: Request) -> Response:
    """Compressed once a process; a plain function, so Starlette runs it in a thread."""
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "ETag": f'"{plotly.__version__}-{"gzip" if compressed else "plain"}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return Response(_plotly_body(compressed), media_type="text/javascript", headers=headers)
