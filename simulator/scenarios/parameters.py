"""Which saved values a step's SQL uses, and what kind of statements it holds."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import text
from sqlglot import tokenize
from sqlglot.errors import SqlglotError

#: Words that begin or end a transaction when a statement starts with them.
_CONTROL = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"})


@lru_cache(maxsize=2048)
def names(sql: str) -> tuple[str, ...]:
    """Names used as `:name`, in order of first use; `a::int` is a cast and `\\:` a plain colon.

    SQLAlchemy's own parser, because sessions send their statements through it: what it takes for a name is one,
    inside of quotes too.

    >>> names("UPDATE account SET balance = :balance + 20::int WHERE id = :id")
    ('balance', 'id')
    """
    return tuple(text(sql).compile().params)


def statements(sql: str) -> tuple[tuple[str, ...], ...]:
    """The statements of a step, each as its words in capitals; nothing where the SQL cannot be cut into words.

    A quote that is not closed is left for the server to explain.

    >>> statements("SELECT 1; commit;")
    (('SELECT', '1'), ('COMMIT',))
    """
    try:
        tokens = tokenize(sql, dialect="postgres")
    except SqlglotError:
        return ()
    found: list[list[str]] = [[]]
    for token in tokens:
        if token.token_type.name == "SEMICOLON":
            found.append([])
        else:
            found[-1].append(token.text.upper())
    return tuple(tuple(words) for words in found if words)


def controls_transaction(words: tuple[str, ...]) -> bool:
    """Whether a statement begins or ends a transaction; `ROLLBACK TO` a savepoint does neither."""
    return words[0] in _CONTROL and "TO" not in words[1:3]


@lru_cache(maxsize=2048)
def sets(sql: str, setting: str) -> bool:
    """Whether a statement of the step sets this setting of the server.

    >>> sets("SET LOCAL lock_timeout = '50ms'", "lock_timeout"), sets("SHOW lock_timeout", "lock_timeout")
    (True, False)
    """
    if setting not in sql.lower():
        return False
    return any(words[0] == "SET" and setting.upper() in words[1:3] for words in statements(sql))
