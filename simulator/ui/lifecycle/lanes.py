"""The swimlanes with what is opened of them, and what the clicked bar stands for."""

from __future__ import annotations

import streamlit as st

from simulator.figures.swimlanes import plot_swimlanes, swimlanes_info
from simulator.figures.swimlanes_info import Bar
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.spans import Trace
from simulator.ui.chart_view import chart_view
from simulator.ui.language import fragment
from simulator.ui.lifecycle import bar

#: Bars that are drawn at most; the rest is merged.
MAX_BARS = 1000


@fragment
def show(trace: Trace, *, key: str = "lanes") -> None:
    """Requests, slots and the pool on one time axis. `key` tells one figure of a page from another."""
    opened = _opened(trace, key)
    info = swimlanes_info(trace, expanded=opened, limit=MAX_BARS)
    clicked = chart_view(
        plot_swimlanes(info, dark=st.context.theme.type == "dark"),
        key=f"{key}_chart",
        label=_("Swimlanes: a lane a request, a lane a pool slot, and the pool over time"),
    )
    if info.merged:
        st.caption(
            ngettext(
                "At most {limit} bars are drawn: {number} span stands in a bar together with its neighbours.",
                "At most {limit} bars are drawn: {number} spans stand in bars together with their neighbours.",
                info.merged,
            ).format(limit=MAX_BARS, number=info.merged)
        )
    found = info.bars.get(clicked or "")
    if found is None:
        st.caption(_("Click a bar: its SQL, parameters, times and line of code."))
    else:
        _clicked(found, opened, key)


def _opened(trace: Trace, key: str) -> tuple[str, ...]:
    """The requests whose own lanes are shown; those of another run are forgotten."""
    names = [request.name for request in trace.requests]
    memory = f"{key}_opened"
    kept = [name for name in st.session_state.get(memory, _slowest(trace)) if name in names]
    st.session_state[memory] = kept
    return tuple(
        st.multiselect(
            _("Opened requests"),
            names,
            key=memory,
            placeholder=_("Open requests: Session, pool, statements, backend"),
            label_visibility="collapsed",
        )
    )


def _slowest(trace: Trace) -> list[str]:
    """The request to begin with: it has most to tell."""
    by_time = sorted(trace.requests, key=lambda request: request.length_ms(trace.duration_ms))
    return [request.name for request in by_time[-1:]]


def _clicked(found: Bar, opened: tuple[str, ...], key: str) -> None:
    with st.container(border=True):
        bar.show(found)
        if found.request and found.request not in opened:
            st.button(
                _("Open {request}").format(request=found.request),
                icon="🔎",
                key=f"{key}_open",
                on_click=_open,
                args=(found.request, f"{key}_opened"),
            )


def _open(request: str, memory: str) -> None:
    st.session_state[memory] = [*st.session_state.get(memory, ()), request]
