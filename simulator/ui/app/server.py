"""The server around the pages: the engine starts and stops with it, it is guarded, and browsers get it compressed."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TypedDict

import anyio.to_thread
import numpy as np  # noqa: F401 - several first pages at once met it half imported by Plotly
import plotly
import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager

from simulator.i18n import gettext as _
from simulator.ui.app import pages as labs
from simulator.ui.app.delivery import STATIC, Delivery, index_page
from simulator.ui.app.language import speak
from simulator.ui.app.manager import manager
from simulator.ui.app.plotly_script import SCRIPT, plotly_route
from simulator.ui.app.room import HOSTS, Room, open_room
from simulator.ui.app.web.ending import on_signal
from simulator.ui.app.web.guard import Guard, Rules
from simulator.ui.app.web.names import Names
from simulator.ui.app.web.policy import Policy
from simulator.ui.app.web.presenter import reset_route
from simulator.ui.app.web.sockets import send_at_once
from simulator.ui.app.web.uploads import Limits, Uploads

log = logging.getLogger("txscope")


class Settings(TypedDict):
    """What `st.App` takes."""

    lifespan: Callable[[st.App], AbstractAsyncContextManager[None]]
    routes: list[BaseRoute]
    middleware: list[Middleware]
    on_script_error: Callable[[Exception], bool]


def settings() -> Settings:
    """The application that `streamlit run` serves, but for the script that it runs for each person."""
    # Until the first script run Streamlit would take pages/ for an application of the old kind, and a first visit
    # to /anomalies would bypass app.py.
    PagesManager.uses_pages_directory = False
    pages = ["/", *(f"/{lab.key}" for lab in labs.built())]
    html = index_page(f"{SCRIPT}?v={plotly.__version__}")
    room = open_room(os.environ, st.get_option("server.address"))
    return {
        "lifespan": partial(_lifespan, room),
        "routes": [plotly_route(), reset_route(room)],
        "middleware": [
            Middleware(Guard, rules=_rules(room, html)),
            Middleware(Delivery, pages=pages, html=html, first=SCRIPT),
        ],
        "on_script_error": _apologise,
    }


def _rules(room: Room, html: str) -> Rules:
    return Rules(
        names=Names(os.environ.get(HOSTS, "").split(",")),
        # Where there is no such page, Streamlit serves its own.
        policy=Policy([html, (STATIC / "index.html").read_text("utf-8")]),
        visitors=room.visitors,
        uploads=Uploads(_kept_uploads, Limits(file=int(st.get_option("server.maxUploadSize")))),
        door=room.door,
    )


def _kept_uploads() -> Mapping[str, int]:
    """Bytes of uploads that Streamlit holds in memory, by tab."""
    files = Runtime.instance().uploaded_file_mgr
    if not isinstance(files, MemoryUploadedFileManager):
        return {}
    return {tab: sum(len(file.data) for file in list(kept.values())) for tab, kept in list(files.file_storage.items())}


@asynccontextmanager
async def _lifespan(room: Room, _app: st.App) -> AsyncIterator[None]:
    on_signal(room.visitors.end)
    send_at_once()
    manager().start()
    # Everything that is imported by now stays; without this, each collection walks through all of it.
    gc.collect()
    gc.freeze()
    # What a page makes dies young or is kept for minutes: fewer full collections, each of which stops everybody.
    gc.set_threshold(5_000, 10, 20)
    room.opened()
    try:
        yield
    finally:
        room.closed()
        await anyio.to_thread.run_sync(manager().stop)


def _apologise(error: Exception) -> bool:
    """The traceback belongs into the log; the page gets a sentence."""
    log.error("A page failed", exc_info=error)
    speak()
    st.warning(_("This page failed, and the reason is in the log of the server. Reload the page to go on."))
    return True
