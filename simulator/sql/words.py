"""SQL cut into words and statements. Everything that looks into SQL text looks through here.

Quotes, comments, dollar quotes and casts are PostgreSQL's. What cannot be cut, as a quote that is not closed, has no
statements: the server explains it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

__all__ = ["Statement", "Token", "TokenType", "can_be_cut", "copies", "statements", "value_set", "whole_tokens"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a text; `tokens` is never empty."""

    #: from its first word to its last, without the semicolon
    text: str
    #: their places are places in the whole text
    tokens: tuple[Token, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Its words and signs in capitals; of a quoted one what stands between the quotes."""
        return tuple(token.text.upper() for token in self.tokens)

    @property
    def whole_words(self) -> tuple[str, ...]:
        """The same, also of what follows a command that the tokenizer leaves in one piece: `PREPARE`, `VACUUM`."""
        return tuple(token.text.upper() for _place, token in whole_tokens(self))


@lru_cache(maxsize=2048)
def tokens(sql: str) -> tuple[Token, ...] | None:
    """The words and signs of a text; None where it cannot be cut."""
    try:
        return tuple(sqlglot.tokenize(sql, dialect="postgres"))
    except SqlglotError:
        return None


@lru_cache(maxsize=2048)
def statements(sql: str) -> tuple[Statement, ...]:
    """The statements of a text; nothing where it cannot be cut.

    >>> [statement.text for statement in statements("SELECT ';'; -- ; \\n commit;")]
    ["SELECT ';'", 'commit']
    """
    found: list[list[Token]] = [[]]
    depth = 0
    for token in tokens(sql) or ():
        if token.token_type is TokenType.SEMICOLON and depth <= 0:
            found.append([])
            depth = 0
        else:
            depth += _nesting(token, found[-1])
            found[-1].append(token)
    return tuple(Statement(sql[part[0].start : part[-1].end + 1], tuple(part)) for part in found if part)


def _nesting(token: Token, before: Sequence[Token]) -> int:
    """By how much a token goes into, or comes out of, what may hold semicolons: as psql counts it."""
    if token.token_type in _BRACKETS:
        return _BRACKETS[token.token_type]
    if not before or before[0].token_type is not TokenType.CREATE:
        return 0
    # A function's body: BEGIN ATOMIC SELECT CASE ... END; ... END
    word = token.text.upper()
    if token.token_type is TokenType.CASE or (word == "ATOMIC" and before[-1].token_type is TokenType.BEGIN):
        return 1
    return -1 if token.token_type is TokenType.END else 0


_BRACKETS = {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}


def whole_tokens(statement: Statement) -> Iterator[tuple[int, Token]]:
    """Each token of a statement with its place in the statement's text, also those behind a command word."""
    first, *rest = statement.tokens
    start = first.start
    if first.token_type not in _COMMANDS:
        yield from ((token.start - start, token) for token in statement.tokens)
        return
    yield 0, first
    behind = first.end + 1 - start
    yield from ((behind + token.start, token) for token in (tokens(statement.text[behind:]) or ()) if rest)


#: Words behind which the tokenizer does not look.
_COMMANDS = (TokenType.COMMAND, TokenType.EXECUTE, TokenType.FETCH, TokenType.SHOW, TokenType.RENAME, TokenType.LOCK)


def can_be_cut(sql: str) -> bool:
    """Whether the SQL is made of whole words: quotes and comments are closed."""
    return tokens(sql) is not None


def copies(sql: str) -> bool:
    """Whether a statement passes rows through the connection; in quotes, comments and function bodies none does.

    >>> copies("SELECT 1; COPY t FROM stdin"), copies("COPY t FROM 'stdin'")
    (True, False)
    """
    return any(
        statement.tokens[0].token_type is TokenType.COPY
        and any(
            before.text.upper() in ("FROM", "TO")
            and after.token_type is TokenType.VAR
            and after.text.upper() in ("STDIN", "STDOUT")
            for before, after in pairwise(statement.tokens)
        )
        for statement in statements(sql)
    )


@lru_cache(maxsize=2048)
def value_set(sql: str, setting: str) -> str | None:
    """What the text gives this setting of the server, by its last `SET`; None where it leaves it alone.

    >>> value_set("SET LOCAL lock_timeout = '50ms'", "lock_timeout"), value_set("SHOW lock_timeout", "lock_timeout")
    ('50ms', None)
    """
    if setting not in sql.lower():
        return None
    found = None
    for statement in statements(sql):
        words = statement.words
        if words[0] == "SET" and setting.upper() in words[1:3]:
            given = statement.tokens[words.index(setting.upper()) + 2 :]
            found = sql[given[0].start : given[-1].end + 1].strip("'") if given else ""
    return found
