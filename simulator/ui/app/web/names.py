"""Which names this server answers to, and who may ask it: the page that it served itself, and nobody else's.

A page of another site that is open in the presenter's browser can send requests to this server too. Browsers say in
`Origin` whose page asks. And a foreign name can be made to point to this machine (DNS rebinding): then `Origin` and
`Host` agree, and only the name in `Host` gives it away. An address in figures cannot be turned that way.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

_HOST = re.compile(r"[a-z0-9._:\[\]-]+")


@dataclass(frozen=True, slots=True)
class Host:
    """A host as it stands in `Host` and, after the scheme, in `Origin`; `port` is None where none is named."""

    name: str
    port: int | None

    @property
    def is_address(self) -> bool:
        """Whether the name is an IP address."""
        try:
            ip_address(self.name)
        except ValueError:
            return False
        return True

    @property
    def is_local(self) -> bool:
        """Whether only a browser on this machine can have meant this server by it."""
        if self.is_address:
            return ip_address(self.name).is_loopback
        return self.name == "localhost" or self.name.endswith(".localhost")


@lru_cache(maxsize=256)
def parse_host(text: str) -> Host | None:
    """None where it is no host at all.

    >>> parse_host("LOCALHOST:8501"), parse_host("[::1]:8501"), parse_host("ada@evil.example/x")
    (Host(name='localhost', port=8501), Host(name='::1', port=8501), None)
    """
    if not _HOST.fullmatch(text.lower()):
        return None
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return None
    return Host(parts.hostname.rstrip("."), port) if parts.hostname else None


@lru_cache(maxsize=256)
def parse_origin(text: str) -> Host | None:
    """The host of an `Origin`; None for "null" and for what is no web page's."""
    scheme, _, rest = text.partition("://")
    return parse_host(rest) if scheme in {"http", "https"} else None


class Names:
    """The names of this server; `extra` are those that a reverse proxy gives it, `name` or `name:port`."""

    def __init__(self, extra: Iterable[str] = (), own: str | None = None) -> None:
        self._extra = frozenset(filter(None, (parse_host(name.strip()) for name in extra)))
        machine = (own if own is not None else socket.gethostname()).lower().rstrip(".")
        #: the second is what the machine is called on a network without a name server
        self._own = frozenset({machine, f"{machine.partition('.')[0]}.local"} - {"", ".local"})

    def answers_to(self, host: str | None) -> bool:
        """Whether a request with this `Host` is meant for this server."""
        found = parse_host(host) if host else None
        if found is None:
            return False
        return found.is_address or found.is_local or found.name in self._own or self._is_extra(found)

    def is_own_page(self, origin: str, host: str) -> bool:
        """Whether the page that asks came from here: same name and port, or a name that the proxy gives us."""
        asking, asked = parse_origin(origin), parse_host(host)
        return asking is not None and (asking == asked or self._is_extra(asking))

    def _is_extra(self, host: Host) -> bool:
        return host in self._extra or Host(host.name, None) in self._extra
