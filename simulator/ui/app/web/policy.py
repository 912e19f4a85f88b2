"""The headers of every response: what a browser may do with our pages, and who may put them where.

The Content-Security-Policy names no other machine. What it leaves open is what Streamlit and our components cannot do
without, each found by looking at what a browser refused:

- `'unsafe-inline'` for styles: Streamlit makes its style sheets while it runs.
- `blob:` for scripts: a component's script comes over the WebSocket and is loaded from memory.
- `'wasm-unsafe-eval'`: Graphviz, which draws the graphs in the browser, is WebAssembly. JavaScript's `eval` stays shut.
- inline scripts by their hash, and only those of the page that is served.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from simulator.ui.app.web.names import Host

_INLINE_SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
_INLINE_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_DENIED = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer", "microphone",
    "midi", "payment", "serial", "usb",
)  # fmt: skip

Headers = tuple[tuple[bytes, bytes], ...]

ALWAYS: Headers = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    # Not "no-referrer": with that a browser's own form posts with the origin "null".
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", ", ".join(f"{feature}=()" for feature in _DENIED).encode()),
)
#: Where the browser does not trust the way (plain http to another machine) it ignores this, and complains.
OPENER: Headers = ((b"cross-origin-opener-policy", b"same-origin"),)


class Policy:
    """The Content-Security-Policy of the pages made of these HTML documents."""

    def __init__(self, documents: Iterable[str]) -> None:
        hashes = sorted({found for html in documents for found in _hashes(_INLINE_SCRIPT, html)})
        self._before = (
            "default-src 'none'; base-uri 'none'; object-src 'none'; frame-src 'none'; frame-ancestors 'none'; "
            "form-action 'self'; manifest-src 'self'; media-src 'self'; font-src 'self' data:; "
            "img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; worker-src 'none'; "
            f"script-src 'self' blob: 'wasm-unsafe-eval' {' '.join(hashes)}; connect-src 'self'"
        )

    def header(self, host: Host | None) -> bytes:
        """The header's value for a page that was asked for under this name."""
        # Older Safaris do not count a WebSocket to the page's own host as 'self'.
        if host is None or ":" in host.name:
            return self._before.encode()
        place = host.name if host.port is None else f"{host.name}:{host.port}"
        return f"{self._before} ws://{place} wss://{place}".encode()


def notice_policy(html: str) -> bytes:
    """The policy of a page that is nothing but text, its own style and at most a form."""
    styles = " ".join(_hashes(_INLINE_STYLE, html))
    return (
        f"default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src {styles}".encode()
    )


def _hashes(pattern: re.Pattern[str], html: str) -> list[str]:
    digests = (hashlib.sha256(text.encode()).digest() for text in pattern.findall(html))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
