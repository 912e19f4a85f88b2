"""The states of one request's objects, and what moved each."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from simulator.figures.object_states import COLORS, EXPIRED, LIMIT, object_states_info, plot_object_states
from simulator.history.words import ObjectState
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.spans import Trace
from simulator.ui.app import pages
from simulator.ui.components.chart_view import chart_view
from simulator.ui.kit.plain import plain
from simulator.ui.sessions import path
from simulator.ui.sessions.runs import Shown


def show(shown: Shown) -> None:
    """The requests that had mapped objects; the one that moved them through most states first."""
    moved = _moved(shown.trace)
    if not moved:
        st.caption(_("No mapped object was seen: these requests used rows, or the trace was made without objects."))
        return
    chosen = _choose(shown.trace, moved)
    st.caption(
        _(
            "A state ends where the object was seen to move, or to be collected: a Session refers only weakly to what "
            "it has flushed, so an object that nobody else refers to is gone at once, and no commit expires it."
        )
    )
    _figure(shown.trace, chosen)
    if len(moved[chosen] - {ObjectState.NONE}) < len(COLORS):
        st.page_link(
            pages.find("sessions").page(),
            label=_("See all six: one object through every state"),
            query_params={"mix": "all_states", "requests": "1"},
            icon="➡️",
        )
    st.caption(
        _(
            "transient: the Session does not know it. pending: added, no row yet. persistent: it has a row. "
            "expired: read again at the next use. deleted: flushed, not yet committed. detached: no Session has it."
        )
    )


def _moved(trace: Trace) -> dict[str, set[str]]:
    """Requests by name, with the states that their objects came to."""
    moved: dict[str, set[str]] = {}
    for move in trace.moves:
        if move.event.request and trace.request(move.event.request) is not None:
            state = EXPIRED if move.event.expired else move.event.after
            moved.setdefault(move.event.request, set()).add(state)
    return moved


def _choose(trace: Trace, moved: Mapping[str, set[str]]) -> str:
    names = sorted(moved, key=lambda name: -len(moved[name]))
    return str(
        st.selectbox(
            _("Request"), names, key="sessions_objects", format_func=lambda name: path.title(trace.request(name))
        )
    )


def _figure(trace: Trace, request: str) -> None:
    """The objects' lanes, and what the clicked bar stands for."""
    info = object_states_info(trace, request)
    figure = plot_object_states(info, dark=st.context.theme.type == "dark")
    figure.update_layout(uirevision=f"{request} {trace.duration_ms}")
    clicked = chart_view(
        figure,
        key="sessions_moves",
        label=_("Object states: a lane an object, a bar a state, and what moved it there"),
    )
    if info.left_out:
        st.caption(
            ngettext(
                "The first {limit} objects are drawn; {number} more is not.",
                "The first {limit} objects are drawn; {number} more are not.",
                info.left_out,
            ).format(limit=LIMIT, number=info.left_out)
        )
    found = next((bar for bar in info.bars if bar.id == clicked), None)
    if found is not None:
        state = f"{found.told}, expired" if found.state == "expired" else found.told
        told = _("{object} is {state} from {at} ms on, moved by {cause}.")
        st.markdown(plain(told.format(object=found.object, state=state, at=f"{found.start_ms:.1f}", cause=found.cause)))
