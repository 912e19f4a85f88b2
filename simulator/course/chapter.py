"""What a chapter is made of: prose, and between it directives, each with its fields as the file gives them.

`docs/course.md` tells who writes a chapter what each is for; the fields of the classes are the fields in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeVar

#: Where a run is looked at: the key of a page, or `acid` for one letter of ACID on the Sessions page.
Lab = Literal["anomalies", "locks", "mistakes", "sessions", "fastapi", "acid"]


@dataclass(frozen=True, slots=True)
class Prose:
    """Markdown as Streamlit reads it."""

    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run in place, with the lab's own figure."""

    id: str
    lab: Lab
    #: what the lab's link asks for: `scenario=lost_update&level=RC`
    query: str
    #: facts that it must show: `outcome = anomaly`
    shows: tuple[str, ...]
    #: one sentence below the figure
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """The Session as a box: lines of a fixed vocabulary, run one by one, and what it held after each."""

    id: str
    #: names of `labs.sessions.lines.LINES`
    lines: tuple[str, ...]
    shows: tuple[str, ...]
    #: which line (from 1) the reader may change; 0 for none
    vary: int = 0
    #: what it may be changed into
    choices: tuple[str, ...] = ()
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A line of the usual courses, run on the libraries that are installed."""

    #: of `course.snippets.SNIPPETS`
    key: str
    verdict: Literal["works", "changed", "better"]
    #: what to say of it
    text: str
    #: `SQLAlchemy 2.0`, where the verdict is `changed`
    since: str = ""
    shows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exercise:
    """Something to do; who picks the parts, and what is observed then, is in `course.exercises`."""

    key: str
    title: str
    task: str
    #: what has been learnt when it is passed
    passed: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question of an interview; its choices are what the same fact came to in these runs."""

    key: str
    ask: str
    lab: Lab
    query: str
    #: the fact that answers it
    fact: str
    #: other runs, or other facts, whose values are the wrong choices: `level=RR`, `#fixed.stored`, `level=RR#rule.is`
    others: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Teacher:
    """For who gives the lesson: read on the teacher's view alone."""

    minutes: int
    #: ids of runs and boxes and keys of exercises, in the order in which they are shown
    order: tuple[str, ...]
    say: str
    #: what the room usually gets wrong
    wrong: str


@dataclass(frozen=True, slots=True)
class Analogy:
    """A core idea as something that the reader knows."""

    idea: str
    kind: Literal["frontend", "daily"]
    text: str
    #: where it stops being true
    breaks: str


@dataclass(frozen=True, slots=True)
class Note:
    """A paragraph that stands out: the core in thirty words, a summary, a rhyme, a surprise."""

    kind: Literal["core", "summary", "rhyme", "surprise"]
    text: str


@dataclass(frozen=True, slots=True)
class Since:
    """What depends on a version."""

    library: Literal["SQLAlchemy", "FastAPI", "PostgreSQL", "psycopg2", "psycopg", "Pydantic", "Starlette", "Python"]
    version: str
    text: str
    #: where it is written; https
    source: str


Directive = Run | Box | Snippet | Exercise | Question | Teacher | Analogy | Note | Since
#: The word behind the three backticks.
DIRECTIVES: dict[str, type[Directive]] = {
    "run": Run,
    "session": Box,
    "snippet": Snippet,
    "exercise": Exercise,
    "question": Question,
    "teacher": Teacher,
    "analogy": Analogy,
    "note": Note,
    "since": Since,
}
Part = Prose | Directive
P = TypeVar("P", bound=Part)


@dataclass(frozen=True, slots=True)
class Section:
    """What stands below one heading; before the first one the anchor and the title are ""."""

    anchor: str
    title: str
    parts: tuple[Part, ...]

    def of(self, kind: type[P]) -> Iterator[P]:
        """Its parts of this kind."""
        return (part for part in self.parts if isinstance(part, kind))


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter in one language."""

    key: str
    number: int
    #: of `course.path.GROUPS`
    group: str
    title: str
    #: one sentence for the list of chapters
    summary: str
    minutes: int
    #: what everything in it was written for: `SQLAlchemy 2.1`
    versions: tuple[str, ...]
    sections: tuple[Section, ...] = field(default=())

    def of(self, kind: type[P]) -> Iterator[P]:
        """Its parts of this kind, in their order."""
        return (part for section in self.sections for part in section.of(kind))

    def section_of(self, part: Part) -> Section:
        """Where a part stands. Raises StopIteration for a part of another chapter."""
        return next(section for section in self.sections if any(part is each for each in section.parts))
