"""What is seen while the orders run: squares that fill, and a button that stops it."""

from __future__ import annotations

from time import monotonic

import streamlit as st

from simulator.experiments.orders import Progress
from simulator.figures.orders import orders_html, orders_info
from simulator.i18n import gettext as _
from simulator.ui.kit.slots import here
from simulator.ui.orders.subject import Subject

#: Seconds between two pictures.
PACE_S = 0.3


class Going:
    """Shown on the page as long as the sweeps last; `glance` is called several times a second."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        self._subject, self._progress = subject, progress
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
        self._grids.html(orders_html(orders_info(self._progress.look(), self._subject.scenario.levels)))
        self._drawn_at = monotonic()

    def end(self) -> None:
        """Make room for what it came to."""
        self._box.empty()

    def _begin(self) -> None:
        self._is_begun = True
        with self._box.container():
            st.button(
                _("Stop"),
                icon="⏹️",
                key=here("orders_stop"),
                on_click=self._progress.stop,
                help=_("What ran so far is shown."),
            )
            self._grids, self._count = st.empty(), st.empty()
