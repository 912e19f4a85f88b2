"""Which get_db, which ending, sync or async: chosen by a click on the matrix, or by the link."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.requests.dependencies import DEPENDENCIES
from simulator.labs.requests.endings import ENDINGS
from simulator.ui import arrival
from simulator.ui.link import MAX_QUOTED
from simulator.ui.plain import plain

_PICK, _COMPLAINTS = "requests_pick", "requests_complaints"


@dataclass(frozen=True, slots=True)
class Pick:
    """A cell of the matrix."""

    #: what is opened where a link names nothing: told 200, nothing stored
    dependency: str = "commit_after_yield"
    ending: str = "commit_fails"
    is_async: bool = False


_READ: Mapping[str, Callable[[str], Any]] = {
    "dependency": {each.key: each.key for each in DEPENDENCIES}.__getitem__,
    "ending": {each.key: each.key for each in ENDINGS}.__getitem__,
    "is_async": {"0": False, "1": True}.__getitem__,
}


def pick() -> Pick:
    """What is picked, with a sentence for each part of a link that could not be followed."""
    if arrival.just_now():
        asked = {name: st.query_params[name] for name in _READ if name in st.query_params}
        if asked or _PICK not in st.session_state:
            choose(_follow(asked))
    for complaint in st.session_state.get(_COMPLAINTS, ()):
        st.warning(plain(complaint), icon="🔗")
    found: Pick = st.session_state.setdefault(_PICK, Pick())
    return found


def choose(pick: Pick) -> None:
    """Make this the pick of the next script run."""
    st.session_state[_PICK] = pick


def switch(now: Pick) -> Pick:
    """`def` or `async def`."""
    st.segmented_control(
        _("Endpoint and get_db are written with"),
        [False, True],
        key="requests_async",
        default=now.is_async,
        required=True,
        format_func=lambda is_async: "async def · psycopg 3" if is_async else "def · psycopg2",
        on_change=lambda: choose(replace(now, is_async=bool(st.session_state["requests_async"]))),
    )
    return now


def parameters(pick: Pick) -> dict[str, str]:
    """What `pick` takes from a link, without what the page opens with."""
    first, found = Pick(), {}
    for name in _READ:
        value = getattr(pick, name)
        if value != getattr(first, name):
            found[name] = str(int(value)) if isinstance(value, bool) else str(value)
    return found


def _follow(asked: Mapping[str, str]) -> Pick:
    found, complaints = Pick(), []
    for name, text in asked.items():
        try:
            found = replace(found, **{name: _READ[name](text)})
        except KeyError:
            complaints.append(
                _("The link asks for {name} = {value}, which there is not. The page shows its own choice.").format(
                    name=name, value=text[:MAX_QUOTED]
                )
            )
    st.session_state[_COMPLAINTS] = tuple(complaints)
    return found
