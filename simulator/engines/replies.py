"""What a server answers to one statement: results, an error, notices. Shared by every adapter."""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulator.history.words import CutKind
from simulator.model import Row


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
    #: ERROR; FATAL where the server closes the connection after it
    severity: str = "ERROR"
    #: all of it as libpq puts it together, for who prints what a terminal would show
    report: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that is no error; `severity` is NOTICE, WARNING, LOG ..."""

    severity: str
    text: str
    detail: str = ""
    #: all of it as libpq puts it together
    report: str = ""
    #: how many results of its step had been taken in before it
    after: int = 0


@dataclass(frozen=True, slots=True)
class Notification:
    """What LISTEN asked for and NOTIFY sent; `backend` is the sender's number."""

    channel: str
    payload: str
    backend: int


@dataclass(frozen=True, slots=True)
class Cut:
    """How much was kept, of how much (None: nobody knows)."""

    kind: CutKind
    kept: int
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished statement: everything the server sent until it was ready again."""

    results: tuple[ResultSet, ...]
    error: ServerError | None = None
    #: the result of the statement that was sent before the step in the same round trip
    before: ResultSet | None = None
    #: what was left out of it
    cuts: tuple[Cut, ...] = ()
    #: NOTIFY messages that came with it, also those that had come while the session was idle
    notifications: tuple[Notification, ...] = ()


@dataclass(frozen=True, slots=True)
class DeadlockWait:
    """One edge of a deadlock as PostgreSQL reports it: server processes, and the lock as in a `Block`."""

    waiter: int
    lock: str
    blocker: int


_WAIT = re.compile(r"^Process (\d+) waits for (\w+) on (.+); blocked by process (\d+)\.$", re.MULTILINE)


def deadlock_waits(detail: str) -> tuple[DeadlockWait, ...]:
    """The waits that the DETAIL of a 40P01 names, the victim's first.

    >>> deadlock_waits("Process 7 waits for ShareLock on transaction 745; blocked by process 8.")
    (DeadlockWait(waiter=7, lock='transactionid 745 (ShareLock)', blocker=8),)
    """
    return tuple(
        DeadlockWait(int(waiter), f"{_WORDS.sub('transactionid ', target)} ({mode})", int(blocker))
        for waiter, mode, target, blocker in _WAIT.findall(detail)
    )


#: pg_locks has another word for it than the report.
_WORDS = re.compile(r"^transaction (?=\d)")
