"""The browser's address follows what is on the page, so that copying it, or reloading, brings the same back.

`st.query_params` would add an entry to the browser's history at each step of the transport; this replaces the entry.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from simulator.ui import language, link

_JS = """
export default function({ data }) {
  const url = new URL(window.location.href);
  url.search = data.query;
  if (url.href !== window.location.href) window.history.replaceState(window.history.state, "", url);
}
"""
_component = st.components.v2.component("txscope.address", js=_JS)


def follow(parameters: Mapping[str, str]) -> str:
    """Make the address say this, and the language where it is not the browser's; the link as a whole."""
    query = link.query({**parameters, **language.parameters()})
    _component(key="address", data={"query": query}, height="content")
    return f"{(st.context.url or '').partition('?')[0]}{query}"
