"""A statement in a few words, for what has little room: the row that it is about, and what it does with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from simulator.sql.words import Statement, Token, TokenType, can_be_cut, statements

#: (table, row by its id, both as the SQL writes them) -> what people call that row: `Ada`
RowNames = Mapping[tuple[str, str], str]
NO_NAMES: RowNames = MappingProxyType({})

#: Characters of a text that are looked at.
MAX_READ = 2_000
#: What is longer is no scenario of ours, and not kept for the next who runs it.
_LONGEST_KEPT = 500
#: What may close a text that was cut off in the middle of a quote or comment.
_CLOSINGS = ("", "'", '"', "*/")
_OPEN = frozenset((TokenType.L_PAREN, TokenType.L_BRACKET))
_CLOSE = frozenset((TokenType.R_PAREN, TokenType.R_BRACKET))


def short_sql(sql: str, names: RowNames = NO_NAMES) -> str:
    """What the first statement does, and with which row; `…` where others follow.

    >>> short_sql("SELECT balance FROM wallet WHERE id = 1 FOR UPDATE")
    'wallet 1: balance FOR UPDATE'
    >>> short_sql("update wallet set balance = balance - 20 where id = 1;")
    'wallet 1: balance − 20'
    >>> short_sql("UPDATE agent SET on_call = false WHERE id = 1", {("agent", "1"): "Ada"})
    'Ada: on_call = false'
    >>> short_sql("COMMIT")
    'COMMIT'
    """
    return _label(sql).called(names)


def brief_sql(sql: str, names: RowNames = NO_NAMES) -> str:
    """The same where there is little room: no condition, no values, a function without its arguments.

    >>> brief_sql("SELECT id FROM job WHERE state = 'queued' FOR UPDATE SKIP LOCKED")
    'job FOR UPDATE SKIP LOCKED'
    >>> brief_sql("UPDATE prompt SET body = 'Be kind and brief.' WHERE id = 2")
    'prompt 2: body ='
    >>> brief_sql("UPDATE wallet SET balance = 100 + 30, version = version + 1 WHERE id = 1")
    'wallet 1: balance, version'
    >>> brief_sql("ALTER TABLE conversation ADD COLUMN summary text")
    'ALTER TABLE conversation'
    >>> brief_sql("SET TRANSACTION READ ONLY, DEFERRABLE")
    'READ ONLY, DEFERRABLE'
    >>> brief_sql("SELECT pg_try_advisory_xact_lock(hashtext(current_schema()), 1) AS got")
    'pg_try_advisory_xact_lock()'
    """
    return _label(sql).briefly(names)


def row_named(sql: str) -> str:
    """The one row that the statement names by its id; "" where it names none, or several.

    >>> row_named("UPDATE wallet SET balance = 1 WHERE id = 2"), row_named("DELETE FROM wallet WHERE balance = 0")
    ('wallet 2', '')
    """
    label = _label(sql)
    return f"{label.table} {label.row}" if label.row and not set(label.row) & set(",(") else ""


class _Label(NamedTuple):
    """`{before}{row of table}{after}`; `less` is what is left of `after` where there is little room."""

    before: str = ""
    table: str = ""
    row: str = ""
    after: str = ""
    less: str = ""

    def called(self, names: RowNames) -> str:
        return self.before + names.get((self.table, self.row), f"{self.table} {self.row}".strip()) + self.after

    def briefly(self, names: RowNames) -> str:
        if not self.table:
            return _plainly(self.before) + self.less
        return self._replace(row="" if self.row.startswith("(") else self.row, after=self.less).called(names)


#: Characters of what is read that are kept where there is little room.
_FEW = 16
#: What is told of a statement that is none of those below, where there is little room.
_FUNCTION = re.compile(r"SELECT (\w+)\(")
_MODE = re.compile(r"SET (?:TRANSACTION|LOCAL) (.+)")
_DEFINITION = re.compile(r"(?:ALTER|CREATE|DROP|LOCK|TRUNCATE) \S+ \S+")


def _plainly(text: str) -> str:
    if found := _FUNCTION.match(text):
        return f"{found[1]}()"
    if found := _MODE.match(text):
        return found[1]
    found = _DEFINITION.match(text)
    return found[0] if found else text


def _label(sql: str) -> _Label:
    whole = sql[:MAX_READ]
    return _kept(whole) if len(whole) <= _LONGEST_KEPT else _short(whole)


@lru_cache(maxsize=512)
def _kept(whole: str) -> _Label:
    return _short(whole)


def _short(whole: str) -> _Label:
    text = next((text for text in (whole + closing for closing in _CLOSINGS) if can_be_cut(text)), "")
    found = statements(text)
    if not found:
        return _Label(" ".join(whole.replace(";", " ").split()))
    label = _told(_Reader(text, found[0])) or _Label(" ".join(found[0].text.split()))
    return label._replace(after=f"{label.after} …", less=f"{label.less} …") if len(found) > 1 else label


class _Reader:
    """The words of one statement that stand in no brackets, and what stands between two of them."""

    def __init__(self, sql: str, statement: Statement) -> None:
        self._sql = sql
        self._tokens = statement.tokens
        self._outer = tuple(_outside(statement.tokens))
        self.words = tuple(self._tokens[place].text.upper() for place in self._outer)

    def find(self, *words: str, after: int = -1) -> int | None:
        """Place among the outer words of the first that is one of these."""
        return next((i for i in range(after + 1, len(self.words)) if self.words[i] in words), None)

    def between(self, start: int, end: int | None) -> str:
        """The text from one outer word up to another (None: the statement's end), on one line."""
        first = self._outer[start]
        last = len(self._tokens) if end is None else self._outer[end]
        if first >= last:
            return ""
        return " ".join(self._sql[self._tokens[first].start : self._tokens[last - 1].end + 1].split())

    def name(self, start: int) -> str:
        """A table's name, with its schema and quotes: what is written in one piece."""
        first = self._outer[start]
        last = first
        while last + 1 < len(self._tokens) and self._joined(last):
            last += 1
        return self._sql[self._tokens[first].start : self._tokens[last].end + 1]

    def _joined(self, place: int) -> bool:
        token, following = self._tokens[place], self._tokens[place + 1]
        return following.start == token.end + 1 and following.token_type not in _OPEN | _CLOSE


def _outside(tokens: Sequence[Token]) -> list[int]:
    depth, found = 0, []
    for place, token in enumerate(tokens):
        depth -= token.token_type in _CLOSE
        if depth <= 0 and token.token_type not in _CLOSE:
            found.append(place)
        depth += token.token_type in _OPEN
    return found


def _told(read: _Reader) -> _Label | None:
    start = read.find("SELECT") if read.words[0] == "WITH" else 0
    if start is None or start + 1 >= len(read.words):
        return None
    match read.words[start]:
        case "SELECT":
            return _select(read, start)
        case "UPDATE":
            return _update(read, start)
        case "INSERT" if read.words[1] == "INTO" and len(read.words) > 2:
            return _Label("INSERT ", read.name(2), "", _insert(read))
        case "DELETE" if read.words[1] == "FROM":
            return _delete(read)
    return None


def _select(read: _Reader, start: int) -> _Label | None:
    source = read.find("FROM", after=start)
    if source is None or source == start + 1:
        return None
    lock = next(
        (i for i in range(source, len(read.words)) if read.words[i] == "FOR" and _is_lock(read.words[i + 1 : i + 4])),
        None,
    )
    strength = "" if lock is None else f" {read.between(lock, None)}"
    what = read.between(start + 1, source)
    about = _about(read, source + 1, lock)
    if about is None:
        return _Label(f"SELECT {what}{strength}")
    return _Label("", *about, f": {what}{strength}", strength or (f": {what}" if len(what) <= _FEW else ""))


def _is_lock(words: Sequence[str]) -> bool:
    return words[:1] in (("UPDATE",), ("SHARE",)) or words[:2] == ("KEY", "SHARE") or words == ("NO", "KEY", "UPDATE")


def _update(read: _Reader, start: int) -> _Label | None:
    begins = read.find("SET", after=start)
    if begins is None or begins + 1 >= len(read.words):
        return None
    what = read.between(begins + 1, read.find("WHERE", "FROM", "RETURNING", after=begins + 1))
    what = ", ".join(_SELF.sub(_shorter, each) for each in what.split(", "))
    at = start + 2 if read.words[start + 1] == "ONLY" else start + 1
    about = _about(read, at, None)
    if about is None:
        return _Label(f"UPDATE {what}")
    each = what.split(", ")
    # Of several the names alone: a value beside another one's name reads as that one's.
    name = r"\1" if len(each) > 1 else r"\1 ="
    less = what if len(what) <= _FEW else ", ".join(_COLUMN.sub(name, one) for one in each)
    return _Label("", *about, f": {what}", f": {less}")


#: What is assigned to, and its value.
_COLUMN = re.compile(r"^(\w+) [=+−] .*$")
#: `balance = balance - 20`
_SELF = re.compile(r"(\w+) = \1 ([-+]) (.+)")


def _shorter(assignment: re.Match[str]) -> str:
    column, sign, amount = assignment.groups()
    return f"{column} {'−' if sign == '-' else '+'} {amount}"


def _delete(read: _Reader) -> _Label | None:
    at = 3 if read.words[2:3] == ("ONLY",) else 2
    if at >= len(read.words):
        return None
    about = _about(read, at, None)
    return _Label("DELETE ", *(about or (read.name(at), "")))


def _insert(read: _Reader) -> str:
    values = read.find("VALUES", after=2)
    if values is None or values + 1 >= len(read.words):
        return ""
    return f" {read.between(values + 1, read.find('ON', 'RETURNING', after=values))}"


#: What may follow a condition; the reader of words takes some as one.
_AFTER_WHERE = (
    *("ORDER", "ORDER BY", "GROUP", "GROUP BY", "HAVING", "LIMIT", "OFFSET", "FETCH", "RETURNING"),
    *("UNION", "INTERSECT", "EXCEPT"),
)
#: More than one table, or none.
_MORE_TABLES = ("JOIN", "USING", ",", "(")


def _about(read: _Reader, at: int, end: int | None) -> tuple[str, str] | None:
    """The table whose name stands there, and its row by id or by condition; `end`: what follows the condition, at most.

    None where it is not one table, or values are not in the text.
    """
    where = read.find("WHERE", after=at)
    until = read.find(*_AFTER_WHERE, after=at if where is None else where)
    ends = [place for place in (read.find("SET", after=at), where, until, end) if place is not None]
    tables = read.words[at : min(ends, default=None)]
    if not tables or any(word in _MORE_TABLES for word in tables):
        return None
    if where is None:
        return read.name(at), ""
    condition = read.between(where + 1, min((place for place in (until, end) if place is not None), default=None))
    if not condition or _PLACEHOLDER.search(condition):
        return None
    return read.name(at), next(_ids(condition), f"({condition})")


#: A value that a driver fills in: `%(id)s`, `$1`, `:id`
_PLACEHOLDER = re.compile(r"%\(|%s|\$\d|(?<!:):[A-Za-z_]|\?")
_ID = re.compile(r"(?:\w+\.)?id (?:= ('[^']*'|\d+)|IN \(([^()]*)\))", re.IGNORECASE)


def _ids(condition: str) -> Iterator[str]:
    """The row's id, or the rows', where the condition names them before all else."""
    for part in re.split(r"\s+AND\s+", condition, flags=re.IGNORECASE):
        if found := _ID.fullmatch(part):
            yield (found[1] or found[2]).strip("'")
