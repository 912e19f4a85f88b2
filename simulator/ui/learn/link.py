"""What the address says of the Learn page: which chapter, where in it, and for whom it is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from simulator.course.reader import LANGUAGES, chapters
from simulator.i18n import gettext as _
from simulator.ui.kit.link import Link, NotFollowed, Part, quoted
from simulator.ui.kit.slots import Slot


@dataclass(frozen=True, slots=True)
class Where:
    """A place in the course; chapter "" is the overview of all chapters."""

    chapter: str = ""
    #: of a section, a run, a box or an exercise
    at: str = ""
    present: bool = False
    teacher: bool = False
    interview: bool = False
    #: of a presentation, from 1
    screen: int = 1
    #: what is searched for
    query: str = ""
    #: exercises that somebody has passed, as an exported link has them: `lost_update,level`
    passed: str = ""


def _chapter(where: Where, key: str) -> Where:
    if key not in (chapter.key for chapter in chapters(LANGUAGES[0])):
        raise NotFollowed(_("The link asks for chapter “{key}”, and there is none.").format(key=quoted(key)))
    return replace(where, chapter=key)


def _screen(where: Where, text: str) -> Where:
    if not (text.isascii() and text.isdigit() and int(text[:4]) >= 1):
        raise ValueError(text)
    return replace(where, screen=int(text[:4]))


def _switch(name: str) -> Part[Where]:
    def read(where: Where, text: str) -> Where:
        change: dict[str, Any] = {name: {"0": False, "1": True}[text]}
        return replace(where, **change)

    return Part(name, read, lambda where: "1" if getattr(where, name) else None)


def _text(name: str, parameter: str = "") -> Part[Where]:
    def read(where: Where, text: str) -> Where:
        change: dict[str, Any] = {name: text}
        return replace(where, **change)

    return Part(parameter or name, read, lambda where: getattr(where, name) or None)


LINK = Link(
    (
        Part("chapter", _chapter, lambda where: where.chapter or None),
        _text("at"),
        _switch("present"),
        _switch("teacher"),
        _switch("interview"),
        Part("screen", _screen, lambda where: str(where.screen) if where.present and where.screen > 1 else None),
        _text("query", "q"),
        _text("passed"),
    ),
    Where(),
)
WHERE: Slot[Where] = Slot("learn", "where", LINK.first)


def go(where: Where) -> None:
    """Show this in the next script run."""
    WHERE.set(where)
    LINK.forget()
