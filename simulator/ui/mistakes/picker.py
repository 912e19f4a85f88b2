"""Which mistake: chosen in the list, by walking through it, or by the link that opened the page."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.mistakes.catalogue import MISTAKES, find
from simulator.labs.mistakes.entry import Mistake
from simulator.ui import arrival
from simulator.ui.link import MAX_QUOTED
from simulator.ui.mistakes import runs, words
from simulator.ui.plain import plain

#: Opened where a link names nothing: two clients, both told 200, and a row that is not there.
FIRST = "shared_commit_lost"
PARAMETER = "mistake"
_PICKED, _COMPLAINT, _SELECT = "mistakes_picked", "mistakes_complaint", "mistakes_select"
_KEYS = tuple(mistake.key for mistake in MISTAKES)


def pick() -> Mistake:
    """Show the list, and a sentence where a link could not be followed; what is picked."""
    _follow_link()
    now = find(st.session_state[_PICKED])
    st.session_state[_SELECT] = now.key
    place = _KEYS.index(now.key)
    with st.container(horizontal=True, vertical_alignment="center", key="mistakes_picker"):
        st.selectbox(
            _("Mistake"),
            _KEYS,
            key=_SELECT,
            format_func=lambda key: words.label(find(key)),
            on_change=lambda: choose(st.session_state[_SELECT]),
            label_visibility="collapsed",
        )
        _step("before", "◀", _("The one before"), place - 1)
        st.markdown(f"{place + 1} / {len(_KEYS)}", width="content")
        _step("next", "▶", _("The next one"), place + 1)
        st.button(_("Run again"), icon="🔁", key="mistakes_again", on_click=runs.forget)
    if complaint := st.session_state.get(_COMPLAINT):
        st.warning(plain(complaint), icon="🔗")
    return now


def choose(key: str) -> None:
    """Make this the pick of the next script run, and run it anew."""
    st.session_state[_PICKED] = key
    st.session_state[_COMPLAINT] = ""


def parameters(mistake: Mistake) -> dict[str, str]:
    """What `pick` takes from a link; nothing for what opens by itself."""
    return {} if mistake.key == FIRST else {PARAMETER: mistake.key}


def _step(name: str, sign: str, what: str, place: int) -> None:
    """At the ends it goes round."""
    key = _KEYS[place % len(_KEYS)]
    st.button(sign, key=f"mistakes_{name}", help=what, on_click=choose, args=(key,))


def _follow_link() -> None:
    """Once, on arrival: after that the address follows the page, a moment late."""
    if not arrival.just_now() and _PICKED in st.session_state:
        return
    asked = st.query_params.get(PARAMETER)
    if asked in _KEYS:
        choose(asked)
    elif asked is not None:
        choose(FIRST)
        st.session_state[_COMPLAINT] = _(
            "The link asks for mistake “{key}”, and there is none; choose one above."
        ).format(key=asked[:MAX_QUOTED])
    elif _PICKED not in st.session_state:
        choose(FIRST)
