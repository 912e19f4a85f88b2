"""Whether the chapters are whole: alike in both languages, with a proof in each section, and every exercise once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

from simulator.course.chapter import (
    Box,
    Chapter,
    Directive,
    Exercise,
    Part,
    Prose,
    Question,
    Run,
    Section,
    Since,
    Snippet,
    Teacher,
)
from simulator.course.path import GROUPS
from simulator.labs.sessions.lines import LINES

#: Fields that are read by people: each language has its own.
SPOKEN = frozenset(
    ("title", "summary", "caption", "text", "task", "passed", "ask", "because", "say", "wrong", "idea", "breaks")
)
#: What proves a section's claims, beside a link to where they are written.
PROOFS = (Run, Box, Snippet, Exercise, Question, Since)
#: Sections that claim nothing of a database: what one must know, where to go on.
UNPROVED = frozenset({"before", "next", "path", "how"})


def problems(first: Sequence[Chapter], other: Sequence[Chapter]) -> Iterator[str]:
    """What is wrong with the chapters of the first language, and where those of another differ from them."""
    for chapter in first:
        yield from _of_chapter(chapter)
    yield from _twice(first)
    others = {chapter.key: chapter for chapter in other}
    for chapter in first:
        if chapter.key in others:
            yield from _unlike(chapter, others.pop(chapter.key))
        else:
            yield f"{chapter.key}: missing in the other language"
    yield from (f"{key}: only in the other language" for key in others)


def ids(chapter: Chapter) -> tuple[str, ...]:
    """What a teacher's order may name: runs, boxes, exercises, snippets, questions."""
    named = (getattr(part, "id", getattr(part, "key", "")) for section in chapter.sections for part in section.parts)
    return tuple(name for name in named if name)


def _of_chapter(chapter: Chapter) -> Iterator[str]:
    where = chapter.key
    if chapter.group not in GROUPS:
        yield f"{where}: group {chapter.group} is none of {', '.join(GROUPS)}"
    known = ids(chapter)
    anchors = [section.anchor for section in chapter.sections]
    for names in (known, anchors):
        yield from (f"{where}: {name} stands there twice" for name, n in Counter(names).items() if n > 1)
    yield from (
        f"{where}#{section.anchor}: no run and no source" for section in chapter.sections if not _proved(section)
    )
    if len(list(chapter.of(Teacher))) != 1:
        yield f"{where}: one teacher is expected"
    for teacher in chapter.of(Teacher):
        yield from (f"{where}: the teacher's order names {name}" for name in teacher.order if name not in known)
    for box in chapter.of(Box):
        yield from (f"{where}: {box.id} has a line {line}" for line in (*box.lines, *box.choices) if line not in LINES)
        if box.vary > len(box.lines) or bool(box.vary) != bool(box.choices):
            yield f"{where}: {box.id} varies line {box.vary} with {len(box.choices)} choices"


def _proved(section: Section) -> bool:
    return (
        section.anchor in ("", *UNPROVED)
        or any(isinstance(part, PROOFS) for part in section.parts)
        or any("](https://" in part.text for part in section.of(Prose))
    )


def _twice(chapters: Sequence[Chapter]) -> Iterator[str]:
    exercises = Counter(part.key for chapter in chapters for part in chapter.of(Exercise))
    yield from (f"exercise {key} stands {n} times" for key, n in exercises.items() if n > 1)
    questions = Counter(part.key for chapter in chapters for part in chapter.of(Question))
    yield from (f"question {key} stands {n} times" for key, n in questions.items() if n > 1)


def _unlike(one: Chapter, other: Chapter) -> Iterator[str]:
    """Where the two languages of a chapter differ in what is not spoken."""
    if (one.number, one.group, one.minutes, one.versions) != (other.number, other.group, other.minutes, other.versions):
        yield f"{one.key}: number, group, minutes or versions differ"
    if [section.anchor for section in one.sections] != [section.anchor for section in other.sections]:
        yield f"{one.key}: anchors differ"
        return
    for left, right in zip(one.sections, other.sections, strict=True):
        if list(_shape(left)) != list(_shape(right)):
            yield f"{one.key}#{left.anchor}: directives differ"


def _shape(section: Section) -> Iterator[Part]:
    """The section's directives without what is spoken."""
    for part in section.parts:
        if not isinstance(part, Prose):
            yield _mute(part)


def _mute(part: Directive) -> Directive:
    spoken = {each.name: "" for each in fields(part) if each.name in SPOKEN}
    return replace(part, **spoken)  # type: ignore[arg-type]
