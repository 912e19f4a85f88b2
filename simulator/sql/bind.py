"""The `:name`s in SQL: which there are, and what takes their place.

A name stands right behind its colon, and nothing of a word right before it: `a::int`, `a[lo:hi]` and what is in quotes
or comments are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from simulator.model import Scalar
from simulator.sql.values import literal, operand
from simulator.sql.words import TokenType, tokens


class _Place(NamedTuple):
    """Where a `:name` stands: from its colon to behind its last letter."""

    name: str
    start: int
    end: int


@lru_cache(maxsize=2048)
def _places(sql: str) -> tuple[_Place, ...]:
    if ":" not in sql:
        return ()
    return tuple(
        _Place(word, colon.start, name.end + 1)
        for colon, name in pairwise(tokens(sql) or ())
        if colon.token_type is TokenType.COLON and name.start == colon.end + 1
        for word in (sql[name.start : name.end + 1],)
        if word.isidentifier() and not _belongs_to_a_word(sql[max(0, colon.start - 1) : colon.start])
    )


def _belongs_to_a_word(character: str) -> bool:
    return character in ("_", "\\") or character.isalnum()


@lru_cache(maxsize=2048)
def names(sql: str) -> tuple[str, ...]:
    """Names used as `:name`, each once, in order of first use.

    >>> names("UPDATE account SET balance = :balance + 20::int, note = ':none' WHERE id = :id")
    ('balance', 'id')
    """
    return tuple(dict.fromkeys(place.name for place in _places(sql)))


@lru_cache(maxsize=2048)
def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """With `$1`, `$2` for the names, as the server's protocol wants them, and the names in that order.

    >>> numbered("SELECT :a + :b - :a::int")
    ('SELECT $1 + $2 - $1::int', ('a', 'b'))
    """
    order = names(sql)
    return filled(sql, {name: f"${number}" for number, name in enumerate(order, 1)}), order


def filled(sql: str, texts: Mapping[str, str]) -> str:
    """With these texts for the names; a name that has none stays."""
    parts, at = [], 0
    for name, start, end in _places(sql):
        if name in texts:
            parts += [sql[at:start], texts[name]]
            at = end
    return "".join([*parts, sql[at:]])


def bind(sql: str, parameters: Mapping[str, Scalar]) -> str:
    """SQL to be sent, with each `:name` replaced by its value as a literal. Raises KeyError where a value is missing.

    >>> bind("a = :a - :b", {"a": "it's", "b": -1})
    "a = 'it''s' - (-1)"
    """
    return filled(sql, {name: operand(parameters[name]) for name in names(sql)})


def shown(sql: str, parameters: Mapping[str, Scalar]) -> str:
    """SQL to be read, with the values that are known: never sent anywhere.

    >>> shown("UPDATE a SET balance = :new + 1", {"new": -100})
    'UPDATE a SET balance = -100 + 1'
    """
    return filled(sql, {name: literal(value) for name, value in parameters.items()})
