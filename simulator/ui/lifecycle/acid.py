"""Atomicity, consistency, isolation, durability: each is a run that somebody starts here."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.labs.lifecycle.acid import ACID, AcidRun, letter, run_acid
from simulator.traces.trace import read
from simulator.ui import labs, runs, source_view
from simulator.ui.lifecycle import lanes
from simulator.ui.manager import manager
from simulator.ui.plain import plain

#: What takes seconds and a server of its own is not run unasked.
_ON_A_CLICK = ("durability",)


def show() -> None:
    """One letter at a time; its run is kept until it is asked for again."""
    key = str(
        st.segmented_control(
            _("Property"),
            [each.key for each in ACID],
            default=ACID[0].key,
            required=True,
            key="lifecycle_acid",
            format_func=lambda key: _(letter(key).title),
            label_visibility="collapsed",
        )
    )
    chosen = letter(key)
    st.markdown(plain(_(chosen.sentence)))
    if chosen.scenario is not None:
        st.page_link(labs.find("anomalies").page(), query_params={"scenario": chosen.scenario}, icon="⚠️")
        return
    again = f"kept_acid_{key}" in st.session_state
    clicked = st.button(
        _("Run again") if again or key not in _ON_A_CLICK else _("Kill a server and look"),
        icon="🔁" if again or key not in _ON_A_CLICK else "💥",
        key=f"acid_{key}_run",
    )
    if clicked:
        runs.forget(f"acid_{key}")
    elif not again and key in _ON_A_CLICK:
        return
    with st.spinner(_("It runs on a real server")):
        result = runs.kept(f"acid_{key}", None, lambda: run_acid(manager().engine(), key))
    if result.twin is None:
        _show(result)
        return
    right, naive = st.columns(2, gap="medium")
    with right:
        _show(result)
    with naive:
        _show(result.twin)


def _show(run: AcidRun) -> None:
    """What held, in words and rows; the code; the timeline."""
    symbol = "✅" if run.held else "❌"
    st.markdown(f"#### {symbol} {plain(_(run.title))}")
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in run.sentences))
    st.table(dict(run.facts), border="horizontal")
    if run.failure is not None:
        st.markdown(f":red[✕ {plain(str(run.failure))}]")
    source_view.show(run.code)
    if run.server_log:
        with st.expander(_("The server's own words")):
            st.code("\n".join(run.server_log), language=None, wrap_lines=True)
    lanes.show(read(run.history), key=f"acid_{run.key}_{run.held}")
