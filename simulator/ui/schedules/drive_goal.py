"""What a driven run is to bring about, what it came to as soon as it is known, and the same clicks at other levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simulator.engines.base import Engine
from simulator.errors import ScenarioError
from simulator.figures.fix_table import FixCell, fix_table_info
from simulator.figures.palette import OUTCOMES, outcome_word, text_on
from simulator.history.schedule import History
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.live import Click, Free, played_at
from simulator.model import Isolation, Schedule
from simulator.scenarios.order import reorder
from simulator.ui.app import address, errands
from simulator.ui.app.banner import problems
from simulator.ui.app.keys import MOVES
from simulator.ui.components.kept import made
from simulator.ui.kit.slots import here
from simulator.ui.schedules import mode, verdict, waited
from simulator.ui.schedules import pick as link
from simulator.ui.schedules.pick import Pick
from simulator.verdict.goal import Goal, Reached, deadlocked, goal_of
from simulator.verdict.run import RunResult

_REACHED: Mapping[Reached, tuple[str, str]] = MappingProxyType(
    {
        Reached.NOT_YET: ("", ""),
        Reached.YES: ("✓", N_("You did it.")),
        Reached.NO: ("✗", N_("Not this time: undo, or start again.")),
        Reached.OTHER: ("≠", N_("Another anomaly came of it, and not this one.")),
        Reached.UNDECIDED: ("?", N_("Whether you did is not decided.")),
    }
)


@dataclass(frozen=True, slots=True)
class Driven:
    """A run by hand as it is now."""

    pick: Pick
    history: History
    #: once every transaction is over
    result: RunResult | None
    clicks: tuple[Click, ...]


def show(driven: Driven) -> Callable[[], None]:
    """The goal and the verdict, in a box that keeps its height; call what it returns last: it runs the clicks again."""
    pick = driven.pick
    levels = tuple(level for level in pick.scenario.levels if level is not pick.isolation)
    with st.container(key=here("drive_told")):
        left, right = st.columns([3, 2], gap="small")
        with left, st.container(gap="xsmall"):
            _goal(driven)
            _verdict(driven)
        box = right.container(gap="xsmall")
    if driven.result is not None and levels:
        return lambda: _elsewhere(driven, levels, box)
    with box:
        _keys(driven)
    return lambda: None


def _keys(driven: Driven) -> None:
    """Until there is something to compare with: what moves whom."""
    moves = zip(MOVES, driven.pick.variant.sessions, strict=False)
    keys = (_("{key} moves {session}").format(key=f"<kbd>{key}</kbd>", session=escape(one.name)) for key, one in moves)
    st.html(f'<p class="tx-quiet tx-moves">{" · ".join((*keys, _("{key} takes back").format(key="<kbd>U</kbd>")))}</p>')
    st.html("<i></i>")
    st.html("<i></i>")


def _goal(driven: Driven) -> None:
    goal = goal_of(driven.pick.scenario)
    if goal is None:
        st.html("<i></i>")
        return
    reached = goal.reached(driven.history, driven.result)
    sign, words = _REACHED[reached]
    told = f'<span data-reached="{reached.value}">{sign} {escape(_(words))}</span>' if words else ""
    st.html(f'<div class="tx-goal"><span>🎯</span><b>{escape(_wish(goal, driven.pick))}</b>{told}</div>')


def _wish(goal: Goal, pick: Pick) -> str:
    rule = pick.scenario.invariant
    return str(goal.wish.given(rule=_(rule.title) if rule else ""))


def _verdict(driven: Driven) -> None:
    """What it came to; of a deadlock as soon as it strikes; before that how one drives."""
    if driven.result is not None:
        if driven.result.scenario.family in link.LOCKS.families:
            waited.banner(driven.result)
        else:
            verdict.headline(driven.result)
    elif deadlocked(driven.history):
        waited.struck(driven.history)
    else:
        words = _("You decide who moves next: each button runs one statement, now, on that session's own connection.")
        st.html(f'<div class="tx-invite">{escape(words)}</div>')


def _elsewhere(driven: Driven, levels: tuple[Isolation, ...], box: DeltaGenerator) -> None:
    """The same clicks at the other levels, a run each; each leads to that run."""
    pick = driven.pick

    def every_level(engine: Engine) -> tuple[RunResult, ...]:
        results: list[RunResult] = []
        for level in levels:
            errands.tell(len(results) / len(levels))
            results.append(played_at(engine, pick.scenario, pick.variant, level, driven.clicks))
        return tuple(results)

    wanted = (*pick.scenario_id, pick.variant.key, pick.isolation, driven.clicks)
    with box, problems("drive_elsewhere"):
        st.html(f'<p class="tx-quiet tx-elsewhere-title">{escape(_("The same clicks at the other levels:"))}</p>')
        with st.container():  # what is shown while one waits for a place
            found = made("driven_elsewhere", wanted, every_level)
        cells = zip(found, fix_table_info(found, {}).rows[0].cells, strict=True)
        st.html(f'<div class="tx-elsewhere">{"".join(_cell(driven, *each) for each in cells if each[1])}</div>')


def _cell(driven: Driven, result: RunResult, cell: FixCell | None) -> str:
    """Level, outcome, and what is stored; a link where a link can bring back the order."""
    style = OUTCOMES[result.outcome]
    told = " · ".join(filter(None, (cell.detail, cell.stored))) if cell else ""
    inner = (
        f"<small>{escape(result.isolation.value)}</small>"
        f'<b><span aria-hidden="true">{style.symbol}</span> {escape(outcome_word(result.outcome))}</b>'
        f"<small>{escape(told)}</small>"
    )
    attributes = f'style="background:{style.color};color:{text_on(style.color)}" data-outcome="{result.outcome.value}"'
    href = _href(driven, result)
    if href is None:
        return f"<div {attributes}>{inner}</div>"
    return f'<a class="tx-open" href="{escape(href)}" {attributes}>{inner}</a>'


def _href(driven: Driven, result: RunResult) -> str | None:
    """Where the run opens; None where the person did what no schedule holds."""
    pick = driven.pick
    if pick.own or any(isinstance(click.choice, Free) for click in driven.clicks):
        return None
    try:
        order = reorder(pick.variant, result.schedule.steps)
    except ScenarioError:
        return None
    there = Pick(pick.scenario, pick.variant, result.isolation, Schedule(order.steps))
    page = link.shelf_of(pick.scenario).page
    return f"./{page}{address.query({**link.whole(there), **mode.LINK.whole(mode.SCHEDULE)})}"
