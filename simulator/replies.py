"""What a server answers to one statement: results, an error, notices. Shared by every adapter."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.history import Row


@dataclass(frozen=True, slots=True)
class ResultSet:
    """One result of a step; a step of several statements has several."""

    tag: str
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    #: rows affected or returned, None where the command has no such number
    count: int | None = None


@dataclass(frozen=True, slots=True)
class ServerError:
    """An error as the server reported it."""

    sqlstate: str
    message: str
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that is no error; `severity` is NOTICE, WARNING, LOG ..."""

    severity: str
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished statement: everything the server sent until it was ready again."""

    results: tuple[ResultSet, ...]
    error: ServerError | None = None
    #: the result of the statement that was sent before the step in the same round trip
    before: ResultSet | None = None
