"""A chapter screen by screen, for a clicker: a section's words, then each of its runs, boxes and exercises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import streamlit as st

from simulator.course.chapter import Box, Chapter, Exercise, Part, Question, Run, Section, Snippet, Teacher
from simulator.i18n import gettext as _
from simulator.ui.learn import chapter as chapters
from simulator.ui.learn import seen
from simulator.ui.learn.link import Where, go

#: What fills a screen by itself.
_ALONE = (Run, Box, Snippet, Exercise, Question)


@dataclass(frozen=True, slots=True)
class Screen:
    """What is shown at once: parts of one section, each with its place in it; none on the first screen."""

    section: Section | None
    parts: tuple[tuple[int, Part], ...]


def screens(chapter: Chapter) -> tuple[Screen, ...]:
    """All of a chapter's, its title first."""
    return (Screen(None, ()), *(screen for section in chapter.sections for screen in _of(section)))


def _of(section: Section) -> Iterator[Screen]:
    said: list[tuple[int, Part]] = []
    for number, part in enumerate(section.parts):
        if isinstance(part, _ALONE):
            if said:
                yield Screen(section, tuple(said))
            said = []
            yield Screen(section, ((number, part),))
        elif not isinstance(part, Teacher):
            said.append((number, part))
    if said:
        yield Screen(section, tuple(said))


def show(chapter: Chapter, where: Where) -> None:
    """The screen that it stands at, and the way to the others."""
    every = screens(chapter)
    at = min(where.screen, len(every))
    screen = every[at - 1]
    with st.container(key="learn_stage"):
        if screen.section is None:
            chapters.title(chapter)
        else:
            chapters.heading(screen.section)
            for number, part in screen.parts:
                if isinstance(part, _ALONE):
                    seen.see(f"{chapter.key}_{getattr(part, 'id', getattr(part, 'key', ''))}")
                chapters.show_part(chapter, screen.section, number, part, start=True)
    with st.container(horizontal=True, vertical_alignment="center", key="learn_screens"):
        _button("previous", "◀", _("The screen before"), replace(where, screen=at - 1), at == 1)
        st.markdown(f"{at} / {len(every)}", width="content")
        _button("next", "▶", _("The next screen"), replace(where, screen=at + 1), at == len(every))
        st.button(
            _("Leave the stage"), key="learn_screen_leave", on_click=go, args=(replace(where, present=False, screen=1),)
        )


def _button(name: str, sign: str, what: str, to: Where, idle: bool) -> None:
    st.button(sign, key=f"learn_screen_{name}", help=what, on_click=go, args=(to,), disabled=idle)
