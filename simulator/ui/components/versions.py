"""On which versions a page's sentences are true, and since which version a library does what they say."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.versions import change, installed
from simulator.ui.app.manager import manager
from simulator.ui.kit.plain import plain


def show() -> None:
    """One line at the foot of a page: what ran here."""
    info = manager().info()
    told = [f"{name} {number}" for name, number in (*installed(), (info.product, str(info.version)))]
    st.caption(_("Ran with {versions}.").format(versions=plain(" · ".join(told))))


def since(keys: Iterable[str]) -> str:
    """HTML: `since FastAPI 0.118.0` and what changed there, a line each; "" for none."""
    return "".join(
        f'<p class="tx-since"><b>{escape(_since(key))}</b> {escape(_(change(key).sentence))}</p>' for key in keys
    )


def _since(key: str) -> str:
    found = change(key)
    return _("since {library} {version}").format(library=found.library, version=found.since)
