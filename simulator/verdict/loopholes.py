"""What took part in a difference that looks, or acts, past a transaction's snapshot, as PostgreSQL documents it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from simulator.history.sqlstates import SqlState
from simulator.sql.words import statements
from simulator.verdict import words
from simulator.verdict.comparison import Content, Difference
from simulator.verdict.transactions import Sent
from simulator.verdict.types import Loophole

#: The name of what a statement of the setup makes that acts later, without its schema.
_MADE = re.compile(r"\b(?:FUNCTION|PROCEDURE)\s+(?:\w+\.)?\"?(\w+)", re.IGNORECASE)
_CATCHES_UNIQUE = re.compile(r"\bunique_violation\b|'23505'", re.IGNORECASE)


def loopholes(
    sent: Sequence[Sent], found: Sequence[Difference], content: Content, setup: Iterable[str]
) -> Iterator[Loophole]:
    """Those of the steps that differ, and of steps and functions on the tables that differ or that such a step names.

    `found`: what each order that was tried gives instead. `content`: every relation that there is, by its name.
    """
    differing = {difference.step for difference in found}
    tables = {difference.relation for difference in found if difference.relation is not None}
    tables |= {r.name for r in content for s in sent if s.step.key in differing and _names(s.step.sql, {r.name})}
    concerned = [each for each in sent if each.step.key in differing or _names(each.step.sql, tables)]
    texts = [each.step.sql for each in concerned]
    texts += _functions(texts, tables, setup)
    caught = any(each.seen.sqlstate == SqlState.UNIQUE_VIOLATION for each in concerned)
    if caught or any(words.checks_unique(text) or _CATCHES_UNIQUE.search(text) for text in texts):
        yield Loophole.UNIQUE_CHECK
    if any(map(words.not_mvcc_safe, texts)):
        yield Loophole.NOT_MVCC_SAFE


def _functions(texts: Sequence[str], tables: set[str], setup: Iterable[str]) -> Iterator[str]:
    """Definitions of the functions that one of these texts calls, or that name one of these tables."""
    for statement in (each.text for whole in setup for each in statements(whole)):
        made = _MADE.search(statement)
        if made is not None and (_names(statement, tables) or any(_names(text, {made[1]}) for text in texts)):
            yield statement


def _names(sql: str, names: set[str]) -> bool:
    return not {name.lower() for name in names}.isdisjoint(re.findall(r"\w+", sql.lower()))
