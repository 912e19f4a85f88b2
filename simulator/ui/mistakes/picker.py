"""Which mistake: chosen in the list, by walking through it, or by the link that opened the page."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.mistakes.catalogue import MISTAKES, find
from simulator.labs.mistakes.entry import Mistake
from simulator.ui.app import arrival
from simulator.ui.kit.link import Link, NotFollowed, Part, quoted
from simulator.ui.kit.slots import Slot
from simulator.ui.mistakes import runs, words

#: Opened where a link names nothing: two clients, both told 200, and a row that is not there.
FIRST = "shared_commit_lost"
_PICKED: Slot[str] = Slot("mistakes", "picked", "")
_SELECT: Slot[str] = Slot("mistakes", "select", "")
_KEYS = tuple(mistake.key for mistake in MISTAKES)


def _known(_before: str, key: str) -> str:
    if key not in _KEYS:
        raise NotFollowed(
            _("The link asks for mistake “{key}”, and there is none; choose one above.").format(key=quoted(key))
        )
    return key


LINK = Link((Part("mistake", _known, str),), FIRST)


def pick() -> Mistake:
    """Show the list, and a sentence where a link could not be followed; what is picked."""
    _follow_link()
    now = find(_PICKED.get())
    _SELECT.set(now.key)
    place = _KEYS.index(now.key)
    with st.container(horizontal=True, vertical_alignment="center", key="mistakes_picker"):
        st.selectbox(
            _("Mistake"),
            _KEYS,
            key=_SELECT.key,
            format_func=lambda key: words.label(find(key)),
            on_change=lambda: choose(_SELECT.get()),
            label_visibility="collapsed",
        )
        _step("before", "◀", _("The one before"), place - 1)
        st.markdown(f"{place + 1} / {len(_KEYS)}", width="content")
        _step("next", "▶", _("The next one"), place + 1)
        st.button(_("Run again"), icon="🔁", key="mistakes_again", on_click=runs.forget)
    LINK.complain()
    return now


def choose(key: str) -> None:
    """Make this the pick of the next script run, and run it anew."""
    _PICKED.set(key)
    LINK.forget()


def _step(name: str, sign: str, what: str, place: int) -> None:
    """At the ends it goes round."""
    key = _KEYS[place % len(_KEYS)]
    st.button(sign, key=f"mistakes_{name}", help=what, on_click=choose, args=(key,))


def _follow_link() -> None:
    """Once, on arrival: after that the address follows the page, a moment late."""
    if arrival.just_now() or not _PICKED.is_set():
        LINK.follow(_PICKED.set, anew=not _PICKED.is_set())
