"""A server for a room: everybody on the network may come, with a passphrase or without, one group after the other."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread
import click
import streamlit as st
from streamlit.web import cli

from simulator.errors import RoomError
from simulator.i18n import gettext as _
from simulator.i18n import use
from simulator.ui.app.manager import manager
from simulator.ui.app.web import terminal
from simulator.ui.app.web.door import SHORTEST, Door
from simulator.ui.app.web.invitation import ListeningAddress, invitation, own_address, terminal_language
from simulator.ui.app.web.lan import is_loopback, lan_addresses
from simulator.ui.app.web.presenter import Key, Reset
from simulator.ui.app.web.visitors import Visitors

APP = Path(__file__).parents[3] / "app.py"
#: Names that a reverse proxy gives this server, with commas between them.
HOSTS = "TXSCOPE_HOSTS"
#: What a room asks for; DICED instead of a text means that each group gets another one.
PASSPHRASE, DICED = "TXSCOPE_PASSPHRASE", "*"


@dataclass
class Room:
    """The running server's room; without a `door` there is none, and the server hears this machine alone."""

    environ: Mapping[str, str]
    door: Door | None
    passphrase: str | None
    visitors: Visitors = field(default_factory=Visitors)
    key: Key | None = None

    def opened(self) -> None:
        """The server listens: say where, and listen to the presenter."""
        use(terminal_language(self.environ))
        place = _place()
        if self.door is None:
            print(own_address(place), flush=True)
            return
        self.key = Key(place.port, self.environ)
        self.key.write(place.url("127.0.0.1"))
        keys = terminal.is_listened_to()
        print(invitation(place, self.passphrase, keys=keys, color=sys.stdout.isatty()), flush=True)
        if keys:
            loop = asyncio.get_running_loop()
            terminal.listen(lambda: _print(asyncio.run_coroutine_threadsafe(self.reset(), loop).result().sentence()))

    async def reset(self) -> Reset:
        """Between two groups: every page goes back to the start, and with it ends what it drove."""
        if self.door is None:
            raise RoomError("There is no room")
        if self.environ.get(PASSPHRASE) == DICED:
            self.passphrase = _dice()
        self.door.renew(self.passphrase)
        before = manager().live.going_on()
        pages = await self.visitors.send_all_away()
        # A page that closes takes its live run with it; what a page that is still on its way would begin ends here.
        await anyio.to_thread.run_sync(manager().reset)
        return Reset(pages, max(0, before - manager().live.going_on()), self.passphrase)

    def closed(self) -> None:
        """The server ends."""
        if self.key is not None:
            self.key.remove()


def open_room(environ: Mapping[str, str], address: str | None) -> Room:
    """The room that these settings ask for; `address` is where the server listens. Raises RoomError."""
    wanted = environ.get(PASSPHRASE)
    passphrase = _dice() if wanted == DICED else wanted or None
    if passphrase is not None and len(passphrase.strip()) < SHORTEST:
        use(terminal_language(environ))
        raise RoomError(_("A passphrase needs at least {number} characters.").format(number=SHORTEST))
    door = None if passphrase is None and is_loopback(address) else Door(passphrase)
    return Room(environ, door, passphrase)


def open_command(passphrase: str | None, port: int) -> int:
    """`python -m simulator room`: a room until a signal ends it. Raises RoomError."""
    if passphrase is not None:
        os.environ[PASSPHRASE] = passphrase
    every = "0.0.0.0"  # noqa: S104 (a room is what the command was asked for)
    open_room(os.environ, every)  # whatever is wrong with the settings is said before anything starts
    with suppress(KeyboardInterrupt, click.Abort):
        cli.main(["run", str(APP), f"--server.address={every}", f"--server.port={port}"], standalone_mode=False)
    return 0


def _place() -> ListeningAddress:
    address = st.get_option("server.address")
    path = (st.get_option("server.baseUrlPath") or "").strip("/")
    return ListeningAddress(
        port=int(st.get_option("server.port")),
        path=f"/{path}" if path else "",
        scheme="https" if st.get_option("server.sslCertFile") else "http",
        addresses=() if is_loopback(address) else lan_addresses(),
    )


def _dice() -> str:
    return f"{secrets.randbelow(10**6):06}"


def _print(text: str) -> None:
    print(f"  {text}", flush=True)
