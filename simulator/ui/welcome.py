"""What the first page is made of: a collision that has just run, the ways on, and the state of the database."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.engines.base import ServerInfo
from simulator.errors import EngineError
from simulator.figures.score import plot_score, score_info
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.run import RunResult
from simulator.ui import labs, link, verdict
from simulator.ui.language import fragment
from simulator.ui.manager import manager
from simulator.ui.plain import plain
from simulator.ui.score_view import score_view


def title() -> None:
    """What this is, in one sentence."""
    st.html(
        f'<div class="tx-title"><h1>Txscope</h1><p>'
        f"{escape(_('Real transactions collide on a real PostgreSQL. See what each isolation level makes of it.'))}"
        "</p></div>"
    )


def collision() -> None:
    """A lost update, run now: what every visitor's own application may do tonight."""
    pick, _complaints = link.read({}, link.ANOMALIES)
    result = manager().run(pick.scenario, pick.variant, pick.isolation)
    elapsed = result.elapsed_ns / 1e6
    st.markdown(
        _(
            "**{scenario}** at **{level}**, run just now in {ms:.0f} ms: two tasks add 20 and 30 to a wallet of 100."
        ).format(scenario=_(pick.scenario.title), level=pick.isolation.value, ms=elapsed)
    )
    verdict.headline(result)
    _score(result)


@fragment
def _score(result: RunResult) -> None:
    info = score_info(result.history, result.schedule, result.verdict, result.variant)
    score_view(plot_score(info), info.marks, key="home_score", step=len(info.marks) - 1)


def ways_on() -> None:
    """The labs that are built, in their order, and where they run."""
    found = labs.built()
    for lab, column in zip(found, st.columns(len(found), gap="small"), strict=True):
        with column, st.container(border=True, height="stretch", gap="xxsmall"):
            st.page_link(lab.page(), label=f"**{_(lab.title)}**", icon=lab.icon)
            st.markdown(_(lab.sentence))
    database()


def database() -> None:
    """Which server, which version, how many runs."""
    try:
        info = manager().info()
    except EngineError:  # told in full above
        st.markdown(f"🗄️ **{_('No database')}**")
        return
    runs = manager().runs_going_on()
    going_on = ngettext("{n} run going on", "{n} runs going on", runs).format(n=runs)
    st.markdown(f"🗄️ **{plain(info.product)} {plain(info.version)}** · {plain(_place(info))} · {going_on}")


def _place(info: ServerInfo) -> str:
    return _("Embedded") if info.embedded else info.place
