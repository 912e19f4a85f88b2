"""Search over chapters, mistakes, scenarios and error messages: each finding with where it leads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

import streamlit as st

from simulator.course.chapter import Chapter, Prose, Question, Run, Section
from simulator.course.reader import chapters
from simulator.i18n import gettext as _
from simulator.i18n import language
from simulator.labs.lint.brought import Error, recognise
from simulator.labs.mistakes.catalogue import MISTAKES, find
from simulator.labs.mistakes.entry import Mistake
from simulator.scenarios.loader import catalogue
from simulator.ui.kit.plain import plain
from simulator.ui.learn import runs
from simulator.ui.learn.chapter import outline
from simulator.ui.mistakes import words
from simulator.ui.schedules import pick as schedules

#: Findings of one kind that are shown, and letters around what was found in a text.
MOST, AROUND = 8, 70


@dataclass(frozen=True, slots=True)
class Found:
    """One finding."""

    title: str
    excerpt: str
    link: str


def show(query: str) -> None:
    """What is known of it; an error with its lessons and demonstrations first."""
    error = recognise(query).error
    if error is not None:
        st.markdown(f"**{_('This is an error.')}** {plain(_(error.means))}")
        _list(_("Its lesson"), lessons(error))
        _list(_("Its demonstration"), demonstrations(error))
    kinds = (
        (_("In the chapters"), sections(query)),
        (_("Mistakes"), mistakes(query)),
        (_("Scenarios"), scenarios(query)),
    )
    found = [(title, tuple(each)) for title, each in kinds]
    for title, each in found:
        _list(title, each)
    if error is None and not any(each for _title, each in found):
        st.info(_("Nothing was found for these words."), icon="🔎")


def lessons(error: Error) -> tuple[Found, ...]:
    """The places of the course at which a mistake is run that ends in this error; the first mistake's first."""
    found = [
        _place(chapter, section, run.id)
        for mistake in error.mistakes
        for chapter in chapters(language())
        for section in chapter.sections
        for run in section.of(Run)
        if run.lab == "mistakes" and runs.of(run).value == mistake
    ]
    return tuple({place.title: place for place in reversed(found)}.values())[::-1]


def demonstrations(error: Error) -> tuple[Found, ...]:
    """The mistakes that end in it."""
    known = {mistake.key for mistake in MISTAKES}
    return tuple(map(_mistake, (find(key) for key in error.mistakes if key in known)))


def sections(query: str) -> Iterator[Found]:
    """Sections whose title or text has all words; titles first."""
    hits = [
        (section, chapter, text)
        for chapter in chapters(language())
        for section in chapter.sections
        if _has(query, text := f"{chapter.title} {section.title} {_text(section)}")
    ]
    hits.sort(key=lambda hit: not _has(query, f"{hit[1].title} {hit[0].title}"))
    for section, chapter, text in hits:
        place = _place(chapter, section, section.anchor)
        yield Found(place.title, _excerpt(query, text), place.link)


def mistakes(query: str) -> Iterator[Found]:
    """Mistakes whose texts have all words."""
    for mistake in MISTAKES:
        if _has(query, " ".join((mistake.key, *(_(each) for each in (mistake.title, mistake.story, mistake.why))))):
            yield _mistake(mistake)


def scenarios(query: str) -> Iterator[Found]:
    """The same of scenarios."""
    for scenario in catalogue():
        if _has(query, f"{scenario.key} {_(scenario.title)} {_(scenario.story)} {scenario.phenomenon or ''}"):
            opened = schedules.opened(scenario)
            link = schedules.href(scenario.key, opened.variant.key, opened.isolation)
            yield Found(_(scenario.title), _(scenario.story), link)


def _place(chapter: Chapter, section: Section, at: str) -> Found:
    title = " · ".join(filter(None, (chapter.title, section.title)))
    asked = {"chapter": chapter.key, **({"at": at} if at else {})}
    return Found(title, "", f"./learn?{urlencode(asked)}")


def _mistake(mistake: Mistake) -> Found:
    return Found(words.label(mistake), _(mistake.story), f"./mistakes?mistake={mistake.key}")


def _text(section: Section) -> str:
    """What stands in a section for its readers, without marks."""
    texts = (
        part.text if isinstance(part, Prose) else part.ask if isinstance(part, Question) else getattr(part, "text", "")
        for part in section.parts
    )
    return outline(" ".join(texts))


def _has(query: str, text: str) -> bool:
    told = text.casefold()
    return bool(query.split()) and all(word in told for word in query.casefold().split())


def _excerpt(query: str, text: str) -> str:
    at = text.casefold().find(query.casefold().split()[0])
    start = max(at - AROUND, 0)
    cut = text[start : at + AROUND]
    return f"{'…' if start else ''}{cut}{'…' if at + AROUND < len(text) else ''}"


def _item(found: Found) -> str:
    link = f'<a class="tx-open" href="{escape(found.link)}">{escape(found.title)}</a>'
    return f"<li>{link} <span>{escape(found.excerpt)}</span></li>"


def _list(title: str, found: Iterable[Found]) -> None:
    items = "".join(map(_item, list(found)[:MOST]))
    if items:
        st.html(f'<section class="tx-learn-found"><h3>{escape(title)}</h3><ul>{items}</ul></section>')
