"""The browser's address follows what is on the page, so that copying it, or reloading, brings the same back.

`st.query_params` would add an entry to the browser's history at each step of the transport; this replaces the entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from simulator.ui.app import language, playlist, projector, way_back

SCRIPT = Path(__file__).with_suffix(".js")


def query(parameters: Mapping[str, str]) -> str:
    """`?scenario=write_skew&level=RR`, or nothing."""
    return f"?{urlencode(parameters)}" if parameters else ""


def follow(parameters: Mapping[str, str]) -> None:
    """Make the address say this, the language where it is not the browser's, the projector, and the playlist."""
    _component()(key="app_address", data={"query": _query({**parameters, **playlist.parameters()})})


def link_to(parameters: Mapping[str, str]) -> str:
    """The whole link, as somebody else can open it."""
    return f"{(st.context.url or '').partition('?')[0]}{_query(parameters)}"


def _query(parameters: Mapping[str, str]) -> str:
    return query({**parameters, **way_back.parameters(), **language.parameters(), **projector.parameters()})


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("txscope_address", js=SCRIPT.read_text("utf-8"))
