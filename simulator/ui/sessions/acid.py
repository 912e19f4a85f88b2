"""Atomicity, consistency, isolation, durability: each is a run that somebody starts here."""

from __future__ import annotations

import streamlit as st

from simulator.i18n import gettext as _
from simulator.i18n.comments import translated
from simulator.labs.sessions.acid import ACID, AcidRun, letter, run_acid
from simulator.traces.trace import read
from simulator.ui.app import pages
from simulator.ui.components import kept as runs
from simulator.ui.components import source_view
from simulator.ui.kit.plain import plain
from simulator.ui.sessions import lanes

#: What takes seconds and a server of its own is not run unasked.
_ON_A_CLICK = ("durability",)


def show() -> None:
    """One letter at a time; its run is kept until it is asked for again."""
    chosen = letter(_choose())
    st.markdown(plain(_(chosen.sentence)))
    if chosen.scenario is not None:
        st.page_link(pages.find("anomalies").page(), query_params={"scenario": chosen.scenario}, icon="⚠️")
        return
    if (result := _run(chosen.key)) is None:
        return
    if result.twin is None:
        _show(result)
        return
    right, naive = st.columns(2, gap="medium")
    with right:
        _show(result)
    with naive:
        _show(result.twin)


def _choose() -> str:
    return str(
        st.segmented_control(
            _("Property"),
            [each.key for each in ACID],
            default=ACID[0].key,
            persist_state="session",
            required=True,
            key="sessions_acid",
            format_func=lambda key: _(letter(key).title),
            label_visibility="collapsed",
        )
    )


def _run(key: str) -> AcidRun | None:
    """What it came to, with a button that runs it again; None for one that runs on a click, and was not clicked."""
    again = runs.known(f"acid_{key}") is not None
    clicked = st.button(
        _("Run again") if again or key not in _ON_A_CLICK else _("Kill a server and look"),
        icon="🔁" if again or key not in _ON_A_CLICK else "💥",
        key=f"sessions_acid_{key}_run",
    )
    if clicked:
        runs.forget(f"acid_{key}")
    elif not again and key in _ON_A_CLICK:
        return None
    return runs.made(f"acid_{key}", None, lambda engine: run_acid(engine, key), doing=_("It runs on a real server"))


def _show(run: AcidRun) -> None:
    """What held, in words and rows; the code; the timeline."""
    symbol = "✅" if run.held else "❌"
    st.markdown(f"#### {symbol} {plain(_(run.title))}")
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in run.sentences))
    st.table(dict(run.facts), border="horizontal")
    if run.failure is not None:
        st.markdown(f":red[✕ {plain(str(run.failure))}]")
    source_view.show(translated(run.code))
    if run.server_log:
        with st.expander(_("The server's own words")):
            st.code("\n".join(run.server_log), language=None, wrap_lines=True)
    lanes.show(read(run.history), key=f"sessions_acid_{run.key}_{run.held}")
