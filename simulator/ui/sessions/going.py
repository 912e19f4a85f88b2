"""What is seen while the requests run: lanes that grow, numbers that count, and a button that stops them."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

import streamlit as st

from simulator.figures.swimlanes.live import live_html
from simulator.figures.swimlanes.plot import swimlanes_info
from simulator.i18n import gettext as _
from simulator.labs.sessions.progress import Progress
from simulator.traces.critical import duration, totals
from simulator.traces.pool import occupancy
from simulator.traces.spans import Trace
from simulator.traces.trace import read
from simulator.ui.kit import boxes
from simulator.ui.kit.boxes import Box
from simulator.ui.sessions import stop

#: Seconds between two pictures: the requests that are measured need the processor more.
PACE_S = 0.35
MAX_BARS = 400


class Going:
    """Shown on the page as long as the run lasts; `glance` is called several times a second."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._box = st.empty()
        self._drawn_at = 0.0
        self._is_begun = False

    def glance(self) -> None:
        """Bring it up to date."""
        if not self._is_begun:
            self._begin()
        if monotonic() - self._drawn_at < PACE_S:
            self._count.caption("")  # here a script that is to end ends
            return
        if (seen := self._progress.look()) is not None:
            history, now_ms = seen
            trace = replace(read(history), duration_ms=max(now_ms, 0.0))
            self._numbers.html(boxes.html(numbers(trace), strip=True))
            self._lanes.html(live_html(swimlanes_info(trace, limit=MAX_BARS, fold=True)))
        self._drawn_at = monotonic()

    def end(self) -> None:
        """Make room for the run."""
        self._box.empty()

    def _begin(self) -> None:
        self._is_begun = True
        with self._box.container():
            stop.button(self._progress)
            self._numbers, self._lanes, self._count = st.empty(), st.empty(), st.empty()


def numbers(trace: Trace) -> tuple[Box, ...]:
    """As on the strip of a run that is over, counted so far."""
    sums = totals(trace)
    waiting = moments[-1].waiting if (moments := occupancy(trace)) else 0
    return (
        Box(_("Answered"), f"{sums.ok} / {sums.requests}", key="going_answered"),
        Box(_("Failed"), str(sums.failed), key="going_failed"),
        Box(_("Waiting for the pool now"), str(waiting), key="going_waiting"),
        Box(_("Running for"), duration(trace.duration_ms), key="going_time"),
    )
