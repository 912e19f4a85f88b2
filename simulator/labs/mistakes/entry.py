"""What one mistake is: two pieces of code that run, the line that makes the difference, and what must be observed."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.history.schedule import History
from simulator.model import Scalar

if TYPE_CHECKING:
    from simulator.labs.mistakes.stage import Stage


@dataclass(frozen=True, slots=True)
class Between:
    """A number that a free race decides: both ends can happen."""

    low: int
    high: int


Count = int | Between


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be observed in every run of a side."""

    #: how many clients were told `OK`, or an exception of this class (`TimeoutError`, or the driver's that it wraps:
    #: `DeadlockDetected`), or ANY_ERROR
    told: Mapping[str, Count]
    #: rows of `Look.query`
    stored: tuple[tuple[Scalar | Between, ...], ...] = ()
    #: connections that are still checked out of the pool
    connections: Count = 0
    #: backends that are idle in a transaction
    transactions: Count = 0
    #: what these clients were answered, as text
    answers: Mapping[str, str] = field(default_factory=dict)
    #: of `Side.figure`
    figure: Count | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """The question that is put to the database when all clients have their answers, on a connection of its own."""

    #: what the rows are: `Messages stored`; for gettext
    title: str
    query: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One more number that tells the two sides apart, read from what was recorded."""

    #: for gettext
    title: str
    value: Callable[[History], int]


@dataclass(frozen=True, slots=True)
class Side:
    """The mistake, or its fix. What `code` shows is what `run` runs."""

    #: the application's functions, in the order in which they are read
    code: tuple[Callable[..., Any], ...]
    #: the whole line of `code` that makes the difference, without its indentation
    decisive: str
    #: puts the clients on the stage
    run: Callable[[Stage], None]
    expect: Expected
    look: Look | None = None
    figure: Figure | None = None

    @property
    def source(self) -> str:
        """The text of `code`."""
        return "\n\n".join(textwrap.dedent(inspect.getsource(part)) for part in self.code)

    @property
    def decisive_numbers(self) -> tuple[int, ...]:
        """Where the decisive line stands in `source`, from 1."""
        return tuple(n for n, line in enumerate(self.source.splitlines(), start=1) if line.strip() == self.decisive)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake beside its fix. Every text is for gettext."""

    key: str
    #: `sharing`, `leaking`, `transactions`, `objects`, `asynchronous`, `fastapi`, `isolation`
    family: str
    title: str
    #: what happened, in two or three sentences
    story: str
    #: what SQLAlchemy or the database does here
    why: str
    #: the rule that prevents it
    cure: str
    #: what makes every run the same
    repeatable: str
    mistake: Side
    fixed: Side
    #: no client is told an error, and data is wrong or lost, or a connection is
    silent: bool = False
    #: somebody waits for a time-out: that is the point, and it takes its time
    timeout: bool = False
    #: where the rule is written: the library's or the server's own pages
    source: str = ""
    #: what it holds for, and from which version on: `SQLAlchemy 1.4`
    holds_for: str = ""
    #: keys of `labs.versions.CHANGES`: what older versions of a library do otherwise
    since: tuple[str, ...] = ()
