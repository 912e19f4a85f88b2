"""How everything stands at one step: who waits for whom, locks, rows and who sees them, and why a read saw that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from html import escape

import streamlit as st

from simulator.figures.score.countdown import countdown
from simulator.figures.score.info import Mark
from simulator.figures.waits import waits_dot, waits_info
from simulator.history.schedule import History, StatementFinished, StatementStarted, StepSkipped
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.state.locks import Deadlock, Wait
from simulator.state.reader import PanelState, state_at
from simulator.state.ssi import rw_edges
from simulator.state.wants import Want, waits_begun, want
from simulator.state.why import reads_of, why_read
from simulator.ui.components.tabs import Tab, row
from simulator.ui.kit.terms import explained
from simulator.ui.schedules import countdown_view, state_locks, state_rows

#: Height of the wait-for graph; it is as wide as there is room.
GRAPH_PX = 150


@dataclass(frozen=True)
class _Place:
    """What the panel is about."""

    history: History
    seq: int
    key: str
    deadlock_timeout_ms: float | None

    @cached_property
    def state(self) -> PanelState:
        """Read when an open tab shows it: not every tab does."""
        return state_at(self.history, self.seq)


def show(
    history: History,
    mark: Mark | None,
    *,
    key: str,
    before: tuple[Tab[[]], ...] = (),
    after: tuple[Tab[[]], ...] = (),
    deadlock_timeout_ms: float | None = None,
) -> None:
    """The state once everything that this step brought about has been seen; without a mark, before the first step.

    `deadlock_timeout_ms` is what the server says of its setting, for the countdown of a deadlock.
    """
    seq = _sent(history, mark)
    place = _Place(history, seq, key, deadlock_timeout_ms)
    own = tuple(Tab(name, title, partial(draw, place)) for name, title, draw in _TABS)
    row(f"{key}_state", (*before, *own, *after))


def _sent(history: History, mark: Mark | None) -> int:
    """Place of the event with which the step began; the end, where the run never came to it."""
    if mark is None:
        return -1
    found = [
        event.seq
        for event in history.events
        if isinstance(event, StatementStarted | StepSkipped)
        and (event.step, event.transaction or event.session) == (mark.step, mark.transaction)
    ]
    return found[-1] if found else len(history.events) - 1


def _waits(place: _Place) -> None:
    graph = place.state.graph
    known = (*graph.waits, *(graph.deadlock.waits if graph.deadlock else ()))
    rows = {wait: row for wait in known if (row := want(place.history, wait).row)}
    info = waits_info(graph, rows)
    st.graphviz_chart(waits_dot(info, dark=st.context.theme.type == "dark"), width="stretch", height=GRAPH_PX)
    if not info.waits and graph.deadlock is None:
        st.html(f'<p class="tx-quiet">{escape(_("Nobody waits at this step."))}</p>{_waits_until(place)}')
        return
    if graph.waits:
        st.html(_wants(place, graph.waits, ' class="tx-waits"'))
    if graph.deadlock:
        _deadlock(place, graph.deadlock)


def _waits_until(place: _Place) -> str:
    """The waits that are over by now, in the order in which they began."""
    found = waits_begun(place.history, place.state.seq)
    return f"<b>{escape(_('Waits until here'))}</b>{_wants(place, found)}" if found else ""


def _wants(place: _Place, waits: Sequence[Wait], css: str = "") -> str:
    """What each of these waits is for; the lock's name below it."""
    lines = (_want(want(place.history, wait)) for wait in waits)
    items = "".join(f"<li{css}>{line}</li>" for line in lines)
    return f'<ul class="tx-state">{items}</ul>'


def _want(one: Want) -> str:
    lock = f"{one.wait.step} · {one.lock}"
    return f"{escape(str(one.sentence))}<br><small>{explained(lock)}</small>"


def _deadlock(place: _Place, deadlock: Deadlock) -> None:
    first = _("Deadlock: the server ended {victim} in {step} (40P01).").format(
        victim=deadlock.victim, step=deadlock.step
    )
    clock = countdown_view.html(countdown(place.history, deadlock), place.deadlock_timeout_ms)
    lines = "".join(f"<p>{escape(line)}</p>" for line in _survivors(place, deadlock))
    st.html(f'<div class="tx-deadlock"><p class="tx-red">{escape(first)}</p>{clock}{lines}</div>')
    if deadlock.detail:
        with st.expander(_("The server's report")):
            st.code(deadlock.detail, language=None, wrap_lines=True)


def _survivors(place: _Place, deadlock: Deadlock) -> Iterator[str]:
    """Who went on after the victim's rollback."""
    for event in place.history.events[deadlock.at : place.state.seq + 1]:
        if isinstance(event, StatementFinished) and event.session != deadlock.victim:
            yield _("{session} went on: {step} → {tag}").format(session=event.session, step=event.step, tag=event.tag)


def _locks(place: _Place) -> None:
    state_locks.show(place.state, place.history.sessions, rw_edges(place.history, place.state.seq))


def _why(place: _Place) -> None:
    """For a read that was there by now, the latest first."""
    began = {
        (event.transaction, event.step): event.seq
        for event in place.history.events[: place.state.seq + 1]
        if isinstance(event, StatementStarted)
    }
    reads = [read for read in reads_of(place.history) if read in began][::-1]
    if not reads:
        st.html(f'<p class="tx-quiet">{escape(_("No step has read rows until here."))}</p>')
        return
    chosen = st.selectbox(
        _("Why did this read see that?"),
        reads,
        format_func=lambda read: read[1] if "#" not in read[0] else f"{read[1]} ({read[0]})",
        key=f"{place.key}_why_{place.seq}",
    )
    why = why_read(place.history, chosen[1], chosen[0])
    lines = "".join(f"<p>{escape(str(sentence))}</p>" for sentence in why.sentences)
    st.html(f'<div class="tx-why-read">{lines}</div>')


_TABS: tuple[tuple[str, str, Callable[[_Place], None]], ...] = (
    ("waits", N_("Who waits"), _waits),
    ("locks", N_("Locks"), _locks),
    ("rows", N_("Rows"), lambda place: state_rows.show_views(place.state, place.history.sessions)),
    ("versions", N_("Row versions"), lambda place: state_rows.show_versions(place.state)),
    ("why", N_("Why this read?"), _why),
)
