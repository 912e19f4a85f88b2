"""What one client was told, as a web framework would tell it: 200 with an answer, or 500."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.recorder.raised import raised

#: The outcome of a client that was answered; every other outcome is the name of an exception's class.
OK = "ok"
#: In `Expected.told`: exceptions whose class is not named there.
ANY_ERROR = "any error"


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
    told = raised(error)
    return Told(
        client,
        500,
        error=told.error_class,
        message=next(iter(str(error).splitlines()), ""),
        cause=told.cause_class,
        sqlstate=told.sqlstate,
    )
