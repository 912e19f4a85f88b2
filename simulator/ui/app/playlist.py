"""A playlist: links in an order, walked one after the other by two buttons, whatever page they lead to.

It comes as a text, a link a line, or as one link: `?playlist=` holds the lines, `&at=` the place, from 1. Both stay in
the address of every page that it leads to.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import streamlit as st

from simulator.i18n import gettext as _
from simulator.ui.app import links, pages
from simulator.ui.kit.slots import Slot

PLAYLIST, AT = "playlist", "at"
#: What an address can carry.
MAX_LINKS, MAX_CHARACTERS = 60, 4_000

#: The lines as they can be changed.
TEXT: Slot[str] = Slot("app", "playlist_text", "")
_LINKS: Slot[tuple[str, ...]] = Slot("app", "playlist", ())
_PLACE: Slot[int] = Slot("app", "playlist_place", 0)
_READ: Slot[bool] = Slot("app", "playlist_read", False)


def parse(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The links that can be followed (`locks?scenario=deadlock`), and the lines that lead nowhere.

    Whole addresses are taken too. Lines that are empty or begin with `#` say nothing.
    """
    lines = [line.strip() for line in text[:MAX_CHARACTERS].splitlines()]
    followed: list[str] = []
    left: list[str] = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        parts = urlsplit(line)
        key = parts.path.rpartition("/")[2] or pages.HOME
        if not pages.is_page(key) or len(followed) == MAX_LINKS:
            left.append(line)
        else:
            followed.append(f"{key}?{parts.query}" if parts.query else key)
    return tuple(followed), tuple(left)


def parameters() -> dict[str, str]:
    """What an address must say so that the list goes on after a reload; empty where there is none."""
    found = _LINKS.get()
    return {PLAYLIST: "\n".join(found), AT: str(_PLACE.get() + 1)} if found else {}


def show() -> None:
    """The two buttons, where there is a list. Begins every script run, after the navigation."""
    _follow_address(st.query_params)
    found, place = _LINKS.get(), _PLACE.get()
    if not found:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="playlist"):
        back = st.button("◀", key="app_playlist_previous", help=_("The one before"), disabled=place == 0)
        st.markdown(f"{place + 1} / {len(found)}", width="content")
        on = st.button("▶", key="app_playlist_next", help=_("The next one"), disabled=place == len(found) - 1)
    if back or on:
        _open(place + (1 if on else -1))


def begin(text: str) -> None:
    """Take over the list, and open its first link."""
    _LINKS.set(parse(text)[0])
    if _LINKS.get():
        _open(0)


def end() -> None:
    """As if there had been none."""
    _LINKS.pop()


def _follow_address(asked: Mapping[str, str]) -> None:
    """Once: after that the address follows the list. With a place, the page is that which the address opens anyway."""
    if _READ.get() or PLAYLIST not in asked:
        return
    _READ.set(True)
    TEXT.set(asked[PLAYLIST][:MAX_CHARACTERS])
    at = asked.get(AT, "")
    if at.isascii() and at.isdigit() and 1 <= int(at[:3]) <= len(found := parse(TEXT.get())[0]):
        _LINKS.set(found)
        _PLACE.set(int(at[:3]) - 1)
    else:
        begin(TEXT.get())


def _open(place: int) -> None:
    _PLACE.set(place)
    links.open_link(_LINKS.get()[place])
