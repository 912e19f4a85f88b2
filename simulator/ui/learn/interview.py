"""Interview mode: ten questions in a row, each answered by a run, and a score with what decides each."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType

import streamlit as st

from simulator.course.chapter import Chapter, Question
from simulator.course.reader import chapters
from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.ui.app.banner import problems
from simulator.ui.app.language import fragment
from simulator.ui.kit.slots import Slot
from simulator.ui.learn import question as questions
from simulator.ui.learn import runs, seen

#: Questions of one interview.
LENGTH = 10
_ROUND: Slot[int] = Slot("learn", "interview_round", 0)
_AT: Slot[int] = Slot("learn", "interview_at", 0)
#: by the question's key: what was chosen, and what was right
_SAID: Slot[Mapping[str, tuple[str, str]]] = Slot("learn", "interview_said", MappingProxyType({}))


def chosen(turn: int) -> tuple[Question, ...]:
    """The questions of an interview, in its order; another turn has others, in another order."""
    every = [question for chapter in chapters(language()) for question in chapter.of(Question)]
    return tuple(random.Random(turn).sample(every, min(LENGTH, len(every))))


@fragment
def show() -> None:
    """The question that it stands at, or the score."""
    asked = chosen(_ROUND.get())
    with st.container(key="learn_interview"):
        if _AT.get() < len(asked):
            with problems("interview"):
                _ask(asked, _AT.get())
        else:
            _score(asked)


def _ask(asked: Sequence[Question], at: int) -> None:
    question, name = asked[at], f"interview_{at}"
    place = _("Question {number} of {all}").format(number=at + 1, all=len(asked))
    st.html(f'<p class="tx-learn-kind">{escape(place)}</p>')
    st.progress(at / len(asked))
    found = questions.of(question, f"learn_{name}")
    said = _SAID.get()
    with st.container(key="learn_interview_question"):
        picked = questions.choose(question, found, f"learn_{name}_{_ROUND.get()}_{question.key}")
    if picked is None:
        return
    # The first answer counts: whoever looks and then chooses again knows it.
    first = said.get(question.key, (picked, found.answer))
    _SAID.set({**said, question.key: first})
    label = _("To the score") if at + 1 == len(asked) else _("Next question")
    st.button(label, icon="➡️", type="primary", key="learn_interview_next", on_click=_next)
    questions.resolve(question, found, first[0], name)


def _next() -> None:
    _AT.set(_AT.get() + 1)


def _score(asked: Sequence[Question]) -> None:
    said = _SAID.get()
    right = sum(one == other for one, other in said.values())
    st.html(
        f'<p class="tx-learn-score" data-right="{right}"><b>{right} / {len(asked)}</b> '
        f"{escape(_('of your first answers were what happened.'))}</p>"
    )
    rows = "".join(_row(question, *said.get(question.key, ("", ""))) for question in asked)
    st.html(f'<ol class="tx-learn-answers">{rows}</ol>')
    st.button(_("Ten others"), icon="🔁", key="learn_interview_again", on_click=again)


def _row(question: Question, picked: str, answer: str) -> str:
    mark = "✓" if picked == answer else "✕"
    told = escape(questions.label(question.fact, answer))
    link = escape(runs.plan(question.lab, question.query).link)
    return (
        f"<li><b>{mark}</b> {escape(question.ask)} <i>{told}</i> · "
        f'<a class="tx-open" href="{link}">{escape(_("The run that decides it"))}</a></li>'
    )


def again() -> None:
    """Another interview."""
    _ROUND.set(_ROUND.get() + 1)
    _AT.pop()
    _SAID.pop()


@fragment
def in_chapter(chapter: Chapter, question: Question) -> None:
    """One question where the chapter asks it: it is run when somebody wants to answer."""
    name = f"{chapter.key}_{question.key}"
    with st.container(key=f"learn_question_{question.key}", gap="small"):
        st.html(f'<div id="{question.key}" class="tx-learn-anchor"></div>')
        with problems(f"learn_{name}"):
            if not seen.is_seen(name, height=120):
                return
            found = questions.of(question, f"learn_{name}")
            picked = questions.choose(question, found, f"learn_said_{name}")
            if picked is not None:
                questions.resolve(question, found, picked, name)
