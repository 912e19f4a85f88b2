"""The swimlanes with what is opened of them, and what the clicked bar stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import streamlit as st

from simulator.figures.score.info import Axis
from simulator.figures.swimlanes.bands import band_labels
from simulator.figures.swimlanes.info import Bar, SwimlanesInfo
from simulator.figures.swimlanes.plot import plot_swimlanes, swimlanes_info
from simulator.figures.swimlanes.words import request_word
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.traces.spans import Trace
from simulator.ui.app.language import fragment
from simulator.ui.components import axis as axes
from simulator.ui.components import findings_view, legend
from simulator.ui.components.chart_view import chart_view, forget_click
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import Slot
from simulator.ui.sessions import bar

#: Bars that are drawn at most; the rest is merged.
MAX_BARS = 1000
#: Requests that have a lane; the history of an application may have thousands.
MAX_LANES = 60
#: So many requests are opened by one click; more would be lanes that nobody can read.
MAX_OPENED = 12


@fragment
def show(trace: Trace, *, key: str = "sessions_lanes", page: str = "sessions", first: Axis = Axis.TIME) -> None:
    """Requests, slots and the pool on one axis, `first` until the person wants another on this `page`.

    `key` tells one figure of a page from another. Where requests are many, those that are alike share a lane.
    """
    if not trace.groups:
        st.caption(_("There is nothing in this history that could be drawn."))
        return
    memory: Slot[list[str] | None] = Slot(key, "opened", None)
    shown = _with_lanes(trace)
    folded = band_labels(trace, shown)
    opened, axis = _opened(trace, (*shown, *folded), folded, memory, (page, first))
    info = axes.on(axis, swimlanes_info(trace, expanded=opened, show=shown, limit=MAX_BARS, fold=True))
    figure = plot_swimlanes(info, dark=st.context.theme.type == "dark")
    named = [each.request if each.request in {*shown, *folded} else None for each in info.lanes]
    # Another run: its axis is another.
    figure.update_layout(
        uirevision=f"{key} {trace.duration_ms} {info.steps}", meta={**figure.layout.meta, "lanes": named}
    )
    findings_view.light(figure, trace)
    clicked = chart_view(
        figure,
        key=f"{key}_chart",
        label=_("Swimlanes: a lane a request, a lane a pool slot, and the pool over time"),
        on_lane=partial(_toggle, memory),
    )
    legend.show(figure)
    for remark in _remarks(trace, axis, info):
        st.caption(remark)
    found = info.bars.get(clicked or "")
    if found is not None:
        _clicked(found, opened, key)


def _remarks(trace: Trace, axis: Axis, info: SwimlanesInfo) -> Iterator[str]:
    """What is not drawn as it might be expected, and what can be clicked."""
    if (remark := axes.remark(axis, info)) != "":
        yield remark
    if len(trace.requests) > MAX_LANES:
        yield _(
            "The {limit} slowest of {number} requests have a lane; the slots and the pool's curve count all."
        ).format(limit=MAX_LANES, number=len(trace.requests))
    if info.merged:
        yield ngettext(
            "At most {limit} bars are drawn: {number} span stands in a bar together with its neighbours.",
            "At most {limit} bars are drawn: {number} spans stand in bars together with their neighbours.",
            info.merged,
        ).format(limit=MAX_BARS, number=info.merged)
    yield _(
        "Click a lane's name to open or close it. Click a bar for its SQL, parameters, rows, times and line of "
        "code. Drag to zoom, double click to see everything."
    )


def _with_lanes(trace: Trace) -> tuple[str, ...]:
    """Names of no more requests than a person reads: the slowest, in their order; and of what lies outside of them."""
    by_time = sorted(trace.requests, key=lambda request: -request.length_ms(trace.duration_ms))
    slowest = {request.name for request in by_time[:MAX_LANES]} | {""}
    return tuple(group.name for group in trace.groups if group.name in slowest)


def _opened(
    trace: Trace,
    names: Sequence[str],
    folded: Mapping[str, str],
    memory: Slot[list[str] | None],
    switch: tuple[str, Axis],
) -> tuple[tuple[str, ...], Axis]:
    """The requests whose own lanes are shown, and bands that are unfolded; those of another run are forgotten."""
    first = [] if folded else _slowest(trace)
    before = found if (found := memory.get()) is not None else first
    kept = [name for name in before if name in names] or (first if before else [])
    memory.set(kept)
    with st.container(horizontal=True, vertical_alignment="center"):
        opened = st.multiselect(
            _("Opened requests"),
            list(names),
            key=memory.key,
            format_func=lambda name: folded.get(name) or request_word(name) or _("outside of requests"),
            placeholder=_("Open requests: Session, pool, statements, backend"),
            label_visibility="collapsed",
        )
        _every([name for name in names if name not in folded], kept, memory)
        chosen = axes.switch(*switch)
    return tuple(opened), chosen


def _every(names: Sequence[str], opened: Sequence[str], memory: Slot[list[str] | None]) -> None:
    """One button: open all where they are few, close what is open."""
    few = len(names) <= MAX_OPENED and not opened
    label, then = (_("Open all"), list(names)) if few else (_("Close all"), [])
    idle = not opened and not then
    st.button(label, key=f"{memory.key}_every", disabled=idle, on_click=memory.set, args=(then,))


def _toggle(memory: Slot[list[str] | None], request: str) -> None:
    opened = memory.get() or []
    memory.set([name for name in opened if name != request] if request in opened else [*opened, request])


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
                    label.format(request=plain(request_word(found.request))),
                    key=f"{key}_open",
                    icon="🔎",
                    on_click=_toggle,
                    args=(Slot(key, "opened", None), found.request),
                )
            st.button(_("Close this box"), key=f"{key}_close", icon="✖️", on_click=forget_click, args=(f"{key}_chart",))
