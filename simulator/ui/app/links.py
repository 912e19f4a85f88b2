"""Links between the pages: followed in the tab that is open, so that what was run in it is kept.

Whatever is drawn as HTML may hold them: `<a class="tx-open" href="./anomalies?scenario=write_skew">`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import streamlit as st

from simulator.ui.app import arrival, language, pages

SCRIPT = Path(__file__).with_suffix(".js")


def follow_clicked() -> None:
    """Open what was clicked, if anything was. Begins every script run, after the navigation."""
    clicked = _component()(key="app_links", on_opened_change=_nothing).opened
    if clicked is not None:
        open_link(str(clicked))


def open_link(link: str) -> None:
    """Go where it leads: `./locks?scenario=deadlock`, also as a whole address. Nothing where there is no such page.

    A fragment (`./learn?chapter=core#map`) goes along as `at`: Streamlit's pages are told parameters alone.
    """
    parts = urlsplit(link)
    key = parts.path.rpartition("/")[2] or pages.HOME
    if not pages.is_page(key):
        return
    asked = dict(parse_qsl(parts.query))
    if parts.fragment:
        asked["at"] = parts.fragment
    language.ask(asked.get(language.PARAMETER, ""))
    arrival.expect()
    st.switch_page(pages.page_of(key), query_params=asked)


def _nothing() -> None:
    """Streamlit registers a trigger by its callback."""


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("txscope_links", js=SCRIPT.read_text("utf-8"))
