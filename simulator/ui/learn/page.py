"""Which part of the course is shown: all chapters, one of them, one screen of it, or the interview."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from simulator.course.reader import find
from simulator.i18n import language
from simulator.ui.app import arrival
from simulator.ui.learn import chapter as chapters
from simulator.ui.learn import overview
from simulator.ui.learn.link import LINK, WHERE, Where

STYLE = Path(__file__).parent / "learn.css"


def where() -> Where:
    """Where in the course this person is; on arrival, what the link asks for."""
    if arrival.just_now():
        LINK.follow(WHERE.set, anew=not WHERE.is_set())
    LINK.complain()
    return WHERE.get()


def show(where: Where) -> None:
    """Draw it."""
    st.html(STYLE)
    if not where.chapter:
        overview.show()
        return
    chapter = find(where.chapter, language())
    with st.container(key="learn_chapter"):
        chapters.title(chapter)
        chapters.sections(chapter, teacher=where.teacher)
        overview.neighbours(chapter)
