"""Drive it yourself: each session is a column, its next statement a button; every click runs on a live connection.

Every run of the block draws as many things in the same order, `<i></i>` where there is nothing: what is drawn in the
place of something takes it away at once, and what has nothing in its place may stay until the block is run again.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from simulator.figures.palette import session_colors
from simulator.figures.score.info import Mark, ScoreInfo
from simulator.figures.score.plot import Axis, plot_score, score_info
from simulator.history.schedule import History
from simulator.i18n import gettext as _
from simulator.live import LiveRunEnded, LiveState, LiveView
from simulator.model import Schedule
from simulator.state.stored import stored_values
from simulator.ui.app import address
from simulator.ui.app.banner import problems
from simulator.ui.app.language import fragment, speak
from simulator.ui.app.manager import manager
from simulator.ui.components.score_view import score_view
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import HERE, Slot, here
from simulator.ui.schedules import drive_column, drive_goal, live, mode, state_panel, statement, verdict
from simulator.ui.schedules import pick as link
from simulator.ui.schedules.drive_goal import Driven
from simulator.ui.schedules.pick import Pick

#: How often a page asks whether something has happened by itself: a time-out, a killed connection, five idle minutes.
PULSE_S = 1.0
#: Of a lane, in pixels: lower than elsewhere, so that the buttons stay in sight.
LANE_HEIGHT = 64
_SHOWN: Slot[LiveView | None] = Slot(HERE, "drive_shown", None)


def show(pick: Pick) -> None:
    """The live run of what is picked; a click redraws this block alone."""
    _board(pick)
    _pulse()
    address.follow({} if pick.own else {**link.parameters(replace(pick, step=None)), **mode.LINK.write(mode.DRIVE)})


@fragment
def _board(pick: Pick) -> None:
    with problems("drive"), st.container(key=here("drive_stage")):
        try:
            with st.container():  # what is shown while one waits for a place
                run = live.run_of(pick)
            view = run.refresh()
            driven = Driven(pick, run.history(), live.result(run, view), run.clicks())
        except LiveRunEnded as ended:
            _over(pick, ended)
            return
        _SHOWN.set(live.settled(view))
        _stage(view, driven)


@st.fragment(run_every=PULSE_S)
def _pulse() -> None:
    """Look at the run; draw again only where it is no longer as it is shown."""
    speak()
    shown = _SHOWN.get()
    try:
        run = live.current()
        now = live.settled(run.refresh()) if run else None
    except LiveRunEnded:
        now = None
    if shown is not None and now != shown:
        _SHOWN.set(None)
        st.rerun(scope="app")


def _stage(view: LiveView, driven: Driven) -> None:
    play_elsewhere = drive_goal.show(driven)
    history, info = driven.history, _info(driven)
    variant, colors = driven.pick.variant, session_colors(history.sessions)
    scripts = {script.name: script for script in variant.sessions}
    shown = drive_column.columns(view.sessions, scripts, history, info.marks, colors)
    for each, column in zip(shown, st.columns(len(view.sessions), gap="small"), strict=True):
        with column, st.container(border=True, height="stretch", gap="xsmall"):
            drive_column.show(each)
    _tools(view)
    step = _score(info)
    with st.container(key=here("drive_below")):
        if driven.result is not None:
            verdict.theory(driven.result)
        if info.marks:
            _state(history, info, info.marks[step])
    play_elsewhere()


def _state(history: History, info: ScoreInfo, mark: Mark) -> None:
    """The statement that the score stands at, and how everything stood then."""
    left, right = st.columns([2, 3], gap="medium")
    with left:
        statement.show(history, info, mark)
    with right:
        timeout_ms = manager().engine().capabilities().deadlock_timeout_ms
        state_panel.show(history, mark, key=here("drive"), deadlock_timeout_ms=timeout_ms)


def _info(driven: Driven) -> ScoreInfo:
    """Nothing is scheduled: every statement has the place at which it was clicked."""
    rule, result = driven.pick.scenario.invariant, driven.result
    info = score_info(
        driven.history,
        Schedule(()),
        result.confirmed if result else None,
        driven.pick.variant,
        stored=stored_values(driven.history, rule.sql if rule else ""),
        wrong=result is not None and result.stored_wrong,
    )
    return info._replace(scheduled=len(info.marks))


def _score(info: ScoreInfo) -> int:
    last = len(info.marks) - 1
    return score_view(plot_score(info, Axis.STEPS, LANE_HEIGHT), info.marks, key=here("drive_score"), step=last)


def _tools(view: LiveView) -> None:
    """Undo and start again, and what there is to say of the last one."""
    with st.container(gap=None):
        if found := live.problem():
            st.warning(plain(found), icon="⚠️")
        else:
            st.html("<i></i>")
        if view.note:
            st.info(plain(view.note), icon="↶")
        else:
            st.html("<i></i>")
    with st.container(horizontal=True, vertical_alignment="center", key=here("drive_tools")):
        nothing, clicks = not view.clicks, (view.clicks,)
        st.button(_("Undo"), icon="↩️", key=here("drive_undo"), disabled=nothing, on_click=live.undo, args=clicks)
        st.button(_("Start again"), icon="🔁", key=here("drive_restart"), disabled=nothing, on_click=live.start_again)
        waiting = any(session.state is LiveState.WAITING for session in view.sessions)
        st.caption(
            _("A session that waits goes on by itself once it is released.")
            if waiting
            else _(
                "Undo runs the clicks before the last one again, on a fresh schema. "
                "A run that nobody touches for 5 minutes is rolled back and closed."
            )
        )


def _over(pick: Pick, ended: LiveRunEnded) -> None:
    """Why there is nothing to drive any more, and what had happened."""
    _SHOWN.set(None)
    st.info(plain(str(ended)), icon="⏹️")
    st.button(_("Start again"), icon="🔁", key=here("drive_anew"), type="primary", on_click=live.start_again)
    if ended.history is not None:
        info = _info(Driven(pick, ended.history, None, ()))
        if info.marks:
            _score(info)
