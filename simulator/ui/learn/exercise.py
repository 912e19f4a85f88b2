"""An exercise: parts are chosen, what was chosen runs on the server, and what was observed judges it."""

from __future__ import annotations

from html import escape

import streamlit as st

from simulator.course.chapter import Chapter
from simulator.course.chapter import Exercise as Told
from simulator.course.exercises import EXERCISES
from simulator.course.exercises.entry import Blank, Choice, Exercise, Option, Tried
from simulator.course.path import goal_of
from simulator.i18n import gettext as _
from simulator.ui.app.banner import problems
from simulator.ui.app.language import fragment
from simulator.ui.components import kept, source_view
from simulator.ui.kit.plain import plain
from simulator.ui.kit.slots import Slot
from simulator.ui.learn import figures, progress
from simulator.verdict.run import RunResult


@fragment
def show(chapter: Chapter, told: Told) -> None:
    """The task, the parts, and what came of the choice that was run last, as long as it stands."""
    exercise = EXERCISES[told.key]
    with st.container(key=f"learn_exercise_{told.key}", gap="small"):
        progress.sync(told.key)
        _head(told)
        columns = st.columns(len(exercise.blanks), gap="medium")
        choice = {}
        for blank, column in zip(exercise.blanks, columns, strict=True):
            with column:
                choice[blank.key] = _choose(exercise, blank)
        wanted = tuple(choice.values())
        memory: Slot[tuple[str, ...]] = Slot("learn", f"tried_{told.key}", ())
        if st.button(_("Run it"), icon="▶️", type="primary", key=f"learn_try_{told.key}"):
            kept.forget(f"learn_try_{told.key}")
            memory.set(wanted)
        with problems(f"learn_exercise_{told.key}"):
            if memory.get() == wanted:
                _judge(told, exercise, choice)


def _head(told: Told) -> None:
    done = told.key in progress.passed()
    mark = f' <span class="tx-learn-passed">✓ {escape(_("passed"))}</span>' if done else ""
    goal = escape(_(goal_of(told.key).title))
    st.html(
        f'<p id="{told.key}" class="tx-learn-kind">{escape(_("Exercise"))} · {goal}</p>'
        f'<h3 class="tx-learn-task" data-passed="{int(done)}">{escape(told.title)}{mark}</h3>'
    )
    st.markdown(told.task)


def _choose(exercise: Exercise, blank: Blank) -> str:
    options = {option.key: option for option in blank.options}
    chosen = st.radio(
        _(blank.title),
        list(options),
        key=f"learn_blank_{exercise.key}_{blank.key}",
        format_func=lambda key: _label(options[key]),
        persist_state="session",
    )
    return str(chosen)


def _label(option: Option) -> str:
    return plain(_(option.label)) if option.is_text else f"`{option.label}`"


def _judge(told: Told, exercise: Exercise, choice: Choice) -> None:
    name = f"learn_try_{told.key}"
    doing = _("It runs on a real server")
    tried = kept.made(name, tuple(choice.values()), lambda engine: exercise.attempt(engine, choice), doing=doing)
    _verdict(told, tried)
    if tried.code:
        source_view.show(tried.code, marked=tried.marked, tone="fix" if tried.passed else "mistake")
    if isinstance(tried.shown, RunResult):
        figures.score(name, tried.shown)
    elif tried.shown is not None:
        figures.lanes(name, tried.shown)
    if tried.passed and told.key not in progress.passed():
        progress.add((told.key,))
        st.rerun(scope="fragment")


def _verdict(told: Told, tried: Tried) -> None:
    reasons = "".join(f"<li>{escape(str(reason))}</li>" for reason in tried.reasons)
    word = _("Passed") if tried.passed else _("Not yet")
    st.html(
        f'<div class="tx-learn-judged" data-passed="{int(tried.passed)}" role="status">'
        f"<b>{'✓' if tried.passed else '✕'} {escape(word)}</b><ul>{reasons}</ul></div>"
    )
    if tried.passed:
        st.markdown(told.passed)
