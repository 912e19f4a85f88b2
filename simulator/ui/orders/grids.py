"""The grids, and below them what can be asked of them."""

from __future__ import annotations

import streamlit as st

from simulator.experiments.orders import Sweep
from simulator.export.orders import sample_text
from simulator.figures.orders import orders_html, orders_info
from simulator.i18n import N_, ngettext
from simulator.i18n import gettext as _
from simulator.ui.components.tabs import Tab, row
from simulator.ui.kit.slots import here
from simulator.ui.orders import apart, difference, runs, small
from simulator.ui.orders.subject import Subject

_TABS: tuple[Tab[Subject, tuple[Sweep, ...]], ...] = (
    Tab("difference", N_("What made the difference"), difference.show),
    Tab("smallest", N_("The smallest that goes wrong"), small.show),
    Tab("apart", N_("What can be told apart"), apart.show),
)


def show(subject: Subject) -> None:
    """Run every order, or show what they came to."""
    sweeps = runs.of(subject)
    info = orders_info(sweeps, subject.scenario.levels, subject.current)
    st.html(orders_html(info, subject.href))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(_("Run again"), icon="🔁", key=here("orders_again"), on_click=runs.again)
        st.caption(_said(sweeps))
    for sweep in sweeps:
        if sweep.sample is not None and not sweep.complete:
            title = f"{_(sweep.variant.title)}, {sweep.isolation.value}: "
            st.caption(title + sample_text(sweep.sample))
    row(here("orders_tabs"), _TABS, subject, sweeps)


def _said(sweeps: tuple[Sweep, ...]) -> str:
    count = sum(sweep.runs for sweep in sweeps)
    said = [ngettext("{n} run on this server, just now", "{n} runs on this server, just now", count).format(n=count)]
    if any(sweep.stopped for sweep in sweeps):
        said.append(_("stopped before its end"))
    return " · ".join(said)
