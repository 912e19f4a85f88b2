"""Short texts for statements and results: what fits on a bar and is read from the last row."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape

from simulator.history import Row, StatementFinished
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.model import Scalar

ELLIPSIS = "…"

_SELECT = r"""(?:WITH\b.*?\)\s*)?SELECT\s+(?P<what>.+?)\s+FROM\b.*?
    (?P<more>FOR\s+(?:NO\s+KEY\s+)?UPDATE.*|FOR\s+(?:KEY\s+)?SHARE.*)?$"""
_UPDATE = r"""UPDATE\s+(?:ONLY\s+)?\S+(?:\s+(?:AS\s+)?(?!SET\b)\w+)?\s+SET\s+(?P<what>.+?)
    (?:\s+(?:WHERE|FROM|RETURNING)\b.*)?$"""
_VALUES = r"""INSERT\s+INTO\s+(?P<what>[^\s(]+)\s*(?:\([^)]*\))?\s*VALUES\s*(?P<more>\(.*?\))
    (?:\s+(?:ON|RETURNING)\b.*)?$"""
#: Verb and statement: the first that matches gives `VERB what more`.
_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (verb, re.compile(pattern, re.IGNORECASE | re.DOTALL | re.VERBOSE))
    for verb, pattern in (
        ("SELECT", _SELECT),
        ("UPDATE", _UPDATE),
        ("INSERT", _VALUES),
        ("INSERT", r"INSERT\s+INTO\s+(?P<what>[^\s(]+)(?P<more>)"),
        ("DELETE", r"DELETE\s+FROM\s+(?:ONLY\s+)?(?P<what>\S+)(?P<more>)"),
    )
)


def bound(sql: str, parameters: Iterable[tuple[str, Scalar]]) -> str:
    """The statement with its `:name`s replaced by their values, for reading only: never sent anywhere.

    >>> bound("UPDATE a SET balance = :new + 1", [("new", 100)])
    'UPDATE a SET balance = 100 + 1'
    """
    for name, value in parameters:
        shown = literal(value).replace("\\", r"\\")
        sql = re.sub(rf"(?<!:):{re.escape(name)}\b", shown, sql)
    return sql


def literal(value: Scalar) -> str:
    """A value as SQL writes it.

    >>> literal("O'Hara"), literal(None), literal(True), literal(3)
    ("'O''Hara'", 'NULL', 'true', '3')
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def short_sql(sql: str) -> str:
    """What the statement does, without its WHERE.

    >>> short_sql("SELECT balance FROM accounts WHERE id = 1 FOR UPDATE")
    'SELECT balance FOR UPDATE'
    >>> short_sql("update accounts set balance = 120 where id = 1;")
    'UPDATE balance = 120'
    >>> short_sql("COMMIT")
    'COMMIT'
    """
    statements = [text for text in (" ".join(part.split()) for part in sql.split(";")) if text]
    if not statements:
        return ""
    rest = f" {ELLIPSIS}" if len(statements) > 1 else ""
    for verb, pattern in _SHAPES:
        if match := pattern.match(statements[0]):
            parts = match.groupdict(default="")
            return " ".join(filter(None, (verb, parts["what"], parts.get("more", "")))) + rest
    return statements[0] + rest


def short_result(finished: StatementFinished) -> str:
    """What came back, in a few characters; empty where the statement says it all (`COMMIT`, `UPDATE 1`)."""
    if finished.columns:
        return rows_text(finished.rows)
    verb, _space, count = finished.tag.rpartition(" ")
    affected = int(count) if count.isdigit() else None
    if affected is None or affected == 1 or not verb:
        return ""
    return ngettext("{n} row", "{n} rows", affected).format(n=affected)


def rows_text(rows: Sequence[Row]) -> str:
    """Rows on one line: the value of a single row, how many of several.

    >>> rows_text([(100,)]), rows_text([(1, "a")]), rows_text([]), rows_text([(1,), (2,)])
    ('100', '1, a', 'no rows', '1 | 2')
    """
    if not rows:
        return _("no rows")
    shown = [", ".join(cell(value) for value in row) for row in rows]
    joined = " | ".join(shown)
    if len(rows) == 1 or width(joined) <= 16:
        return joined
    return ngettext("{n} row", "{n} rows", len(rows)).format(n=len(rows))


def cell(value: Scalar) -> str:
    """A value as a result table shows it."""
    return value if isinstance(value, str) else literal(value)


def width(text: str) -> int:
    """Columns that the text takes in a fixed-width font; Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, columns: int) -> str:
    """The text, or as much of it as fits with an ellipsis.

    >>> cut("UPDATE balance = 120", 10)
    'UPDATE ba…'
    """
    # No character is narrower than a column: what lies behind so many need not be measured.
    text = text[: columns + 1]
    if width(text) <= columns:
        return text
    while text and width(text) > columns - 1:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS


def markup(text: str) -> str:
    """The text as Plotly must be given it: its own tags and entities taken for characters."""
    return escape(text, quote=False)
