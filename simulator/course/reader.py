"""Reads a chapter's file; whatever is wrong with it is told with file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from simulator.course.chapter import DIRECTIVES, Chapter, Part, Prose, Section
from simulator.course.shows import read_claim
from simulator.errors import CourseError
from simulator.i18n.text import Text

FOLDER = Path(__file__).parent
#: In the order in which they are compared: the first is what the others follow.
LANGUAGES = ("en", "zh")
_HEADING = re.compile(r"^## (?P<title>.+?)\s*(?:\{#(?P<anchor>[a-z0-9-]+)\})?\s*$")
_FENCE = re.compile(r"^```(?P<word>\S*)\s*$")
T = TypeVar("T")


@lru_cache(maxsize=len(LANGUAGES))
def chapters(language: str) -> tuple[Chapter, ...]:
    """Every chapter in this language, by number; the first language's where this one has none. Raises CourseError."""
    folder = FOLDER / (language if language in LANGUAGES else LANGUAGES[0])
    return tuple(sorted(map(read, sorted(folder.glob("*.md"))), key=lambda chapter: chapter.number))


def find(key: str, language: str) -> Chapter:
    """The chapter of this key. Raises StopIteration where there is none, CourseError."""
    return next(chapter for chapter in chapters(language) if chapter.key == key)


def read(path: Path) -> Chapter:
    """The chapter in this file. Raises CourseError."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def parse(text: str, name: str) -> Chapter:
    """The chapter in a text; `name` is what its file is called where something is wrong. Raises CourseError."""
    if not text.startswith("+++\n") or "\n+++\n" not in text:
        raise _wrong(name, 1, "a chapter begins with its front matter between two lines of +++")
    head, _, body = text[4:].partition("\n+++\n")
    table = _toml(head, name, 2)
    sections = tuple(_sections(body, name, head.count("\n") + 4))
    return _built(Chapter, {**table, "sections": sections}, name, 2)


def _sections(body: str, name: str, first: int) -> Iterator[Section]:
    anchor = title = ""
    parts: list[Part] = []
    for number, part in _parts(body, name, first):
        if not isinstance(part, str):
            parts.append(part)
            continue
        heading = _HEADING.match(part)
        if heading is None or heading["anchor"] is None:
            raise _wrong(name, number, "a heading has an anchor: ## Title {#anchor}")
        if parts or title:
            yield Section(anchor, title, tuple(parts))
        anchor, title, parts = heading["anchor"], heading["title"], []
    yield Section(anchor, title, tuple(parts))


def _parts(body: str, name: str, first: int) -> Iterator[tuple[int, Part | str]]:
    """Line number and prose, directive, or heading (as its line)."""
    prose: list[str] = []
    lines = iter(enumerate(body.split("\n"), first))
    for number, line in lines:
        fence = _FENCE.match(line)
        word = fence["word"] if fence else ""
        if word in DIRECTIVES or line.startswith("## "):
            yield from _prose(number, prose)
            prose = []
        if word in DIRECTIVES:
            yield number, _directive(word, list(_fenced(lines, name, number)), name, number)
        elif fence:
            prose += [line, *_fenced(lines, name, number), "```"]
        elif line.startswith("## "):
            yield number, line
        else:
            prose.append(line)
    yield from _prose(first, prose)


def _prose(number: int, lines: Iterable[str]) -> Iterator[tuple[int, Part | str]]:
    text = "\n".join(lines).strip()
    if text:
        yield number, Prose(text)


def _fenced(lines: Iterator[tuple[int, str]], name: str, opened: int) -> Iterator[str]:
    for _number, line in lines:
        if line.rstrip() == "```":
            return
        yield line
    raise _wrong(name, opened, "a block of ``` is not closed")


def _directive(word: str, lines: list[str], name: str, number: int) -> Part:
    part: Any = _built(DIRECTIVES[word], _toml("\n".join(lines), name, number + 1), f"{name}: {word}", number)
    for claim in getattr(part, "shows", ()):
        try:
            read_claim(claim)
        except ValueError as error:
            raise _wrong(name, number, f"{error}") from None
    return part  # type: ignore[no-any-return]


def _toml(text: str, name: str, number: int) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(name, number, f"no valid TOML: {error}") from None


def _built(kind: type[T], table: Mapping[str, Any], name: str, number: int) -> T:
    """An object of this class; each field as its annotation has it."""
    hints = get_type_hints(kind)
    known = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    if unknown := ", ".join(sorted(table.keys() - known.keys())):
        raise _wrong(name, number, f"unknown: {unknown}; known: {', '.join(known)}")
    missing = [key for key, each in known.items() if key not in table and each.default is MISSING]
    if missing:
        raise _wrong(name, number, f"missing: {', '.join(missing)}")
    return kind(**{key: _value(hints[key], value, f"{name}: {key}", number) for key, value in table.items()})


def _value(hint: Any, value: Any, name: str, number: int) -> Any:
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if isinstance(value, list | tuple) and all(isinstance(each, item) for each in value):
            return tuple(value)
        raise _wrong(name, number, f"a list of {item.__name__} is expected")
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        raise _wrong(name, number, f"{value!r} is none of {', '.join(get_args(hint))}")
    if not isinstance(value, hint):
        raise _wrong(name, number, f"{value!r} is no {hint.__name__}")
    return value.strip() if isinstance(value, str) else value


def _wrong(name: str, number: int, what: str) -> CourseError:
    return CourseError(Text.of("{file}, line {line}: {what}.", file=name, line=number, what=what))
