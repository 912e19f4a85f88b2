"""A value as SQL writes it, and as a person reads it."""

from __future__ import annotations

from math import isfinite

from simulator.model import Scalar

#: Characters of a value in a sentence, and how many of them are its last ones: two long values may differ there.
MAX_BRIEF, LAST = 60, 19


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


def operand(value: Scalar) -> str:
    """A literal that may stand behind any operator: `1 - -1` is a comment without its space."""
    if isinstance(value, float) and not isfinite(value):
        return f"CAST('{value}' AS DOUBLE PRECISION)"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    text = literal(value)
    return text if isinstance(value, str) or not text.startswith("-") else f"({text})"


def cell(value: Scalar) -> str:
    """A value as a result table shows it.

    >>> cell("O'Hara"), cell(None)
    ("O'Hara", 'NULL')
    """
    return value if isinstance(value, str) else literal(value)


def brief(value: Scalar) -> str:
    """A value inside of a sentence: cut in its middle where it is long, and never nothing.

    >>> brief(""), brief(None), brief("ab" * 10_000 + "c")
    ("''", 'NULL', 'abababababababababababababababababababab…bababababababababac')
    """
    text = cell(value) or "''"
    return text if len(text) <= MAX_BRIEF else f"{text[: MAX_BRIEF - LAST - 1]}…{text[-LAST:]}"
