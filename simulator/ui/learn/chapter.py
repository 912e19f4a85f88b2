"""One chapter as a page: its title, its sections, and its directives where they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import escape
from types import MappingProxyType
from typing import Any

import streamlit as st

from simulator.course.chapter import (
    Analogy,
    Box,
    Chapter,
    Exercise,
    Note,
    Part,
    Prose,
    Question,
    Run,
    Section,
    Since,
    Snippet,
    Teacher,
)
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.ui.learn import box as boxes
from simulator.ui.learn import exercise as exercises
from simulator.ui.learn import interview, place
from simulator.ui.learn import snippet as snippets


def title(chapter: Chapter) -> None:
    """The chapter's name, how long it takes, and what it was written for."""
    minutes = ngettext("{n} minute", "{n} minutes", chapter.minutes).format(n=chapter.minutes)
    facts = " · ".join((minutes, *chapter.versions))
    st.html(
        f'<header class="tx-learn-title"><h1>{escape(chapter.title)}</h1><p>{escape(chapter.summary)}</p>'
        f"<small>{escape(facts)}</small></header>"
    )


def sections(chapter: Chapter) -> None:
    """Everything below the title."""
    for number, section in enumerate(chapter.sections):
        with st.container(key=f"learn_section_{number}", gap="medium"):
            heading(section)
            for place_in_it, part in enumerate(section.parts):
                if not isinstance(part, Teacher):
                    show_part(chapter, section, place_in_it, part)


def heading(section: Section) -> None:
    """Its anchor and its claim."""
    if section.title:
        st.html(f'<h2 id="{section.anchor}" class="tx-learn-heading">{escape(section.title)}</h2>')


def show_part(chapter: Chapter, section: Section, number: int, part: Part, *, start: bool = False) -> None:
    """One part of a section, the how-manieth of it. With `start` a figure that is walked stands at its beginning."""
    if isinstance(part, Run):
        place.show(chapter, part, start=start)
    elif isinstance(part, Box):
        boxes.show(chapter, part, start=start)
    else:
        _PARTS[type(part)](chapter, f"{section.anchor or 'lead'}_{number}", part)


def _prose(_chapter: Chapter, name: str, part: Prose) -> None:
    text(part.text, name)


def text(markdown: str, name: str) -> None:
    """Markdown in a column that is read easily."""
    with st.container(key=f"learn_text_{name}"):
        st.markdown(markdown)


def _note(_chapter: Chapter, name: str, note: Note) -> None:
    with st.container(key=f"learn_note_{note.kind}_{name}"):
        st.markdown(note.text)


def _analogy(_chapter: Chapter, name: str, analogy: Analogy) -> None:
    kind = _("From the front end") if analogy.kind == "frontend" else _("From daily life")
    with st.container(key=f"learn_analogy_{name}"):
        st.html(f'<p class="tx-learn-kind">{escape(kind)} · {escape(analogy.idea)}</p>')
        st.markdown(analogy.text)
        st.markdown(f"**{_('Where it breaks down')}** {analogy.breaks}")


def _since(_chapter: Chapter, name: str, since: Since) -> None:
    with st.container(key=f"learn_since_{name}"):
        badge = _("since {library} {version}").format(library=since.library, version=since.version)
        st.markdown(f"**{badge}** · {since.text} [{_('Source')}]({since.source})")


def teacher(teacher: Teacher) -> None:
    """What a teacher reads before and beside the chapter."""
    minutes = ngettext("{n} minute", "{n} minutes", teacher.minutes).format(n=teacher.minutes)
    order = " → ".join(f"[{each}](#{each})" for each in teacher.order)
    with st.container(key="learn_teacher_says"):
        st.markdown(f"**{_('For who teaches')}** · {minutes}")
        st.markdown(f"{_('Order of the runs')}: {order}")
        st.markdown(f"**{_('What to say')}** {teacher.say}")
        st.markdown(f"**{_('What the room gets wrong')}** {teacher.wrong}")


def outline(markdown: str) -> str:
    """A text without its marks, for a list of what was found.

    >>> outline("A **Session** is a [workspace](./learn)")
    'A Session is a workspace'
    """
    return re.sub(r"[*`#>]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown))


_PARTS: Mapping[type, Callable[[Chapter, str, Any], None]] = MappingProxyType(
    {
        Prose: _prose,
        Note: _note,
        Analogy: _analogy,
        Since: _since,
        Snippet: lambda chapter, _name, snippet: snippets.show(chapter, snippet),
        Exercise: lambda chapter, _name, exercise: exercises.show(chapter, exercise),
        Question: lambda chapter, _name, question: interview.in_chapter(chapter, question),
    }
)
