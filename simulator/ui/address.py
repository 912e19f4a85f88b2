"""The browser's address follows what is on the page, so that copying it, or reloading, brings the same back.

`st.query_params` would add an entry to the browser's history at each step of the transport; this replaces the entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.ui import language, link

SCRIPT = Path(__file__).with_suffix(".js")


def follow(parameters: Mapping[str, str]) -> None:
    """Make the address say this, and the language where it is not the browser's."""
    _component()(key="address", data={"query": _query(parameters)})


def link_to(parameters: Mapping[str, str]) -> str:
    """The whole link, as somebody else can open it."""
    return f"{(st.context.url or '').partition('?')[0]}{_query(parameters)}"


def _query(parameters: Mapping[str, str]) -> str:
    return link.query({**parameters, **language.parameters()})


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("txscope_address", js=SCRIPT.read_text("utf-8"))
