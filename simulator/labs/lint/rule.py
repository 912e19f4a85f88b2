"""What a rule is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simulator.i18n.text import Text
from simulator.labs.lint.code import Code
from simulator.labs.lint.tree import Node

SESSION_DOCS = "https://docs.sqlalchemy.org/en/21/orm/session_basics.html"
ASYNC_DOCS = "https://docs.sqlalchemy.org/en/21/orm/extensions/asyncio.html"
POOL_DOCS = "https://docs.sqlalchemy.org/en/21/core/pooling.html"
FASTAPI_DOCS = "https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/"


@dataclass(frozen=True, slots=True)
class Sign:
    """A place in a pasted snippet that shows a mistake.

    Lines count from 1, the column from 0, in the text as pasted. `certain` is False where the verdict depends on
    what the snippet does not show; the sentence then says on what.
    """

    mistake: str
    line: int
    column: int
    sentence: Text
    certain: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule reports: a node of the tree, the sentence, and whether it is certain."""

    node: Node
    sentence: Text
    certain: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: the mistake it points to, why it is one (translated where it is shown), and where that is written."""

    mistake: str
    why: str
    source: str
    find: Callable[[Code], Iterable[Found]]
