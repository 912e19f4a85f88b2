"""The way back: a page that was opened from a chapter of the course says so, and leads to the same line of it."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

import streamlit as st

from simulator.course.reader import LANGUAGES, chapters
from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.ui.kit.slots import Slot

PARAMETER = "from"
#: The page that it leads to.
LEARN = "learn"
#: `transactions#lost`: chapter, and what stands there; "" for nowhere.
_FROM: Slot[str] = Slot("app", "came_from", "")


def show(page: str) -> None:
    """The way, on every page but the course itself. Begins every script run, after the navigation."""
    if page == LEARN:
        _FROM.pop()
        return
    if st.query_params.get(PARAMETER):
        _FROM.set(st.query_params[PARAMETER])
    key, _sign, at = _FROM.get().partition("#")
    title = _title(key)
    if title is None:
        _FROM.pop()
        return
    link = escape(f"./{LEARN}?{urlencode({'chapter': key, 'at': at})}")
    words = escape(_("Back to the course: {chapter}").format(chapter=title))
    st.html(f'<nav class="tx-back" aria-label="{words}"><a class="tx-open" href="{link}">← {words}</a></nav>')


def parameters() -> dict[str, str]:
    """What an address must say so that the way is there after a reload."""
    came = _FROM.get()
    return {PARAMETER: came} if came else {}


def _title(key: str) -> str | None:
    """Of a chapter in the language in use, None where there is no such chapter."""
    spoken = language() if language() in LANGUAGES else LANGUAGES[0]
    return next((chapter.title for chapter in chapters(spoken) if chapter.key == key), None)
