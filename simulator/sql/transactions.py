"""Statements that begin, end or prepare a transaction, told by their words.

What became of a transaction the server's answers tell, never these words; they say what a text would do if it were
sent, and where in it the name of a prepared transaction stands.
"""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache

from simulator.model import Isolation
from simulator.sql.words import Statement, Token, TokenType, statements, whole_tokens


class Control(Enum):
    """What a statement does to the transaction of its session, or to a prepared one."""

    BEGIN = auto()
    #: COMMIT and END
    COMMIT = auto()
    #: ROLLBACK and ABORT, without a savepoint
    ROLLBACK = auto()
    ROLLBACK_TO = auto()
    #: PREPARE TRANSACTION
    PREPARE = auto()
    COMMIT_PREPARED = auto()
    ROLLBACK_PREPARED = auto()


#: After these the session is in no transaction, or (AND CHAIN) in the next one.
ENDINGS = (Control.COMMIT, Control.ROLLBACK, Control.PREPARE)
_NAMING = (Control.PREPARE, Control.COMMIT_PREPARED, Control.ROLLBACK_PREPARED)
_ENDS = {"COMMIT": Control.COMMIT, "END": Control.COMMIT, "ROLLBACK": Control.ROLLBACK, "ABORT": Control.ROLLBACK}
_PREPARED = {"COMMIT": Control.COMMIT_PREPARED, "ROLLBACK": Control.ROLLBACK_PREPARED}
_LITERALS = (TokenType.STRING, TokenType.BYTE_STRING, TokenType.HEREDOC_STRING, TokenType.UNICODE_STRING)


def control(statement: Statement) -> Control | None:
    """What the statement does to a transaction; None for any other, SAVEPOINT and RELEASE among them.

    >>> [control(each) for each in statements("END; ROLLBACK WORK TO s; SELECT 1; PREPARE TRANSACTION 'x'")]
    [<Control.COMMIT: 2>, <Control.ROLLBACK_TO: 4>, None, <Control.PREPARE: 5>]
    """
    words = statement.whole_words
    first, second = words[0], words[1] if len(words) > 1 else ""
    if first == "PREPARE":
        return Control.PREPARE if second == "TRANSACTION" else None
    if first == "BEGIN" or (first, second) == ("START", "TRANSACTION"):
        return Control.BEGIN
    if second == "PREPARED" and first in _PREPARED:
        return _PREPARED[first]
    if first == "ROLLBACK" and "TO" in words[1:3]:
        return Control.ROLLBACK_TO
    return _ENDS.get(first)


@lru_cache(maxsize=2048)
def controls(sql: str) -> tuple[Control, ...]:
    """What the statements of a text do to transactions, in their order."""
    return tuple(found for each in statements(sql) if (found := control(each)) is not None)


def ends(sql: str) -> bool:
    """Whether a text holds the end of a transaction."""
    return any(each in ENDINGS for each in controls(sql))


def begins(sql: str) -> bool:
    """Whether a text begins a transaction by itself."""
    return Control.BEGIN in controls(sql)


def isolation_of(statement: Statement) -> Isolation | None:
    """The level that a BEGIN names; None where it names none.

    >>> isolation_of(statements("BEGIN READ ONLY, ISOLATION LEVEL REPEATABLE READ")[0])
    <Isolation.REPEATABLE_READ: 'REPEATABLE READ'>
    """
    words = statement.words
    if "LEVEL" not in words:
        return None
    named = " ".join(words[words.index("LEVEL") + 1 :])
    return next((level for level in Isolation if named.startswith(level.value)), None)


def stands_alone(sql: str) -> bool:
    """Whether a statement of the text refuses to be one of several, which are a transaction block to the server.

    https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT

    >>> stands_alone("CREATE TABLE t (id int); VACUUM t"), stands_alone("SELECT 'VACUUM'")
    (True, False)
    """
    return any(_stands_alone(statement.whole_words) for statement in statements(sql))


def _stands_alone(words: tuple[str, ...]) -> bool:
    if words[0] == "VACUUM":
        return True
    # CREATE, DROP and REINDEX INDEX, ALTER TABLE ... DETACH PARTITION
    return words[0] in ("CREATE", "DROP", "REINDEX", "ALTER") and "CONCURRENTLY" in words


def prepared_name(statement: Statement) -> str | None:
    """The name in PREPARE TRANSACTION, COMMIT PREPARED or ROLLBACK PREPARED."""
    found = _literal(statement)
    return None if found is None else found[1].text


@lru_cache(maxsize=256)
def with_prefix(sql: str, prefix: str) -> str:
    """The same text, with names of prepared transactions that begin with `prefix`: letters, digits, `_` and `:`.

    Such names are one server's and not one run's.

    >>> with_prefix("SELECT 'x'; PREPARE TRANSACTION 'x'; COMMIT PREPARED E'x'", "run:")
    "SELECT 'x'; PREPARE TRANSACTION 'run:x'; COMMIT PREPARED E'run:x'"
    """
    parts, at = [], 0
    for statement in statements(sql):
        found = _literal(statement)
        if found is not None:
            inside = statement.tokens[0].start + found[0] + _opening(statement.text[found[0] :])
            parts += [sql[at:inside], prefix]
            at = inside
    return "".join([*parts, sql[at:]])


def _literal(statement: Statement) -> tuple[int, Token] | None:
    """The name's token, and its place in the statement's text."""
    if control(statement) not in _NAMING:
        return None
    return next(((place, token) for place, token in whole_tokens(statement) if token.token_type in _LITERALS), None)


def _opening(text: str) -> int:
    """How many characters stand before a literal's first own one: `'`, `E'`, `$tag$`."""
    return text.index("$", 1) + 1 if text.startswith("$") else text.index("'") + 1
