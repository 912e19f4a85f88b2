"""The score with its transport, and what the statement at the current step sent and got."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import streamlit as st

from simulator.figures.score import Axis, plot_score, score_info
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.run import RunResult
from simulator.ui import address, link, picker, runs, share, statement, verdict
from simulator.ui.language import fragment
from simulator.ui.link import Pick
from simulator.ui.score_view import score_view

AXES: Mapping[Axis, str] = MappingProxyType({Axis.STEPS: N_("Steps"), Axis.TIME: N_("Milliseconds")})


@fragment
def show(pick: Pick, result: RunResult) -> None:
    """The hero of every lab: stepping through it reruns this block alone."""
    axis = Axis(st.session_state.get("axis") or Axis.STEPS)
    info = score_info(result.history, result.schedule, result.verdict, result.variant)
    last = len(info.marks) - 1
    step = score_view(
        plot_score(info, axis), info.marks, key="score", step=last if pick.step is None else min(pick.step, last)
    )
    shown = None if step == last else step
    picker.stand_at(shown)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        statement.show(result, info.marks[step])
    with right:
        verdict.reasons(result)
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
        with st.popover(_("Share"), icon="🔗"):
            share.show(pick, result)
    address.follow({} if pick.own else link.parameters(picker.current()))
