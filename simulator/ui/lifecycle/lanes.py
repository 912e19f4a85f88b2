"""The swimlanes with what is opened of them, and what the clicked bar stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from simulator.figures.swimlanes import plot_swimlanes, swimlanes_info
from simulator.figures.swimlanes_info import Bar
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.spans import Trace
from simulator.ui.chart_view import chart_view, forget_click
from simulator.ui.language import fragment
from simulator.ui.lifecycle import bar

#: Bars that are drawn at most; the rest is merged.
MAX_BARS = 1000
#: Requests that have a lane; the history of an application may have thousands.
MAX_LANES = 60
#: So many requests are opened by one click; more would be lanes that nobody can read.
MAX_OPENED = 12


@fragment
def show(trace: Trace, *, key: str = "lanes") -> None:
    """Requests, slots and the pool on one time axis. `key` tells one figure of a page from another."""
    if not trace.groups:
        st.caption(_("There is nothing in this history that could be drawn."))
        return
    memory, every = f"{key}_opened", len(trace.requests)
    trace = _with_lanes(trace)
    opened = _opened(trace, memory)
    info = swimlanes_info(trace, expanded=opened, limit=MAX_BARS)
    names = {group.name for group in trace.groups}
    figure = plot_swimlanes(info, dark=st.context.theme.type == "dark")
    figure.update_layout(
        uirevision=f"{key} {trace.duration_ms}",  # another run: its time axis is another
        meta={"lanes": [lane.request if lane.request in names else None for lane in info.lanes]},
    )
    clicked = chart_view(
        figure,
        key=f"{key}_chart",
        label=_("Swimlanes: a lane a request, a lane a pool slot, and the pool over time"),
        on_lane=partial(_toggle, memory),
    )
    if every > MAX_LANES:
        st.caption(_("The {limit} slowest of {number} requests have a lane.").format(limit=MAX_LANES, number=every))
    if info.merged:
        st.caption(
            ngettext(
                "At most {limit} bars are drawn: {number} span stands in a bar together with its neighbours.",
                "At most {limit} bars are drawn: {number} spans stand in bars together with their neighbours.",
                info.merged,
            ).format(limit=MAX_BARS, number=info.merged)
        )
    st.caption(
        _(
            "Click a request's name to open or close it. Click a bar for its SQL, parameters, rows, times and line of "
            "code. Drag to zoom, double click to see everything."
        )
    )
    found = info.bars.get(clicked or "")
    if found is not None:
        _clicked(found, opened, key)


def _with_lanes(trace: Trace) -> Trace:
    """The same with no more requests than a person reads: the slowest, in their order."""
    if len(trace.requests) <= MAX_LANES:
        return trace
    slowest = sorted(trace.requests, key=lambda request: -request.length_ms(trace.duration_ms))[:MAX_LANES]
    return replace(trace, requests=tuple(sorted(slowest, key=lambda request: request.start_ms)))


def _opened(trace: Trace, memory: str) -> tuple[str, ...]:
    """The requests whose own lanes are shown; those of another run are forgotten."""
    names = [group.name for group in trace.groups]
    before = st.session_state.get(memory, _slowest(trace))
    kept = [name for name in before if name in names] or (_slowest(trace) if before else [])
    st.session_state[memory] = kept
    chooser, every = st.columns([9, 2], vertical_alignment="center")
    with every:
        _every(names, kept, memory)
    with chooser:
        return tuple(
            st.multiselect(
                _("Opened requests"),
                names,
                key=memory,
                format_func=lambda name: name or _("outside of requests"),
                placeholder=_("Open requests: Session, pool, statements, backend"),
                label_visibility="collapsed",
            )
        )


def _every(names: Sequence[str], opened: Sequence[str], memory: str) -> None:
    """One button: open all where they are few, close what is open."""
    few = len(names) <= MAX_OPENED and not opened
    label, then = (_("Open all"), list(names)) if few else (_("Close all"), [])
    idle = not opened and not then
    st.button(label, key=f"{memory}_every", width="stretch", disabled=idle, on_click=_set, args=(memory, then))


def _set(memory: str, names: list[str]) -> None:
    st.session_state[memory] = names


def _toggle(memory: str, request: str) -> None:
    opened = st.session_state.get(memory, [])
    st.session_state[memory] = [name for name in opened if name != request] if request in opened else [*opened, request]


def _slowest(trace: Trace) -> list[str]:
    """The request to begin with: it has most to tell."""
    by_time = sorted(trace.requests or trace.groups, key=lambda request: request.length_ms(trace.duration_ms))
    return [request.name for request in by_time[-1:]]


def _clicked(found: Bar, opened: tuple[str, ...], key: str) -> None:
    """In view wherever the bar is: the box stays at the foot of the window (style.css) until it is closed."""
    with st.container(border=True, key=f"tx_clicked_{key}"):
        bar.show(found)
        with st.container(horizontal=True):
            if found.request:
                is_open = found.request in opened
                label = _("Close {request}") if is_open else _("Open {request}")
                st.button(
                    label.format(request=found.request),
                    key=f"{key}_open",
                    icon="🔎",
                    on_click=_toggle,
                    args=(f"{key}_opened", found.request),
                )
            st.button(_("Close this box"), key=f"{key}_close", icon="✖️", on_click=forget_click, args=(f"{key}_chart",))
