"""Which language this person reads: the link's `?lang=`, else what they switched to, else their browser's."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import streamlit as st

from simulator.i18n import LANGUAGES, choose, use
from simulator.ui.kit.slots import Slot

P = ParamSpec("P")
R = TypeVar("R")

PARAMETER = "lang"
#: Its code; "" until this person has come.
LANGUAGE: Slot[str] = Slot("app", "language", "")
_SWITCH: Slot[str] = Slot("app", "language_switch", "")


def speak() -> str:
    """Use this person's language from here on; its code. Every script run and every fragment begins with this.

    The link is asked once, when the person comes: after that the address follows the page, a moment late.
    """
    if LANGUAGE.get() not in LANGUAGES:
        asked = st.query_params.get(PARAMETER, "")
        LANGUAGE.set(asked if asked in LANGUAGES else _of_browser())
    code = LANGUAGE.get()
    use(code)
    return code


def ask(code: str) -> None:
    """Switch to this language from the next script run on; nothing where it is none that there is."""
    if code in LANGUAGES:
        LANGUAGE.set(code)


def switch() -> None:
    """The control that changes the language."""
    _SWITCH.set(LANGUAGE.get())
    st.segmented_control(
        "Language · 语言",
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        key=_SWITCH.key,
        required=True,
        label_visibility="collapsed",
        on_change=_switched,
    )


def _switched() -> None:
    LANGUAGE.set(_SWITCH.get())


def parameters() -> dict[str, str]:
    """What a link must say so that it opens in this language; nothing where the browser's own is meant."""
    code = LANGUAGE.get() or "en"
    return {} if code == _of_browser() else {PARAMETER: code}


def fragment(function: Callable[P, R]) -> Callable[P, R]:
    """`st.fragment` in this person's language: a fragment's own rerun does not pass through app.py."""

    @wraps(function)
    def in_language(*args: P.args, **kwargs: P.kwargs) -> R:
        speak()
        return function(*args, **kwargs)

    return st.fragment(in_language)


def _of_browser() -> str:
    return choose(st.context.locale)
