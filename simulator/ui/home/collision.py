"""One failure, run now and told in a few captions while it plays; and the same scenario mended, in the same place."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import streamlit as st

from simulator.engines.base import Engine
from simulator.figures.palette import OUTCOMES, outcome_word
from simulator.figures.score.drawing import Drawing
from simulator.figures.score.info import ScoreInfo
from simulator.figures.score.plot import plot_score, score_of
from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.ui.app import address, projector
from simulator.ui.app.language import fragment
from simulator.ui.components import kept
from simulator.ui.components.score_view import at_step, follow, run_name, score_view
from simulator.ui.home import play
from simulator.ui.home.captions import Caption, because, captions
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import Slot
from simulator.ui.schedules import pick as link
from simulator.ui.schedules import picker, verdict
from simulator.ui.schedules.pick import ANOMALIES, Pick
from simulator.verdict.run import RunResult, run_scenario

#: Pixels a lane: score, verdict and what is stored stand in 720 together; on the projector with nothing else.
LANE_HEIGHT, PROJECTED_LANE_HEIGHT = 88, 132
_PLAY: Slot[bool] = Slot("home", "play", False)


def show() -> None:
    """A lost update, run now: what every visitor's own application may do tonight. The link may name another."""
    if picker.follow_link(ANOMALIES):
        kept.forget("collision")
    pick = picker.current()
    link.link(ANOMALIES).complain()
    left, right = st.columns([8, 1.3], vertical_alignment="center")
    left.html(_situation(pick))
    result = _run(pick)
    with right:
        _switch(pick)
    _played(result)


def _situation(pick: Pick) -> str:
    """Who does what, how it is written, and where it has run."""
    ran = _("Run just now at {level}.").format(level=pick.isolation.value)
    written = _("{variant}.").format(variant=_(pick.variant.title))
    return f'<p class="tx-situation">{escape(_(pick.scenario.story))} <b>{escape(written)}</b> {escape(ran)}</p>'


def _run(pick: Pick) -> RunResult:
    def run(engine: Engine) -> RunResult:
        return run_scenario(engine, pick.scenario, pick.variant, pick.isolation, schedule=pick.schedule)

    return kept.made("collision", pick.run_id, run)


def _switch(pick: Pick) -> None:
    """To the first fix, and from a fix back to what it mends."""
    cure = picker.cure(pick)
    other = cure or pick.scenario.variants[0]
    if other is not pick.variant:
        st.button(
            _("Back to the bug") if cure is None else _("Fix it"),
            icon="🐞" if cure is None else "🩹",
            type="secondary" if cure is None else "primary",
            help=plain(_(other.title)),
            key="home_cure",
            width="stretch",
            on_click=_open,
            args=(replace(pick, variant=other, schedule=other.schedule, step=-1),),
        )


def _open(pick: Pick) -> None:
    picker.choose(pick)
    _PLAY.set(True)


@fragment
def _played(result: RunResult) -> None:
    """Stepping reruns this block alone. On the projector there is little else."""
    with st.container(key="home_stage"):
        _stage(result)
    address.follow(link.parameters(picker.current()))


def _stage(result: RunResult) -> None:
    info = kept.kept("collision score", (kept.This(result), language()), lambda: score_of(result))
    last, wanted = len(info.marks) - 1, picker.current().step
    run, opens_at = run_name(result.history), last if wanted is None else min(wanted, last)
    told = [*map(_caption, captions(info)[:-1]), _verdict(result)]
    with st.container(key="home_told"):
        # Before the figure: it can be read while the score is drawn.
        st.html("".join(at_step(run, (at,), html, first=at == opens_at) for at, html in enumerate(told, -1)))
    step = score_view(_drawn(result, info), info.marks, key="home_score", step=opens_at, run=run)
    picker.stand_at(None if step == last else step)
    follow("home_score", step)
    if _PLAY.pop():
        play.once(len(info.marks))


def _drawn(result: RunResult, info: ScoreInfo) -> Drawing:
    height = PROJECTED_LANE_HEIGHT if projector.is_on() else LANE_HEIGHT
    key = (kept.This(result), language(), height)
    return kept.kept("collision figure", key, lambda: plot_score(info, lane_height=height))


def _caption(caption: Caption) -> str:
    return (
        f'<div class="tx-caption" style="--tx-color:#868E9A"><span class="tx-symbol">{caption.act}'
        f"<small>/{caption.acts}</small></span><div>{escape(caption.text)}</div></div>"
    )


def _verdict(result: RunResult) -> str:
    """What it came to, with its numbers, and why; the theory is for the page of anomalies."""
    style = OUTCOMES[result.outcome]
    reasons = [str(text) for anomaly in result.confirmed.anomalies if (text := because(anomaly))]
    found = verdict.lines(result)
    lines = [found[0], *(reasons[:1] or found[1:3])]
    return verdict.banner(style, outcome_word(result.outcome), lines, result.outcome, run_name(result.history))
