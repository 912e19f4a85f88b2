"""Which part of the course is shown: all chapters, one of them, one screen of it, or the interview."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from simulator.course.reader import find
from simulator.i18n import language
from simulator.ui.app import arrival
from simulator.ui.learn import chapter as chapters
from simulator.ui.learn import interview, overview, progress
from simulator.ui.learn.link import LINK, WHERE, Where

STYLE = Path(__file__).parent / "learn.css"


def where() -> Where:
    """Where in the course this person is; on arrival, what the link asks for."""
    if arrival.just_now():
        LINK.follow(WHERE.set, anew=not WHERE.is_set())
        _take_over()
    LINK.complain()
    return WHERE.get()


def _take_over() -> None:
    """Check marks that a link brings along: from now on this browser's, and no longer the link's."""
    asked = WHERE.get()
    if asked.passed:
        progress.add(asked.passed.split(","))
        WHERE.set(replace(asked, passed=""))


def show(where: Where) -> None:
    """Draw it."""
    st.html(STYLE)
    progress.sync()
    if where.interview:
        interview.show()
    elif not where.chapter:
        overview.show()
        progress.show()
        progress.tools()
    else:
        _chapter(where)


def _chapter(where: Where) -> None:
    chapter = find(where.chapter, language())
    with st.container(key="learn_chapter"):
        chapters.title(chapter)
        chapters.sections(chapter, teacher=where.teacher)
        overview.neighbours(chapter)
