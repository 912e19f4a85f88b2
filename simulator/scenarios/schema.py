"""The shape of a scenario file: which keys there are, their types, and how much of everything."""

from __future__ import annotations

import keyword
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from simulator.i18n.text import Text
from simulator.model import Isolation
from simulator.scenarios.guard import MAX_LENGTH as MAX_CONDITION
from simulator.scenarios.order import MAX_STEPS
from simulator.scenarios.waits import MAX_TEXT as MAX_WAIT

MAX_FILE_BYTES = 65_536
MAX_SQL_BYTES = 8_192
MAX_SESSIONS = 8
#: BEGIN, COMMIT and their like in one step.
MAX_CONTROLS = 20
MAX_STEPS_OF_SESSION = 50
MAX_VARIANTS = 20
#: Characters of what is read on the page.
MAX_STORY = 4_000
MAX_NOTE = 2_000
MAX_SOURCE = 500
MAX_CODE = 8_192
DEFAULT_LEVELS = (Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE)


#: Control characters, and those that turn the direction of the text after them: it would not read as it is.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _plain(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError(Text.of("holds a control character; only line ends and tabs are allowed"))
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError(Text.of("is empty"))
    return text


def _short_sql(text: str) -> str:
    if len(text.encode()) > MAX_SQL_BYTES:
        raise ValueError(Text.of("is too long; SQL has at most {limit} bytes", limit=MAX_SQL_BYTES))
    return text


def _no_keyword(name: str) -> str:
    # A condition could not use it: `when = "in == 1"`.
    if keyword.iskeyword(name):
        raise ValueError(Text.of("is {name!r}, a word with a meaning of its own in conditions", name=name))
    return name


def _level(text: object) -> Isolation:
    return Isolation.parse(text if isinstance(text, str) else str(text))


def _each_level_once(given: object) -> object:
    if isinstance(given, list | dict):
        levels = [Isolation.parse(level) for level in given if isinstance(level, str)]
        if len(set(levels)) < len(levels):
            raise ValueError(Text.of("names a level twice"))
    return given


def _name(max_length: int) -> object:
    return Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", min_length=1, max_length=max_length)


Name = Annotated[str, _name(40)]
SessionName = Annotated[str, _name(20)]
SavedName = Annotated[str, _name(40), AfterValidator(_no_keyword)]
Note = Annotated[str, Field(max_length=MAX_NOTE), AfterValidator(_plain)]
Source = Annotated[str, Field(max_length=MAX_SOURCE), AfterValidator(_plain)]
Code = Annotated[str, Field(max_length=MAX_CODE), AfterValidator(_plain)]
StepKey = Annotated[str, Field(min_length=1, max_length=61), AfterValidator(_plain)]
Sentence = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]
Story = Annotated[str, Field(max_length=MAX_STORY), AfterValidator(_not_blank), AfterValidator(_plain)]
Setup = Annotated[str, AfterValidator(_plain), AfterValidator(_short_sql)]
Sql = Annotated[str, AfterValidator(_not_blank), AfterValidator(_plain), AfterValidator(_short_sql)]
Condition = Annotated[str, Field(min_length=1, max_length=MAX_CONDITION), AfterValidator(_plain)]
Level = Annotated[Isolation, BeforeValidator(_level)]
Levels = Annotated[list[Level], Field(max_length=len(Isolation)), BeforeValidator(_each_level_once)]
OutcomeWord = Literal[
    "safe", "retried", "aborted", "deadlock", "waits for ever", "by design", "anomaly", "rule broken", "undecided"
]
WaitText = Annotated[str, Field(min_length=1, max_length=MAX_WAIT), AfterValidator(_plain)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StepSpec(_Part):
    name: Name
    sql: Sql
    save: SavedName | None = None
    when: Condition | None = None
    retry: bool = False


class SessionOptionsSpec(_Part):
    isolation: Level | None = None
    read_only: bool = False
    deferrable: bool = False
    setup: Setup = ""
    teardown: Setup = ""


class InvariantSpec(_Part):
    title: Sentence
    sql: Sql


class VariantSpec(_Part):
    key: Name
    title: Sentence
    is_fix: bool = False
    note: Note = ""
    setup: Setup = ""
    sessions: Annotated[
        dict[SessionName, Annotated[list[StepSpec], Field(min_length=1, max_length=MAX_STEPS_OF_SESSION)]],
        Field(min_length=1, max_length=MAX_SESSIONS),
    ]
    session_options: dict[SessionName, SessionOptionsSpec] = {}
    #: sessions that are as psql has them; one that says BEGIN is so without being named
    autocommit: Annotated[list[SessionName], Field(max_length=MAX_SESSIONS)] = []
    schedule: Annotated[list[str], Field(min_length=1, max_length=MAX_STEPS)]
    waits: Annotated[list[WaitText], Field(max_length=MAX_STEPS)] | None = None
    expect: Annotated[dict[Level, OutcomeWord], BeforeValidator(_each_level_once)] = {}
    sqlalchemy: Code = ""


class ScenarioSpec(_Part):
    key: Name
    title: Sentence
    family: Literal["isolation", "hermitage", "locks"] = "isolation"
    order: Annotated[int, Field(ge=0, le=100_000)] = 1000
    story: Story
    source: Source = ""
    phenomenon: Annotated[str, Field(min_length=1, max_length=20), AfterValidator(_plain)] | None = None
    telling: StepKey | None = None
    answers: Annotated[list[Sentence], Field(max_length=6)] = []
    occurs_at: Levels = []
    levels: Annotated[Levels, Field(min_length=1)] = list(DEFAULT_LEVELS)
    setup: Setup
    invariant: InvariantSpec | None = None
    variants: Annotated[list[VariantSpec], Field(min_length=1, max_length=MAX_VARIANTS)]
