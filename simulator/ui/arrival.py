"""Whether this person has just come to the page: then its link counts, and never again."""

from __future__ import annotations

import streamlit as st

_PAGE, _PENDING = "arrival_page", "arrival_pending"


def note(page: str) -> None:
    """Called in every script run with the page that is about to be shown."""
    if st.session_state.get(_PAGE) != page:
        st.session_state[_PAGE] = page
        st.session_state[_PENDING] = True


def just_now() -> bool:
    """True for the first who asks after an arrival, also where the script run of the arrival was cut short."""
    return bool(st.session_state.pop(_PENDING, False))
