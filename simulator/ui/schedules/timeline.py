"""The score with its transport, and what the statement at the current step sent and got."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import streamlit as st

from simulator.figures.score.drawing import Drawing
from simulator.figures.score.plot import Axis, ScoreInfo, plot_score, score_of
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.ui.app import address
from simulator.ui.app.language import fragment, speak
from simulator.ui.app.manager import manager
from simulator.ui.components import kept, moments
from simulator.ui.components.moments import Moment
from simulator.ui.components.score_view import Scene, follow, run_name, score_view
from simulator.ui.components.tabs import Tab
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import HERE, Slot, here
from simulator.ui.schedules import (
    countdown_view,
    legend,
    picker,
    reorder,
    runs,
    share,
    state_panel,
    statement,
    verdict,
)
from simulator.ui.schedules import pick as link
from simulator.ui.schedules.pick import LOCKS, Pick
from simulator.verdict.run import RunResult

AXES: Mapping[Axis, str] = MappingProxyType({Axis.STEPS: N_("Steps"), Axis.TIME: N_("Milliseconds")})
_AXIS: Slot[Axis] = Slot(HERE, "axis", Axis.STEPS)


@fragment
def show(pick: Pick, result: RunResult) -> None:
    """The hero of every lab: stepping through it reruns this block alone."""
    info, figure, scenes = _drawn(result, Axis(_AXIS.get() or Axis.STEPS))
    with st.container(key=here("stage")):
        position = _score(pick, result, info, figure, scenes)
        if picker.current().schedule != pick.schedule:
            st.rerun(scope="app")
        _state(pick, result, info, position)
        with st.container(horizontal=True, vertical_alignment="center", key=here("actions")):
            _actions(pick, result, info)
    address.follow({} if pick.own else link.parameters(picker.current()))


def _score(pick: Pick, result: RunResult, info: ScoreInfo, figure: Drawing, scenes: Mapping[int, Scene]) -> int:
    """The score with its transport; the position that is shown."""
    key, last = here("score"), len(info.marks) - 1
    # Not the pick's own: when only this block runs again, that is where the viewer once was.
    wanted = picker.current().step
    pending = _("{scenario}, {level}: what comes of it stands here at the last step.")
    position = score_view(
        figure,
        info.marks,
        key=key,
        step=last if wanted is None else min(wanted, last),
        scenes=scenes,
        labels={"pending": pending.format(scenario=_(pick.scenario.title), level=pick.isolation.value)},
        ends=True,
        run=run_name(result.history),
        movable=info.scheduled,
        on_order=partial(reorder.moved, key),
    )
    if picker.current().schedule == pick.schedule:
        picker.stand_at(None if position == last else position)
        follow(key, position)
    return position


def _state(pick: Pick, result: RunResult, info: ScoreInfo, position: int) -> None:
    """What the statement at this position sent and got, and how everything stands then."""
    mark = info.marks[position] if position >= 0 else None
    left, right = st.columns([2, 3], gap="medium")
    with left, st.container(key=here("statement")):
        if mark is not None:
            statement.show(result.history, info, mark)
    with right, st.container(key=here("panel")):
        dependencies = Tab("reasons", N_("Dependencies"), lambda: _reasons(pick, result, info, position))
        first = pick.scenario.family not in LOCKS.families
        marks = {-1: None, **{mark.position: mark for mark in info.marks}}
        state_panel.show(
            result.history,
            mark,
            key=here("run"),
            deadlock_timeout_ms=_timeout_ms(),
            steps=state_panel.Steps(run_name(result.history), marks, position),
            **{"before" if first else "after": (dependencies,)},
        )


def _reasons(pick: Pick, result: RunResult, info: ScoreInfo, position: int) -> None:
    """Who depends on whom at each step."""

    def make() -> dict[int, Moment]:
        weaker = partial(runs.repeatable_read, pick, result)
        last = len(info.marks) - 1
        return {at: verdict.reasons(result, weaker, info.done(at) if at < last else None) for at in range(-1, last + 1)}

    by_position = kept.kept("reasons", (kept.This(result), speak(), st.context.theme.type), make)
    moments.show(by_position, key=here("reasons"), run=run_name(result.history), shown=position)


def _actions(pick: Pick, result: RunResult, info: ScoreInfo) -> None:
    """What else can be done with this run."""
    st.segmented_control(
        _("Time axis"),
        list(AXES),
        key=_AXIS.key,
        default=_AXIS.default,
        persist_state="session",
        required=True,
        format_func=lambda one: _(AXES[one]),
        label_visibility="collapsed",
    )
    if st.button(_("Run again"), icon="🔁", key=here("again")):
        kept.forget()
        st.rerun(scope="app")
    if (cure := picker.cure(pick)) and st.button(
        _("Fix it and run again"), icon="🩹", help=plain(_(cure.title)), key=here("cure")
    ):
        picker.choose(replace(pick, variant=cure, schedule=cure.schedule, step=None))
        st.rerun(scope="app")
    reorder.back(pick)
    with st.popover(_("Legend"), icon="ℹ️"):
        legend.show(result, info)
    with st.popover(_("Share"), icon="🔗"):
        share.show(pick, result)


def _timeout_ms() -> float | None:
    return manager().engine().capabilities().deadlock_timeout_ms


def _drawn(result: RunResult, axis: Axis) -> tuple[ScoreInfo, Drawing, dict[int, Scene]]:
    """What a step does not change: drawn once for a run, an axis and a language."""

    def draw() -> tuple[ScoreInfo, Drawing, dict[int, Scene]]:
        info = score_of(result)
        return info, plot_score(info, axis), countdown_view.scenes(info, result.history, _timeout_ms())

    return kept.kept("score", (kept.This(result), axis, speak()), draw)
