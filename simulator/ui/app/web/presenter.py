"""What the presenter alone may do: end everything between two groups, from the terminal or by a second command.

The second command (`python -m simulator room --reset`) finds the running server by a file that only this user can
read. It holds a key that is new with every start.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from simulator.engines.postgres.settings import data_folder
from simulator.errors import RoomError
from simulator.i18n import gettext as _
from simulator.i18n import ngettext, use
from simulator.ui.app.web.guard import RESET
from simulator.ui.app.web.invitation import terminal_language

KEY_HEADER = "x-txscope-key"
_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Reset:
    """What a reset ended."""

    pages: int
    live_runs: int
    #: what is asked for now, where a passphrase is asked for
    passphrase: str | None

    def sentence(self) -> str:
        """For the terminal."""
        told = [
            ngettext(
                "{pages} open page was sent back to the start",
                "{pages} open pages were sent back to the start",
                self.pages,
            ),
            ngettext("{runs} live run was ended.", "{runs} live runs were ended.", self.live_runs),
        ]
        text = ", ".join(told).format(pages=self.pages, runs=self.live_runs)
        if self.passphrase is None:
            return text
        return text + " " + _("Passphrase: {passphrase}").format(passphrase=self.passphrase)


class Key:
    """The key of this start, in a file for as long as the server runs."""

    def __init__(self, port: int, environ: Mapping[str, str]) -> None:
        self._path = key_file(port, environ)
        self._key = secrets.token_urlsafe(24)

    def write(self, url: str) -> None:
        """For this user's eyes only, from the first byte on."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        opened = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            json.dump({"url": url, "key": self._key}, file)

    def fits(self, key: str) -> bool:
        """Whether this is the key."""
        return hmac.compare_digest(key.encode(), self._key.encode())

    def remove(self) -> None:
        """At the end; a file that another server on this port has written since stays."""
        if self._path.exists() and self._key in self._path.read_text("utf-8"):
            self._path.unlink(missing_ok=True)


def key_file(port: int, environ: Mapping[str, str]) -> Path:
    """Beside the embedded server's folder."""
    return data_folder(environ) / f"room-{port}.json"


class Resettable(Protocol):
    """What has a key and can be reset."""

    key: Key | None

    async def reset(self) -> Reset: ...


def reset_route(room: Resettable) -> Route:
    """Where the second command goes."""

    async def endpoint(request: Request) -> Response:
        if room.key is None or not room.key.fits(request.headers.get(KEY_HEADER, "")):
            return PlainTextResponse("", status_code=403)
        return JSONResponse(asdict(await room.reset()))

    return Route(RESET, endpoint, methods=["POST"])


def reset_command(port: int) -> int:
    """`python -m simulator room --reset`. Raises RoomError."""
    use(terminal_language(os.environ))
    print(ask_for_reset(port, os.environ).sentence())
    return 0


def ask_for_reset(port: int, environ: Mapping[str, str]) -> Reset:
    """Reset the room on this port. Raises RoomError where no room is open on this port, or it does not answer."""
    nobody = RoomError(_("No room was found on port {port}. Name the port of yours: --port.").format(port=port))
    try:
        found = json.loads(key_file(port, environ).read_text("utf-8"))
        # Straight to this machine: no proxy that the environment names has to know of it.
        with httpx.Client(trust_env=False, timeout=_SECONDS) as client:
            answer = client.post(found["url"] + RESET, headers={KEY_HEADER: found["key"]})
    except (FileNotFoundError, httpx.ConnectError):
        raise nobody from None
    except (OSError, ValueError, KeyError, httpx.HTTPError) as error:
        raise RoomError(
            _("The room on port {port} did not answer: {reason}").format(port=port, reason=error)
        ) from error
    if answer.status_code != httpx.codes.OK:
        raise nobody
    return Reset(**answer.json())
