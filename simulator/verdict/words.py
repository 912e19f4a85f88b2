"""Words in SQL that say how a transaction may be run again, and what of its answers may differ between two runs.

Where a word too many costs only time, or a second run, it counts wherever it stands, in a function's body and in a
quote too. What excuses a difference has to stand for itself. Functions are those of PostgreSQL 18's manual, chapter 9.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from simulator.sql.words import Token, TokenType, statements, whole_tokens

#: What the server will not do, undo or repeat inside of another transaction, or what outlives the one it stands in:
#: utilities, settings, prepared statements, temporary tables, cursors, constraints checked late, locks of a session,
#: the transaction's own id, time and level, numbers of the catalogue, and code that may end transactions by itself.
_NOT_NESTED = re.compile(
    r"\b(VACUUM|ANALYZE|CLUSTER|REINDEX|CONCURRENTLY|CHECKPOINT|DISCARD|LISTEN|UNLISTEN|NOTIFY|LOAD"
    r"|SET\s+(?!\w+\s*=|\(|\"?\w+\"?\s*=)|RESET|set_config"
    r"|BEGIN|START|COMMIT|ROLLBACK(?!\s+(WORK\s+|TRANSACTION\s+)?TO\b)|END\s*;|ABORT|CALL|DO\s*\$|PREPARE|EXECUTE|DEALLOCATE"
    r"|TEMP|TEMPORARY|CURSOR|DECLARE|FETCH|MOVE|CLOSE|DEFERR\w+"
    r"|pg_\w*advisory\w*|txid\w*|pg_current\w*|pg_snapshot\w*|pg_export\w*|currval|lastval"
    r"|now|CURRENT_\w+|LOCALTIME\w*|(transaction|statement)_timestamp|pg_backend_pid|tableoid|oid|to_reg\w+|reg\w+|[xc]m(?:in|ax)|lo_\w+|SHOW|pg_settings)\b",
    re.IGNORECASE,
)

#: Changes what relations there are: what a nested transaction is compared by would change under it.
_DEFINITION = re.compile(
    r"\b(CREATE|ALTER|DROP|TRUNCATE|COMMENT|GRANT|REVOKE|REFRESH|SELECT\s.*\sINTO)\b", re.IGNORECASE | re.DOTALL
)

#: Numbers of sequences, which another run gives again where the sequences stand as they stood.
_NUMBERED = re.compile(r"serial|identity|nextval|currval|lastval|setval|sequence|last_value", re.IGNORECASE)

#: A value that another run need not give again: times, identifiers, what is thrown, what the server keeps of itself.
_GENERATED = re.compile(
    r"\b(now|today|tomorrow|yesterday|age)\b|current_|localtime|_timestamp|timeofday"
    r"|random|uuid|array_sample|array_shuffle|tablesample|xact_id|txid|snapshot"
    r"|\b[xc]m(in|ax)\b|\bctid\b|oid\b|reg(?:class|type|proc\w*|namespace|role|oper\w*)\b|backend_pid|inet_|\blo_"
    r"|\bpg_(?!catalog\b|sleep|advisory|try_advisory)|version\(|explain|information_schema",
    re.IGNORECASE,
)

_CLOCK = re.compile(r"\bnow\b|current_(date|time)|localtime|_timestamp|timeofday|\bage\s*\(", re.IGNORECASE)
_ROUNDS = re.compile(
    r"date_trunc|date_bin|to_char|extract|date_part|\(0\)|::\s*(date|time|int)|_time\s*\(", re.IGNORECASE
)

#: Numbers that name something: processes, transactions, objects, places.
_IDENTIFIER = re.compile(
    r"xact_id|txid|snapshot|\b[xc]m(in|ax)\b|\bctid\b|oid\b|\breg\w+|pid\b|to_char|\blo_|\bpg_(?!catalog\b|sleep|advisory)",
    re.IGNORECASE,
)
#: Numbers that are reckoned from times.
_RECKONED = re.compile(
    r"\b(extract|date_part|epoch|age)\b|to_char\b.*(::|\bAS)\s*(int|bigint|smallint|num|dec|real|float|double)",
    re.IGNORECASE,
)
_LARGE_OBJECT = re.compile(r"\blo_\w+\s*\(|\blo(read|write)\s*\(", re.IGNORECASE)

_THROWN = re.compile(r"\b(random\w*|array_sample|array_shuffle|tablesample)\b", re.IGNORECASE)

#: Asks the server about itself: who waits, who runs, which locks are held. No order of transactions can repeat it.
_ABOUT_SERVER = re.compile(
    r"PG_(LOCKS|STAT_\w+|BLOCKING_PIDS|SAFE_SNAPSHOT\w*|PREPARED_XACTS|CURSORS|LOCK_STATUS|ISOLATION_TEST\w*"
    r"|PREPARED_STATEMENTS|(CURRENT_)?SNAPSHOT\w*|VISIBLE_IN_SNAPSHOT)|TXID_(CURRENT_)?SNAPSHOT\w*"
)
#: What stands before the name of a relation.
_BEFORE_RELATION = ("FROM", "JOIN", "TABLE", "ONLY", ",", ".")
_TRY_LOCK = re.compile(r"PG_TRY_ADVISORY\w*")

_NOT_MVCC_SAFE = re.compile(r"\b(TRUNCATE|ALTER\s+TABLE)\b", re.IGNORECASE)
_ON_CONFLICT = re.compile(r"\bON\s+CONFLICT\b", re.IGNORECASE)

#: Kept by a session whose transaction is rolled back: prepared statements, locks, what `currval` tells, a seed.
_OUTLIVES = re.compile(r"\bPREPARE\b(?!\s+TRANSACTION)|advisory_(un)?lock|nextval|setseed", re.IGNORECASE)
_COMPARES = re.compile(r"[<>]|\bBETWEEN\b|\bleast\b|\bgreatest\b|tstzrange", re.IGNORECASE)

#: Left behind by a statement that failed, outside of any transaction.
_LEAVES_REMAINS = re.compile(r"\b(CONCURRENTLY|dblink\w*)\b", re.IGNORECASE)
#: A function's body: between dollars, or in quotes.
_BODIES = (TokenType.HEREDOC_STRING, TokenType.STRING, TokenType.RAW_STRING)


def nestable(setup: Iterable[str], steps: Iterable[str]) -> bool:
    """Whether all of it can be run, and taken back, inside of one transaction."""
    steps = tuple(steps)
    if any(statement.words[0] == "SET" for step in steps for statement in statements(step)):
        return False
    return not (any(map(_NOT_NESTED.search, (*setup_bodies(setup), *steps))) or any(map(_DEFINITION.search, steps)))


def setup_bodies(setup: Iterable[str]) -> tuple[str, ...]:
    """The setups that make something which acts later: functions, triggers, rules, constraints that are deferred."""
    return tuple(
        text for text in setup if re.search(r"FUNCTION|PROCEDURE|TRIGGER|RULE|DEFERR|VIEW|DEFAULT", text, re.IGNORECASE)
    )


def generates(texts: Iterable[str]) -> bool:
    """Whether some value may be another one in another run, be it only the number of a sequence."""
    texts = tuple(texts)
    return any(map(_NUMBERED.search, texts)) or generates_more(texts)


def generates_more(texts: Iterable[str]) -> bool:
    """Whether it may be, and not as the number of a sequence."""
    return any(map(_GENERATED.search, texts))


def rounds_time(texts: Iterable[str]) -> bool:
    """Whether a time may be cut off, so that two runs within a second give the same."""
    return any(_CLOCK.search(text) and _ROUNDS.search(text) for text in texts)


def identifies(texts: Iterable[str]) -> bool:
    """Whether numbers that differ between two runs are identifiers, from which nothing else is reckoned."""
    texts = tuple(texts)
    reckoned = any(_THROWN.search(text) or _RECKONED.search(text) for text in texts)
    return not reckoned and any(map(_IDENTIFIER.search, texts))


def keeps_large_objects(texts: Iterable[str]) -> bool:
    """Whether something may be stored as a large object, outside of the schema."""
    return any(map(_LARGE_OBJECT.search, texts))


def throws(texts: Iterable[str]) -> bool:
    """Whether chance takes part."""
    return any(map(_THROWN.search, texts))


def asks_server(sql: str) -> bool:
    """Whether the statement asks about sessions and locks, which no serial run has.

    >>> asks_server("SELECT count(*) FROM pg_locks"), asks_server("SELECT id FROM job WHERE kind = 'explain'")
    (True, False)
    """
    return any(words[0] == "EXPLAIN" or _named(words, _ABOUT_SERVER) for words in _words(sql))


def asks_only_server(sql: str) -> bool:
    """Whether such a statement reads nothing else: a plan, or relations of the catalogue.

    >>> asks_only_server("SELECT count(*) FROM pg_locks"), asks_only_server("SELECT v, pg_blocking_pids(1) FROM job")
    (True, False)
    """
    for words in _words(sql):
        read = [word for before, word in pairwise(words) if before in ("FROM", "JOIN", "UPDATE", "INTO", "TABLE")]
        if words[0] != "EXPLAIN" and not all(word.startswith(("PG_", "(", "INFORMATION_SCHEMA")) for word in read):
            return False
    return True


def unwilling(sql: str, functions: Iterable[str] = ()) -> bool:
    """Whether the statement would rather do without than wait; `functions` do, when they are called.

    >>> unwilling("LOCK job NOWAIT"), unwilling("SELECT id FROM job WHERE mode = 'nowait'")
    (True, False)
    """
    return any(
        "NOWAIT" in words
        or ("SKIP", "LOCKED") in pairwise(words)
        or any(_TRY_LOCK.fullmatch(word) and sign == "(" for word, sign in pairwise(words))
        for words in _words(sql)
    ) or calls(sql, functions)


def calls(sql: str, names: Iterable[str]) -> bool:
    """Whether one of these functions is called, or one of these views read."""
    known = [re.escape(name.upper()) for name in names]
    pattern = re.compile("|".join(known))
    return bool(known) and any(_named(words, pattern) for words in _words(sql))


def made(setup: Iterable[str], holds: Callable[[str], bool]) -> tuple[str, ...]:
    """Names of the setup's functions and views in whose text this holds.

    >>> made(["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 FROM t FOR UPDATE NOWAIT $$"], unwilling)
    ('f',)
    """
    found = []
    for statement in (each for text in setup for each in statements(text)):
        if statement.words[0] != "CREATE":
            continue
        kind = next((i for i, word in enumerate(statement.words) if word in ("FUNCTION", "PROCEDURE", "VIEW")), None)
        bodies = [token.text for token in statement.tokens if token.token_type in _BODIES]
        if kind is not None and any(map(holds, bodies or [statement.text])):
            names = [token.text for token in statement.tokens[kind + 1 :]]
            qualified = len(names) > 1 and names[1] == "."
            found.append(names[2] if qualified else names[0])
    return tuple(found)


def unquoted(words: Iterable[Token]) -> tuple[Token, ...]:
    """Those that stand for themselves: no string."""
    return tuple(token for token in words if not token.token_type.name.endswith("STRING"))


def _words(sql: str) -> Iterator[tuple[str, ...]]:
    """Of each statement the words and signs that stand for themselves."""
    for statement in statements(sql):
        own = unquoted(token for _place, token in whole_tokens(statement))
        yield tuple(token.text.upper() for token in own)


def _named(words: Sequence[str], names: re.Pattern[str]) -> bool:
    """Whether one of these names is that of a relation, or of a function that is called."""
    return any(
        names.fullmatch(word) is not None and (before in _BEFORE_RELATION or behind == "(")
        for before, word, behind in zip(("", *words), words, (*words[1:], ""), strict=False)
    )


def not_mvcc_safe(sql: str) -> bool:
    """Whether the statement empties or rewrites a table for snapshots that are older than it, too."""
    return _NOT_MVCC_SAFE.search(sql) is not None


def checks_unique(sql: str) -> bool:
    """Whether the statement asks a unique index and not its snapshot."""
    return _ON_CONFLICT.search(sql) is not None


def outlives(sql: str) -> bool:
    """Whether the statement changes something of its session that the end of its transaction does not take back."""
    return _OUTLIVES.search(sql) is not None


def compares_time(sql: str) -> bool:
    """Whether what the statement finds depends on how late it is.

    >>> compares_time("SELECT id FROM lease WHERE until < now()"), compares_time("UPDATE lease SET until = now()")
    (True, False)
    """
    return _CLOCK.search(sql) is not None and _COMPARES.search(sql) is not None


def leaves_remains(sql: str) -> bool:
    """Whether the statement leaves something behind where it fails."""
    return _LEAVES_REMAINS.search(sql) is not None
