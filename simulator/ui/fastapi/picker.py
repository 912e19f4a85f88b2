"""Which get_db, which ending, sync or async: chosen by a click on the matrix, or by the link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.fastapi.dependencies import DEPENDENCIES
from simulator.labs.fastapi.endings import ENDINGS
from simulator.ui.app import arrival
from simulator.ui.kit.link import Link, Part
from simulator.ui.kit.slots import Slot


@dataclass(frozen=True, slots=True)
class Pick:
    """A cell of the matrix."""

    #: what is opened where a link names nothing: told 200, nothing stored
    dependency: str = "commit_after_yield"
    ending: str = "commit_fails"
    is_async: bool = False


_SWITCH = {"0": False, "1": True}


def _part(name: str, known: Mapping[str, object]) -> Part[Pick]:
    """A field of the pick, as one of the texts that are known."""
    texts = {value: text for text, value in known.items()}
    return Part(name, lambda pick, text: replace(pick, **{name: known[text]}), lambda pick: texts[getattr(pick, name)])


LINK = Link(
    (
        _part("dependency", {each.key: each.key for each in DEPENDENCIES}),
        _part("ending", {each.key: each.key for each in ENDINGS}),
        _part("is_async", _SWITCH),
    ),
    Pick(),
)
_PICK: Slot[Pick] = Slot("fastapi", "pick", LINK.first)
_ASYNC: Slot[bool] = Slot("fastapi", "async", False)


def pick() -> Pick:
    """What is picked, with a sentence for each part of a link that could not be followed."""
    if arrival.just_now():
        LINK.follow(choose, anew=not _PICK.is_set())
    LINK.complain()
    return _PICK.get()


def choose(pick: Pick) -> None:
    """Make this the pick of the next script run."""
    _PICK.set(pick)


def switch(now: Pick) -> Pick:
    """`def` or `async def`."""
    _ASYNC.set(now.is_async)
    st.segmented_control(
        _("Endpoint and get_db are written with"),
        [False, True],
        key=_ASYNC.key,
        required=True,
        format_func=lambda is_async: "async def · psycopg 3" if is_async else "def · psycopg2",
        on_change=lambda: choose(replace(now, is_async=_ASYNC.get())),
    )
    return now
