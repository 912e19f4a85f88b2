"""Statements whose answers depend on the order in which rows lie: what they choose, gather or number by it.

A serial run leaves the same rows in another order. Words count where they stand for themselves, never in a quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from sqlglot import exp
from sqlglot.errors import SqlglotError

from simulator.sql.tree import parsed
from simulator.sql.words import Token, TokenType, tokens
from simulator.verdict.words import unquoted

#: What comes out depends on the order in which the rows lie, unless an ORDER BY in its own brackets says which.
_GATHERS = re.compile(r"(STRING|ARRAY|JSONB?|XML)\w*_?AGG\w*")
_NUMBERS = re.compile(r"ROW_NUMBER|FIRST_VALUE|LAST_VALUE|NTH_VALUE|LAG|LEAD|NTILE")


_WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "CREATE", ";")


@dataclass(frozen=True, slots=True)
class Choice:
    """A LIMIT: of the rows that `query` gives, where they are more than `most`, the order in which they lie chooses."""

    #: None where it cannot be asked apart
    query: str | None
    most: int
    #: it is asked with those that an ORDER BY leaves tied
    ordered: bool
    #: it is the statement, and not a part of one
    whole: bool


def tells_place(sql: str) -> bool:
    """Whether the statement asks where a row version lies."""
    return any(token.text.upper() == "CTID" for token in unquoted(tokens(sql) or ()))


@lru_cache(maxsize=1024)
def sorted_by_unseen(sql: str) -> bool:
    """Whether the rows come sorted by something that is not among what comes: then their order tells of it.

    >>> sorted_by_unseen("SELECT name FROM job ORDER BY priority"), sorted_by_unseen("SELECT id FROM job ORDER BY id")
    (True, False)
    """
    order = _order(sql)
    if order is None or not isinstance(query := parsed(sql), exp.Select):
        return False
    seen = {name.lower() for name in query.named_selects} | {str(place) for place in range(1, 1 + len(query.selects))}
    keys = (each.this if isinstance(each, exp.Ordered) else each for each in order.expressions)
    return "*" not in seen and any(key.name.lower() not in seen for key in keys)


def by_place(sql: str) -> bool:
    """Whether its answer depends on the order in which rows lie, other than by a LIMIT (see `choices`).

    >>> by_place("SELECT array_agg(id) FROM job"), by_place("SELECT array_agg(id ORDER BY id) FROM job")
    (True, False)
    """
    ways = _ways(sql)
    return ways.gathers or ways.chooses


def only_permutes(sql: str) -> bool:
    """Whether what it gives in another order of the rows is made of the same parts."""
    return not _ways(sql).chooses


def numbers_ties(sql: str) -> bool:
    """Whether it numbers rows that its own ORDER BY may leave tied.

    >>> numbers_ties("SELECT row_number() OVER (ORDER BY priority) FROM job"), numbers_ties("SELECT max(id) FROM job")
    (True, False)
    """
    return _ways(sql).numbers_ties


class _Ways(NamedTuple):
    """What a statement does in the order in which rows lie."""

    #: it gathers values in one
    gathers: bool
    #: it chooses rows, or numbers them
    chooses: bool
    #: it numbers rows that its own order may leave tied
    numbers_ties: bool


@lru_cache(maxsize=1024)
def _ways(sql: str) -> _Ways:
    words = unquoted(tokens(sql) or ())
    depths = _depths(words)
    gathers = chooses = ties = False
    for place, token in enumerate(words):
        pair = token.text.upper(), _text(words, place + 1)
        called = pair[1] == "("
        if pair == ("DISTINCT", "ON"):
            chooses = chooses or _keys(words, depths, place + 2) >= _order_keys(words, depths, place)
        elif pair[0] == "OFFSET":
            chooses = chooses or not _ordered(words, depths, range(place, -1, -1), depths[place])
        elif called and (_GATHERS.fullmatch(pair[0]) or (pair[0], _text(words, place + 2)) == ("ARRAY", "SELECT")):
            gathers = gathers or not _ordered(words, depths, range(place + 1, len(words)), depths[place] + 1)
        elif called and _NUMBERS.fullmatch(pair[0]):
            over = next((i for i in range(place, len(words)) if _text(words, i) == "OVER"), place)
            ordered = _ordered(words, depths, range(over + 1, len(words)), depths[place] + 1)
            chooses, ties = chooses or not ordered, ties or (ordered and pair[0] == "ROW_NUMBER")
    return _Ways(gathers, chooses, ties)


def _keys(words: Sequence[Token], depths: Sequence[int], first: int) -> int:
    """How many expressions stand in the brackets that open there."""
    inside = range(first + 1, next((i for i in range(first + 1, len(words)) if depths[i] == depths[first]), len(words)))
    return 1 + sum(_text(words, i) == "," and depths[i] == depths[first] + 1 for i in inside)


def _order_keys(words: Sequence[Token], depths: Sequence[int], place: int) -> int:
    """How many expressions the ORDER BY of the query has that is begun before this place."""
    end = next((i for i in range(place, len(words)) if depths[i] < depths[place]), len(words))
    own = [i for i in range(place, end) if depths[i] == depths[place]]
    start = next((i for i in own if _text(words, i).startswith("ORDER")), None)
    return 0 if start is None else 1 + sum(_text(words, i) == "," for i in own if i > start)


@lru_cache(maxsize=1024)
def choices(sql: str) -> tuple[Choice, ...]:
    """What each LIMIT, or FETCH FIRST, of one statement chooses from.

    >>> [(each.query, each.most) for each in choices("SELECT id FROM job ORDER BY at LIMIT 1 FOR UPDATE")]
    [('SELECT id FROM job ORDER BY at FETCH FIRST 1 ROWS WITH TIES', 1)]
    >>> [(each.query, each.whole) for each in choices("DELETE FROM job WHERE id = (SELECT id FROM job LIMIT 1)")]
    [('SELECT id FROM job ', False)]
    """
    words = unquoted(tokens(sql) or ())
    depths = _depths(words)
    found = []
    for place, token in enumerate(words):
        text = token.text.upper()
        if text not in ("LIMIT", "FETCH") or (text == "FETCH" and _text(words, place + 1) not in ("FIRST", "NEXT")):
            continue
        first = next((i + 1 for i in range(place - 1, -1, -1) if depths[i] < depths[place]), 0)
        query, count = sql[words[first].start : token.start], _text(words, place + 1 + (text == "FETCH"))
        most = int(count) if count.isdecimal() else 1
        ordered = _ordered(words, depths, range(place, first - 1, -1), depths[place])
        ties = f"FETCH FIRST {most} ROWS WITH TIES" if ordered else ""
        asked = query + ties if _text(words, first) in ("SELECT", "WITH", "(") else None
        found.append(Choice(asked, most, ordered, whole=first == 0))
    return tuple(found)


def asked_for(sql: str) -> tuple[str, ...]:
    """What tells whether its LIMITs had something to choose; nothing where one of them cannot be asked apart."""
    queries = tuple(choice.query for choice in choices(sql))
    return tuple(query for query in queries if query is not None) if None not in queries else ()


def only_reads(sql: str) -> bool:
    """Whether it is one query, by its words: what it took shows in its answer, and nowhere else.

    >>> only_reads("SELECT id FROM job LIMIT 1"), only_reads("WITH j AS (DELETE FROM job RETURNING id) TABLE j")
    (True, False)
    """
    words = [token.text.upper() for token in unquoted(tokens(sql) or ())]
    # FOR UPDATE, FOR NO KEY UPDATE
    writes = (word in _WRITES and before not in ("FOR", "KEY") for before, word in pairwise(["", *words]))
    return bool({"SELECT", "TABLE"}.intersection(words)) and not any(writes)


def _depths(words: Sequence[Token]) -> list[int]:
    """How many brackets stand open before each word; an opening one stands outside of itself, a closing one inside."""
    depth, found = 0, []
    for token in words:
        found.append(depth)
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
    return found


def _ordered(words: Sequence[Token], depths: Sequence[int], places: Iterable[int], depth: int) -> bool:
    """Whether an ORDER BY stands at one of these places, before they come out of brackets that are so deep."""
    entered = False
    for place in places:
        entered = entered or depths[place] == depth
        if entered and depths[place] < depth:
            return False
        if depths[place] == depth and _text(words, place).startswith("ORDER"):
            return True
        if not entered and _text(words, place) in ("FROM", ","):
            return False
    return False


def _text(words: Sequence[Token], place: int) -> str:
    return words[place].text.upper() if place < len(words) else ""


def _order(sql: str) -> exp.Expr | None:
    """The ORDER BY of the query as a whole; None where it has none, or cannot be read."""
    try:
        found = parsed(sql).args.get("order")
    except (SqlglotError, RecursionError):
        return None
    return found if isinstance(found, exp.Order) else None
