"""What every event has: its place in the order, its time, and whom it concerns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something seen at `at_ns` (`time.monotonic_ns()`); `seq` counts from 0 and gives the order."""

    seq: int
    at_ns: int
    #: session name, or None for what concerns the whole run
    session: str | None = None
    #: step key (`T1.read`), or None
    step: str | None = None
    #: transaction name: `T1`, its second attempt `T1#2`; of a session's second transaction `T1:2` and `T1:2#2`
    transaction: str | None = None
    #: name of the request in whose course it was seen; None outside of one, and in schedules
    request: str | None = None
    #: number of the pool slot whose connection it concerns, from 1; None where there is none
    slot: int | None = None


def session_of(transaction: str) -> str:
    """The session of a transaction in a schedule's history, by its name.

    >>> session_of("T1"), session_of("T1#2"), session_of("T1:2#2")
    ('T1', 'T1', 'T1')
    """
    return transaction.partition("#")[0].partition(":")[0]
