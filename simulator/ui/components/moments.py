"""What stands beside a score, a picture and a text for each of its steps: they change with the figure, in one frame.

All of them are on the page, each once, however many steps show it; the view shows those of its step.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple, TypeVar

import streamlit as st

from simulator.ui.components.score_view import at_step, key_at_step

#: Height of a picture; it is as wide as there is room, and below it there is room for the text.
HEIGHT_PX = 150

T = TypeVar("T", bound=Hashable)


class Moment(NamedTuple):
    """How things stand at one step."""

    #: a graph as DOT text; "" for none
    dot: str
    #: "" for none
    html: str


def show(moments: Mapping[int, Moment], *, key: str, run: str, shown: int) -> None:
    """The moments of a run, by position; `shown` is the one that is seen until the view is there."""
    for dot, positions in _alike({position: moment.dot for position, moment in moments.items()}).items():
        if dot:
            with st.container(key=key_at_step(key, run, positions)):
                _graph(dot)
    texts = _alike({position: moment.html for position, moment in moments.items()})
    told = (at_step(run, positions, html, first=shown in positions) for html, positions in texts.items())
    st.html("".join(told) or "<i></i>")


def show_one(moment: Moment) -> None:
    """A moment where no view has steps."""
    if moment.dot:
        _graph(moment.dot)
    st.html(moment.html or "<i></i>")


def _graph(dot: str) -> None:
    st.graphviz_chart(dot, width="stretch", height=HEIGHT_PX)


def _alike(by_position: Mapping[int, T]) -> Mapping[T, list[int]]:
    """Where each of them is shown."""
    found: dict[T, list[int]] = {}
    for position, each in by_position.items():
        found.setdefault(each, []).append(position)
    return found
