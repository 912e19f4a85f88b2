"""The server around the pages: the engine starts and stops with it, and what browsers load is served compressed."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypedDict

import anyio.to_thread
import plotly
import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from streamlit.runtime.pages_manager import PagesManager

from simulator.i18n import gettext as _
from simulator.ui import labs
from simulator.ui.delivery import Delivery
from simulator.ui.language import speak
from simulator.ui.manager import manager
from simulator.ui.score_view import SCRIPT, plotly_route

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
    return {
        "lifespan": _lifespan,
        "routes": [plotly_route()],
        "middleware": [Middleware(Delivery, pages=pages, script=f"{SCRIPT}?v={plotly.__version__}")],
        "on_script_error": _apologise,
    }


@asynccontextmanager
async def _lifespan(_app: st.App) -> AsyncIterator[None]:
    manager().start()
    # Everything that is imported by now stays; without this, each collection walks through all of it.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(manager().stop)


def _apologise(error: Exception) -> bool:
    """The traceback belongs into the log; the page gets a sentence."""
    log.error("A page failed", exc_info=error)
    speak()
    st.warning(_("This page failed, and the reason is in the log of the server. Reload the page to go on."))
    return True
