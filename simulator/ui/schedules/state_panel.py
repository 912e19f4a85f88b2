"""How everything stands at one step: who waits for whom, locks, rows and who sees them, and why a read saw that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from html import escape
from typing import NamedTuple

import streamlit as st

from simulator.figures.score.countdown import countdown
from simulator.figures.score.info import Mark
from simulator.figures.waits import waits_dot, waits_info
from simulator.history.schedule import History, StatementFinished, StatementStarted, StepSkipped
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.state.locks import Deadlock, Wait, wait_for_graph
from simulator.state.reader import PanelState, state_at
from simulator.state.snapshots import settled
from simulator.state.ssi import rw_edges
from simulator.state.wants import Want, waits_begun, want
from simulator.state.why import reads_of, why_read
from simulator.ui.components import moments
from simulator.ui.components.moments import Moment
from simulator.ui.components.tabs import Tab, row
from simulator.ui.kit.terms import explained
from simulator.ui.schedules import countdown_view, state_locks, state_rows


class Steps(NamedTuple):
    """The steps of a score beside which the panel stands."""

    #: the run's name in the view
    run: str
    #: by position; none before the first
    marks: Mapping[int, Mark | None]
    #: the position that is seen until the view is there
    shown: int


@dataclass(frozen=True)
class _Place:
    """What the panel is about."""

    history: History
    seq: int
    key: str
    deadlock_timeout_ms: float | None
    steps: Steps | None

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
    steps: Steps | None = None,
) -> None:
    """The state once everything that this step brought about has been seen; without a mark, before the first step.

    `deadlock_timeout_ms` is what the server says of its setting, for the countdown of a deadlock. With `steps` it
    is the view's own step that the tab of who waits shows.
    """
    place = _Place(history, _sent(history, mark), key, deadlock_timeout_ms, steps)
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
    if place.steps is None:
        moments.show_one(_waiting(place, place.seq))
        return
    by_position = {
        position: _waiting(place, _sent(place.history, mark)) for position, mark in place.steps.marks.items()
    }
    run, shown = place.steps.run, place.steps.shown
    moments.show(by_position, key=f"{place.key}_waits", run=run, shown=shown)


def _waiting(place: _Place, sent: int) -> Moment:
    """Who waits for whom once all that followed from this event has been seen, and for what."""
    seq = settled(place.history, sent)
    graph = wait_for_graph(place.history, seq)
    known = (*graph.waits, *(graph.deadlock.waits if graph.deadlock else ()))
    rows = {wait: row for wait in known if (row := want(place.history, wait).row)}
    info = waits_info(graph, rows)
    dot = waits_dot(info, dark=st.context.theme.type == "dark")
    if not info.waits and graph.deadlock is None:
        nobody = f'<p class="tx-quiet">{escape(_("Nobody waits at this step."))}</p>'
        return Moment(dot, nobody + _waits_until(place.history, seq))
    waiting = _wants(place.history, graph.waits, ' class="tx-waits"') if graph.waits else ""
    return Moment(dot, waiting + (_deadlock(place, seq, graph.deadlock) if graph.deadlock else ""))


def _waits_until(history: History, seq: int) -> str:
    """The waits that are over by now, in the order in which they began."""
    found = waits_begun(history, seq)
    return f"<b>{escape(_('Waits until here'))}</b>{_wants(history, found)}" if found else ""


def _wants(history: History, waits: Sequence[Wait], css: str = "") -> str:
    """What each of these waits is for; the lock's name below it."""
    lines = (_want(want(history, wait)) for wait in waits)
    items = "".join(f"<li{css}>{line}</li>" for line in lines)
    return f'<ul class="tx-state">{items}</ul>'


def _want(one: Want) -> str:
    lock = f"{one.wait.step} · {one.lock}"
    return f"{escape(str(one.sentence))}<br><small>{explained(lock)}</small>"


def _deadlock(place: _Place, seq: int, deadlock: Deadlock) -> str:
    first = _("Deadlock: the server ended {victim} in {step} (40P01).").format(
        victim=deadlock.victim, step=deadlock.step
    )
    clock = countdown_view.html(countdown(place.history, deadlock), place.deadlock_timeout_ms)
    lines = "".join(f"<p>{escape(line)}</p>" for line in _survivors(place.history, deadlock, seq))
    title = escape(_("The server's report"))
    report = (
        f'<details><summary>{title}</summary><pre class="tx-report">{escape(deadlock.detail)}</pre></details>'
        if deadlock.detail
        else ""
    )
    return f'<div class="tx-deadlock"><p class="tx-red">{escape(first)}</p>{clock}{lines}{report}</div>'


def _survivors(history: History, deadlock: Deadlock, seq: int) -> Iterator[str]:
    """Who went on after the victim's rollback."""
    for event in history.events[deadlock.at : seq + 1]:
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
