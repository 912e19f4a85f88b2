"""What is wrong with the chapters: their files, their links, and claims that their runs do not show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

from simulator.course import check
from simulator.course.chapter import Box, Chapter, Question, Run, Snippet
from simulator.course.facts import of_lines, of_snippet
from simulator.course.reader import LANGUAGES, chapters
from simulator.course.shows import unmet
from simulator.engines.base import Engine
from simulator.errors import CourseError, TxscopeError
from simulator.labs.sessions.lines import run_lines
from simulator.labs.snippets import SnippetRun, run_snippet
from simulator.ui.app import pages
from simulator.ui.learn import runs
from simulator.ui.learn.question import observe

_LINK = re.compile(r"\]\((\./[^)\s]*)\)")


def of_files() -> Iterator[str]:
    """Without running anything. Raises CourseError where a file cannot be read."""
    first, *others = (chapters(language) for language in LANGUAGES)
    for other in others:
        yield from check.problems(first, other)
    for language in LANGUAGES:
        for chapter in chapters(language):
            yield from (f"{language}/{chapter.key}: {problem}" for problem in _of_links(chapter))


def of_runs(engine: Engine, only: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each run, box, snippet and question by its name, and what of its claims was not seen."""
    for chapter in chapters(LANGUAGES[0]):
        if only in ("", chapter.key):
            for section in chapter.sections:
                for part in section.parts:
                    yield from of_part(engine, chapter, part)


def of_part(engine: Engine, chapter: Chapter, part: object) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The same of one part; nothing for a part that claims nothing."""
    try:
        if isinstance(part, Run):
            plan = runs.of(part)
            yield f"{chapter.key}#{part.id}", unmet(part.shows, plan.facts(plan.run(engine)))
        elif isinstance(part, Box):
            yield f"{chapter.key}#{part.id}", unmet(part.shows, of_lines(run_lines(engine, part.lines)))
        elif isinstance(part, Snippet):
            run = run_snippet(engine, part.key)
            claims = (*_VERDICTS[part.verdict](run), *unmet(part.shows, of_snippet(run)))
            yield f"{chapter.key}:{part.key}", claims
        elif isinstance(part, Question):
            yield f"{chapter.key}?{part.key}", tuple(_of_question(engine, part))
    except TxscopeError as error:
        yield chapter.key, (str(error),)


def _works(run: SnippetRun) -> Iterator[str]:
    if not run.usual.clean:
        yield f"it does not work: {run.usual}"


def _changed(run: SnippetRun) -> Iterator[str]:
    if run.usual.clean and (run.other is None or run.other.told == run.usual.told):
        yield f"nothing was seen to have changed: {run.usual}"


def _better(run: SnippetRun) -> Iterator[str]:
    yield from _works(run)
    if run.other is None or not run.other.clean or (run.other.told, run.other.sql) == (run.usual.told, run.usual.sql):
        yield f"nothing better was seen: {run.other}"


_VERDICTS: Mapping[str, Callable[[SnippetRun], Iterator[str]]] = MappingProxyType(
    {"works": _works, "changed": _changed, "better": _better}
)


def _of_question(engine: Engine, question: Question) -> Iterator[str]:
    """Each wrong choice must be another than the answer, and there must be one."""
    asked = observe(question, engine)
    if len(asked.choices) <= len(question.others):
        yield f"of {len(question.others)} wrong choices only {len(asked.choices) - 1} differ from {asked.answer!r}"


def _of_links(chapter: Chapter) -> Iterator[str]:
    for section in chapter.sections:
        for part in section.parts:
            for text in _texts(part):
                yield from (problem for link in _LINK.findall(text) for problem in _of_link(link))
        for run in section.of(Run):
            try:
                runs.of(run)
            except CourseError as error:
                yield f"{run.id}: {error}"


def _texts(part: object) -> Iterator[str]:
    yield from (value for name in getattr(part, "__slots__", ()) if isinstance(value := getattr(part, name), str))


def _of_link(link: str) -> Iterator[str]:
    """Nothing where a link of ours leads to a page that there is, and to what it names there."""
    parts = urlsplit(link)
    key, asked = parts.path.removeprefix("./"), dict(parse_qsl(parts.query))
    if not pages.is_page(key):
        yield f"{link}: no such page"
    elif key == "learn":
        found = [each for each in chapters(LANGUAGES[0]) if each.key == asked.get("chapter", each.key)]
        anchors = {section.anchor for each in found for section in each.sections} | {
            name for each in found for name in check.ids(each)
        }
        if not found or (parts.fragment and parts.fragment not in anchors):
            yield f"{link}: no such chapter or anchor"
    elif key in runs.LABS_BY_PAGE:
        try:
            runs.plan(runs.LABS_BY_PAGE[key], parts.query)
        except CourseError as error:
            yield f"{link}: {error}"
