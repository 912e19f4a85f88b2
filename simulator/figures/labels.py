"""Short texts for results: what fits on a bar and is read from the last row."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from html import escape

from simulator.history.schedule import StatementFinished
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.model import Row
from simulator.sql.values import cell

ELLIPSIS = "…"
#: Columns of a result that are few.
FEW = 16
#: Digits of a number of rows.
MAX_DIGITS = 18


def short_result(finished: StatementFinished) -> str:
    """What came back, in a few characters; empty where the statement says it all (`COMMIT`, `UPDATE 1`)."""
    if finished.columns:
        return rows_text(finished.rows)
    affected = count(finished.tag)
    if affected is None or affected == 1:
        return ""
    return ngettext("{n} row", "{n} rows", affected).format(n=affected)


def brief_result(finished: StatementFinished) -> str:
    """The same where there is little room: of much, how many rows it is."""
    text, rows = short_result(finished), len(finished.rows)
    return text if width(text) <= FEW else ngettext("{n} row", "{n} rows", rows).format(n=rows)


def count(tag: str) -> int | None:
    """Rows of a command tag; None where it says none, as `COMMIT`, or is no tag of a server's.

    >>> count("INSERT 0 3"), count("COMMIT"), count("UPDATE ²")
    (3, None, None)
    """
    verb, _space, number = tag.rpartition(" ")
    return int(number) if verb and number.isdecimal() and len(number) <= MAX_DIGITS else None


def rows_text(rows: Sequence[Row]) -> str:
    """Rows on one line: the value of a single row, how many of several.

    >>> rows_text([(100,)]), rows_text([(1, "a")]), rows_text([]), rows_text([(1,), (2,)])
    ('100', '1, a', 'no rows', '1 | 2')
    """
    if not rows:
        return _("no rows")
    shown = [", ".join(cell(value) for value in row) for row in rows]
    joined = " | ".join(shown)
    if len(rows) == 1 or width(joined) <= FEW:
        return joined
    return ngettext("{n} row", "{n} rows", len(rows)).format(n=len(rows))


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
