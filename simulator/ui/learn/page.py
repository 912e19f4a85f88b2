"""Which part of the course is shown: all chapters, one of them, one screen of it, or the interview."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path

import streamlit as st

from simulator.course.chapter import Chapter, Question, Teacher
from simulator.course.reader import find
from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.ui.app import arrival
from simulator.ui.kit.slots import Slot
from simulator.ui.learn import chapter as chapters
from simulator.ui.learn import handout, interview, overview, place, present, progress, scroll, search
from simulator.ui.learn.link import LINK, WHERE, Where, go

STYLE = Path(__file__).parent / "learn.css"
_QUERY: Slot[str] = Slot("learn", "query", "")
#: The chapter that was opened last.
_OPENED: Slot[str] = Slot("learn", "opened", "")


def where() -> Where:
    """Where in the course this person is; on arrival, what the link asks for."""
    if arrival.just_now():
        LINK.follow(WHERE.set, anew=True)
        scroll.arrive()
        _take_over()
    LINK.complain()
    return WHERE.get()


def _take_over() -> None:
    """Check marks that a link brings along: from now on this browser's, and no longer the link's."""
    asked = WHERE.get()
    if asked.passed:
        progress.add(asked.passed.split(","))
    WHERE.set(replace(asked, passed=""))
    _QUERY.set(asked.query)


def show(where: Where) -> None:
    """Draw it."""
    st.html(STYLE)
    _leave(where.chapter)
    if where.interview:
        _way_to_all()
        interview.show()
    elif not where.chapter:
        _front(where)
    elif where.present:
        present.show(find(where.chapter, language()), where)
    else:
        _chapter(find(where.chapter, language()), where)
    scroll.to(where.at)


def _leave(opened: str) -> None:
    """What was run in the chapter before is let go where another one is opened."""
    before = _OPENED.get()
    if opened and before not in ("", opened):
        place.forget(find(before, language()))
    if opened:
        _OPENED.set(opened)


def _front(where: Where) -> None:
    """What the course is, the search, the chapters, the goals."""
    title = escape(_("Sessions, from the first line to an agent's backend"))
    st.html(f'<header class="tx-learn-title tx-learn-front"><h1>{title}</h1></header>')
    with st.container(horizontal=True, vertical_alignment="bottom", key="learn_front"):
        query = st.text_input(
            _("Search the course, mistakes and scenarios, or paste an error message"),
            key=_QUERY.key,
            persist_state="session",
        )
        _interview_button()
    WHERE.set(replace(where, query=query))
    if query.strip():
        search.show(query.strip())
    overview.show()
    st.html(f'<h2 class="tx-learn-goals">{escape(_("Six goals, set by exercises"))}</h2>')
    progress.show()


def _interview_button() -> None:
    st.button(_("Interview: ten questions"), icon="🎤", key="learn_interview_open", on_click=_interview)


def _interview() -> None:
    interview.again()
    go(Where(interview=True))


def _way_to_all() -> None:
    st.html(f'<nav class="tx-learn-next"><a class="tx-open" href="./learn">← {escape(_("All chapters"))}</a></nav>')


def _chapter(chapter: Chapter, where: Where) -> None:
    with st.container(key="learn_chapter"):
        chapters.title(chapter)
        _ways(chapter, where)
        if where.teacher:
            for teacher in chapter.of(Teacher):
                chapters.teacher(teacher)
        chapters.sections(chapter)
        overview.neighbours(chapter)


def _ways(chapter: Chapter, where: Where) -> None:
    """How else a chapter is shown: on a stage, for who teaches, on paper; and where it asks, as an interview."""
    with st.container(horizontal=True, vertical_alignment="center", key="learn_ways"):
        st.button(_("Present"), icon="📽️", key="learn_present", on_click=go, args=(replace(where, present=True, at=""),))
        label = _("Hide what the teacher says") if where.teacher else _("For who teaches")
        to = replace(where, teacher=not where.teacher)
        st.button(label, icon="🧑‍🏫", key="learn_teacher", on_click=go, args=(to,))
        handout.button()
        if next(chapter.of(Question), None) is not None:
            _interview_button()
