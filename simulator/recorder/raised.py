"""What is kept of an exception: its words for people, its classes and SQLSTATE for whoever has to decide."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.exc import StatementError

from simulator.errors import one_line


class Raised(NamedTuple):
    """Of one exception; every field is "" where there is no such thing."""

    #: class and message, in one line
    error: str = ""
    error_class: str = ""
    #: class of what SQLAlchemy wrapped: the driver's own, or what was raised on the way to it (`MissingGreenlet`)
    cause_class: str = ""
    sqlstate: str = ""


def raised(error: BaseException) -> Raised:
    """Of this one. psycopg2 knows no SQLSTATE of a connection that the server ended."""
    inside = error.orig if isinstance(error, StatementError) else None
    told = error if inside is None else inside
    state = getattr(told, "sqlstate", None) or getattr(told, "pgcode", None)
    cause = type(inside).__name__ if inside is not None else ""
    return Raised(describe(error), type(error).__name__, cause, state or "")


def describe(error: BaseException) -> str:
    """Class and message in one line."""
    message = one_line(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
