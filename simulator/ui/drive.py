"""Drive it yourself: each session is a column, its next statement a button; every click runs on a live connection."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import streamlit as st

from simulator.figures.palette import session_colors
from simulator.figures.score import Axis, plot_score, score_info
from simulator.figures.score_info import ScoreInfo
from simulator.history import History
from simulator.i18n import gettext as _
from simulator.live import LiveRunEnded, LiveState, LiveView
from simulator.model import Schedule, Variant
from simulator.run import RunResult
from simulator.ui import address, drive_column, link, live, mode, state_panel, statement, verdict, waited
from simulator.ui.banner import problems
from simulator.ui.language import fragment, speak
from simulator.ui.link import Pick
from simulator.ui.manager import manager
from simulator.ui.plain import plain
from simulator.ui.score_view import score_view

#: How often a page asks whether something has happened by itself: a time-out, a killed connection, five idle minutes.
PULSE_S = 1.0
#: Of a lane, in pixels: lower than elsewhere, so that the buttons stay in sight.
LANE_HEIGHT = 80
_SHOWN = "drive_shown"


def show(pick: Pick) -> None:
    """The live run of what is picked; a click redraws this block alone."""
    _board(pick)
    _pulse()
    address.follow({} if pick.own else {**link.parameters(replace(pick, step=None)), mode.PARAMETER: mode.DRIVE})


@fragment
def _board(pick: Pick) -> None:
    with problems("drive"):
        try:
            run = live.run_of(pick)
            view = run.refresh()
            history, result = run.history(), live.result(run, view)
        except LiveRunEnded as ended:
            _over(pick.variant, ended)
            return
        st.session_state[_SHOWN] = live.settled(view)
        _stage(pick.variant, view, history, result)


@st.fragment(run_every=PULSE_S)
def _pulse() -> None:
    """Look at the run; draw again only where it is no longer as it is shown."""
    speak()
    shown = st.session_state.get(_SHOWN)
    try:
        run = live.current()
        now = live.settled(run.refresh()) if run else None
    except LiveRunEnded:
        now = None
    if shown is not None and now != shown:
        st.session_state[_SHOWN] = None
        st.rerun(scope="app")


def _stage(variant: Variant, view: LiveView, history: History, result: RunResult | None) -> None:
    info = _info(variant, history, result)
    if result is not None:
        if result.scenario.family in link.LOCKS.families:
            waited.headline(result, info)
        else:
            verdict.headline(result)
    step = _score(info)
    colors = session_colors(history.sessions)
    for session, column in zip(view.sessions, st.columns(len(view.sessions)), strict=True):
        with column, st.container(border=True, height="stretch", gap="xsmall"):
            drive_column.show(variant, session, history, colors[session.name])
    _tools(view)
    if info.marks:
        left, right = st.columns([2, 3], gap="medium")
        with left:
            statement.show(history, info.marks[step])
        with right:
            timeout_ms = manager().engine().capabilities().deadlock_timeout_ms
            state_panel.show(history, info.marks[step], key="drive", deadlock_timeout_ms=timeout_ms)


def _info(variant: Variant, history: History, result: RunResult | None) -> ScoreInfo:
    """Nothing is scheduled: every statement has the place at which it was clicked."""
    info = score_info(history, Schedule(()), result.verdict if result else None, variant)
    return info._replace(scheduled=len(info.marks))


def _score(info: ScoreInfo) -> int:
    if not info.marks:
        words = _("You decide who moves next. Each button runs one statement, now, on that session's own connection.")
        st.html(f'<div class="tx-invite"><span>👇</span><span>{escape(words)}</span></div>')
        return 0
    last = len(info.marks) - 1
    return score_view(plot_score(info, Axis.STEPS, LANE_HEIGHT), info.marks, key="drive_score", step=last)


def _tools(view: LiveView) -> None:
    """Undo and start again, and what there is to say of the last one."""
    if found := live.problem():
        st.warning(plain(found), icon="⚠️")
    if view.note:
        st.info(plain(view.note), icon="↶")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(_("Undo"), icon="↩️", key="drive_undo", disabled=not view.clicks, on_click=live.undo)
        st.button(_("Start again"), icon="🔁", key="drive_restart", disabled=not view.clicks, on_click=live.leave)
        waiting = any(session.state is LiveState.WAITING for session in view.sessions)
        st.caption(
            _("A session that waits goes on by itself once it is released.")
            if waiting
            else _(
                "Undo runs the clicks before the last one again, on a fresh schema. "
                "A run that nobody touches for 5 minutes is rolled back and closed."
            )
        )


def _over(variant: Variant, ended: LiveRunEnded) -> None:
    """Why there is nothing to drive any more, and what had happened."""
    st.session_state[_SHOWN] = None
    st.info(plain(str(ended)), icon="⏹️")
    st.button(_("Start again"), icon="🔁", key="drive_anew", type="primary", on_click=live.leave)
    if ended.history is not None:
        info = _info(variant, ended.history, None)
        if info.marks:
            _score(info)
