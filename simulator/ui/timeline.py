"""The score with its transport, and what the statement at the current step sent and got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import plotly.graph_objects as go
import streamlit as st

from simulator.figures.score import Axis, ScoreInfo, plot_score, score_info
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.run import RunResult
from simulator.ui import address, countdown_view, link, picker, runs, share, state_panel, statement, verdict
from simulator.ui.language import fragment, speak
from simulator.ui.link import LOCKS, Pick
from simulator.ui.manager import manager
from simulator.ui.plain import plain
from simulator.ui.score_view import score_view

AXES: Mapping[Axis, str] = MappingProxyType({Axis.STEPS: N_("Steps"), Axis.TIME: N_("Milliseconds")})


@fragment
def show(pick: Pick, result: RunResult) -> None:
    """The hero of every lab: stepping through it reruns this block alone."""
    axis = Axis(st.session_state.get("axis") or Axis.STEPS)
    info, figure, holds = _drawn(result, axis)
    last = len(info.marks) - 1
    step = score_view(
        figure, info.marks, key="score", step=last if pick.step is None else min(pick.step, last), holds=holds
    )
    shown = None if step == last else step
    picker.stand_at(shown)
    left, right = st.columns([2, 3], gap="medium")
    mark = info.marks[step]
    with left:
        statement.show(result.history, mark)
    with right:
        dependencies = state_panel.Tab("reasons", N_("Dependencies"), lambda: verdict.reasons(result))
        first = pick.scenario.family not in LOCKS.families
        timeout_ms = manager().engine().capabilities().deadlock_timeout_ms
        state_panel.show(
            result.history,
            mark,
            key="run",
            deadlock_timeout_ms=timeout_ms,
            **{"before" if first else "after": (dependencies,)},
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            _("Time axis"),
            list(AXES),
            key="axis",
            default=Axis.STEPS,
            required=True,
            format_func=lambda one: _(AXES[one]),
            label_visibility="collapsed",
        )
        if st.button(_("Run again"), icon="🔁"):
            runs.forget()
            st.rerun(scope="app")
        if (cure := picker.cure(pick)) and st.button(
            _("Fix it and run again"), icon="🩹", help=plain(_(cure.title)), key="cure"
        ):
            picker.choose(replace(pick, variant=cure, schedule=cure.schedule, step=None))
            st.rerun(scope="app")
        with st.popover(_("Share"), icon="🔗"):
            share.show(pick, result)
    address.follow({} if pick.own else link.parameters(picker.current()))


def _drawn(result: RunResult, axis: Axis) -> tuple[ScoreInfo, go.Figure, dict[int, float]]:
    """What a step does not change: drawn once for a run, an axis and a language."""

    def draw() -> tuple[ScoreInfo, go.Figure, dict[int, float]]:
        info = score_info(result.history, result.schedule, result.verdict, result.variant)
        return info, plot_score(info, axis), countdown_view.holds(result.history, info.marks)

    return runs.kept("score", (result, axis, speak()), draw)
