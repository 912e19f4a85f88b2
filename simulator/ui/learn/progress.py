"""What this person has passed: six goals, kept in the browser, taken to another one by a link, forgotten on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import streamlit as st

from simulator.course.chapter import Exercise
from simulator.course.exercises import EXERCISES
from simulator.course.path import GOALS, Goal
from simulator.course.reader import chapters
from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.ui.app import address
from simulator.ui.app.language import fragment
from simulator.ui.kit.slots import Slot, told

SCRIPT = Path(__file__).with_suffix(".js")
_PASSED: Slot[frozenset[str]] = Slot("learn", "passed", frozenset())
_RESETS: Slot[int] = Slot("learn", "resets", 0)


def passed() -> frozenset[str]:
    """Keys of the exercises."""
    return _PASSED.get()


def add(keys: Iterable[str]) -> None:
    """These were passed, too; what is no exercise is left out."""
    _PASSED.set(_PASSED.get() | {key for key in keys if key in EXERCISES})


def sync(name: str) -> None:
    """Bring together what is known here and what the browser has kept, before it is shown.

    Called in a fragment, by its own name: what the browser tells runs that fragment again, and not the page.
    """
    key = f"learn_progress_{name}"
    found = told(key).get("kept")
    if isinstance(found, dict) and found.get("resets") == _RESETS.get():
        add(map(str, found.get("passed", ())))
    _component()(key=key, data={"passed": sorted(_PASSED.get()), "resets": _RESETS.get()}, on_kept_change=_nothing)


def reset() -> None:
    """Forget everything, in the browser too."""
    _PASSED.pop()
    _RESETS.set(_RESETS.get() + 1)


@fragment
def show() -> None:
    """The six goals on their way, with a link to what sets each; then how to take them along."""
    sync("goals")
    done = passed()
    for stretch, goals in groupby(GOALS, key=lambda goal: goal.stretch):
        items = "".join(_goal(goal, done) for goal in goals)
        st.html(f'<section class="tx-learn-stretch"><h3>{escape(_(stretch))}</h3><ul>{items}</ul></section>')
    _tools()


def _tools() -> None:
    """Take them along, or begin anew."""
    with st.container(horizontal=True, vertical_alignment="center", key="learn_tools"):
        with st.popover(_("Take it along"), icon="🔗"):
            st.markdown(_("This link sets the same check marks in another browser:"))
            st.code(address.link_to({"passed": ",".join(sorted(passed()))}), language=None, wrap_lines=True)
        st.button(_("Begin anew"), icon="🧹", key="learn_reset", on_click=reset, disabled=not passed())


def _goal(goal: Goal, done: frozenset[str]) -> str:
    reached = goal.reached(done)
    count = sum(key in done for key in goal.exercises)
    links = ", ".join(_link(key, key in done) for key in goal.exercises)
    mark, said = ("☑", _("reached")) if reached else ("☐", _("not yet"))
    return (
        f'<li data-goal="{goal.key}" data-reached="{int(reached)}"><span aria-hidden="true">{mark}</span>'
        f"<div><b>{escape(_(goal.title))}</b> <small>{escape(said)} · {count} / {len(goal.exercises)}</small>"
        f"<small>{links}</small></div></li>"
    )


def _link(key: str, is_passed: bool) -> str:
    """To the exercise in its chapter."""
    for chapter in chapters(language()):
        for exercise in chapter.of(Exercise):
            if exercise.key == key:
                href = f"./learn?chapter={chapter.key}&at={key}"
                return f'<a class="tx-open" href="{href}">{"✓ " if is_passed else ""}{escape(exercise.title)}</a>'
    return ""


def _nothing() -> None:
    """Streamlit registers a state by its callback."""


@lru_cache(maxsize=1)
def _component() -> Callable[..., Any]:
    return st.components.v2.component("txscope_progress", js=SCRIPT.read_text("utf-8"))
