"""Reads a pasted snippet and says which mistakes it shows signs of. The text is parsed; nothing of it is ever run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.errors import SnippetError
from simulator.i18n.text import Text
from simulator.labs.lint import holding
from simulator.labs.lint.code import Code
from simulator.labs.lint.parse import Parsed, parse
from simulator.labs.lint.rule import Found, Rule, Sign
from simulator.labs.lint.rules import (
    asynchronous,
    columns,
    engines,
    fastapi,
    leaking,
    locking,
    objects,
    polling,
    queues,
    races,
    requests,
    savepoints,
    sharing,
    transactions,
)
from simulator.labs.lint.tree import position

__all__ = ["RULES", "Rule", "Sign", "read"]

#: How long a text is read at most, of the thread's own time: a page's run waits for it.
SECONDS = 3.0
#: Every rule, by family; a mistake that is written in several ways may have several.
RULES: tuple[Rule, ...] = (
    *sharing.RULES,
    *leaking.RULES,
    *transactions.RULES,
    *holding.RULES,
    *objects.RULES,
    *locking.RULES,
    *asynchronous.RULES,
    *fastapi.RULES,
    *engines.RULES,
    *columns.RULES,
    *savepoints.RULES,
    *queues.RULES,
    *polling.RULES,
    *requests.RULES,
    *races.RULES,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found, and whether there was anything to be looked at."""

    signs: tuple[Sign, ...]
    #: a Session, Connection, engine or factory was recognised
    saw_session: bool


def read(source: str, seconds: float = SECONDS) -> tuple[Sign, ...]:
    """The signs of mistakes in a snippet of Python, in line order; each mistake once a place.

    Raises:
        SnippetError: the text is too long, is not Python 3, or takes longer than that to read.
    """
    return examine(source, seconds).signs


def examine(source: str, seconds: float = SECONDS) -> Reading:
    """The same, and whether any Session was seen. Raises SnippetError as `read` does."""
    parsed = parse(source)
    try:
        code = Code(parsed.module, seconds)
        rows = [(rule, found) for rule in RULES for found in rule.find(code)]
    except RecursionError:
        raise SnippetError(Text.of("This is nested too deeply to be read. Paste a smaller part.")) from None
    signs = {(rule.mistake, found.node.lineno): _sign(rule, found, parsed) for rule, found in _certain_last(rows)}
    found = tuple(sorted(signs.values(), key=lambda sign: (sign.line, sign.column, sign.mistake)))
    return Reading(found, code.saw_session)


def _certain_last(rows: list[tuple[Rule, Found]]) -> Iterator[tuple[Rule, Found]]:
    """So that where two rules see one mistake in one line, the certain one stays."""
    yield from sorted(rows, key=lambda row: row[1].certain)


def _sign(rule: Rule, found: Found, parsed: Parsed) -> Sign:
    node = found.node
    row, column = position(node)
    line = max(row - parsed.extra_lines, 1)
    before = parsed.lines[row - 1].encode()[:column].decode(errors="ignore")
    lost = parsed.indents[line - 1] if line <= len(parsed.indents) else 0
    return Sign(rule.mistake, line, len(before) + lost, found.sentence, found.certain)
