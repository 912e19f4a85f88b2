"""What one client was told, as a web framework would tell it: 200 with an answer, or 500."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import StatementError

from simulator.labs.mistakes.entry import OK


@dataclass(frozen=True, slots=True)
class Told:
    """One client's answer."""

    client: str
    #: an HTTP status: 200 where the request ended without an exception
    status: int
    #: what the request returned, as text
    answer: str = ""
    #: class of the exception that ended it: `DetachedInstanceError`; "" without one
    error: str = ""
    #: the message's first line
    message: str = ""
    #: class of the exception that SQLAlchemy wrapped, mostly the driver's own: `DeadlockDetected`
    cause: str = ""
    #: the database's code for it: `40P01`
    sqlstate: str = ""

    @property
    def outcome(self) -> str:
        """`OK` or the exception's class, as in `Expected.told`."""
        return self.error or (OK if self.status < 400 else str(self.status))


def answered(client: str, answer: object) -> Told:
    """The request returned."""
    return Told(client, 200, answer="" if answer is None else str(answer))


def failed(client: str, error: BaseException) -> Told:
    """The request raised."""
    original = error.orig if isinstance(error, StatementError) else None
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return Told(
        client,
        500,
        error=type(error).__name__,
        message=next(iter(str(error).splitlines()), ""),
        cause=type(original).__name__ if original is not None else "",
        sqlstate=state or "",
    )
