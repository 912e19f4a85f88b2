"""Who held the pool: connections out of it by kind of request and line of code, and what they did there.

A hold is one connection from its checkout to its return. Its time is SQL (statements, COMMIT, ROLLBACK), idle in
transaction (between the first statement that a BEGIN precedes and the command that ends the transaction, while nothing
is sent), or idle without a transaction. Read off the application's own events, so without the server's samples.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import NamedTuple

from simulator.traces.critical import AWAY, lock_waits
from simulator.traces.spans import Ending, Hold, Request, Span, Statement, Trace


class Cause(StrEnum):
    """Why a connection was out for so long: what took most of the time of it."""

    #: an LLM, or other work that the application named, while the connection was held
    AWAY = "away"
    #: the application itself, between two statements or after the last one
    IDLE = "idle"
    #: statements that waited for a lock (sampled)
    LOCK = "lock"
    #: statements and COMMIT
    SQL = "sql"
    #: it was not given back as long as anybody looked
    KEPT = "kept"


class Use(NamedTuple):
    """One hold; milliseconds."""

    request: Request
    #: `kinds.py:41 save_message` of its first statement, "" where none was seen
    line: str
    held_ms: float
    sql_ms: float
    idle_ms: float
    #: of the idle time, what lay within work that the application named
    away_ms: float
    #: of the SQL, what was seen to wait for a lock
    lock_ms: float
    #: nobody was seen to give it back
    kept: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """All holds of one kind of request at one line of code; milliseconds, together unless said otherwise."""

    key: str
    title: str
    line: str
    #: how many holds, of how many requests
    holds: int
    requests: int
    held_ms: float
    sql_ms: float
    #: idle in transaction
    idle_ms: float
    #: the hold in the middle, by how long it was held: its own three numbers
    typical_held_ms: float
    typical_sql_ms: float
    typical_idle_ms: float
    longest_ms: float
    #: holds that nobody was seen to give back
    kept: int
    cause: Cause

    @property
    def idle_share(self) -> float:
        """Of the held time, what was idle in transaction: 0 to 1."""
        return self.idle_ms / self.held_ms if self.held_ms else 0.0


@dataclass(frozen=True, slots=True)
class Pressure:
    """How it stood with those who asked the pool."""

    requests: int
    #: requests that waited in the pool's queue, also those in vain
    queued: int
    #: requests that waited until the pool's time-out
    in_vain: int
    longest_wait_ms: float
    #: what the first of them was told, as the log has it; "" where none was
    error: str


def holders(trace: Trace) -> tuple[Holder, ...]:
    """Ranked: who held connections longest in all stands first."""
    groups: dict[tuple[str, str, str], list[Use]] = defaultdict(list)
    for use in uses(trace):
        groups[use.request.key, use.request.title, use.line].append(use)
    found = (_holder(*names, each) for names, each in groups.items())
    return tuple(sorted(found, key=lambda holder: (-holder.held_ms, holder.key, holder.line)))


def uses(trace: Trace) -> Iterator[Use]:
    """Each hold of each request, and of what belongs to none."""
    for request in trace.groups:
        locks = [(wait[1].seq, wait[2], wait[3]) for wait in lock_waits(request, trace.backends, trace.duration_ms)]
        for hold in request.holds:
            yield _use(request, hold, locks, trace.duration_ms)


def pressure(trace: Trace) -> Pressure:
    """Of all requests."""
    waits = [(request, wait) for request in trace.requests for wait in request.waits if wait.queued or wait.timed_out]
    vain = [wait for _request, wait in waits if wait.timed_out]
    return Pressure(
        requests=len(trace.requests),
        queued=len({request.name for request, _wait in waits}),
        in_vain=sum(request.timed_out for request in trace.requests),
        longest_wait_ms=max((wait.until(trace.duration_ms) - wait.start_ms for _request, wait in waits), default=0.0),
        error=vain[0].error if vain else "",
    )


def _use(request: Request, hold: Hold, locks: Sequence[tuple[int, float, float]], latest_ms: float) -> Use:
    start, end = hold.start_ms, hold.until(latest_ms)
    statements = [each for each in request.statements if each.slot == hold.slot and start <= each.start_ms <= end]
    endings = [each for each in request.endings if each.slot in (hold.slot, None) and start <= each.start_ms <= end]
    busy = _united([_within(each, start, end) for each in (*statements, *(it for it in endings if it.end_ms))])
    inside = _united(_transactions(hold, statements, endings, end))
    idle = _without(inside, busy)
    away = _united(_within(work, start, end) for work in request.works if work.category in AWAY)
    own = {each.seq for each in statements}
    return Use(
        request,
        statements[0].line if statements else "",
        end - start,
        _length(busy),
        _length(idle),
        _length(_shared(_without([(start, end)], busy), away)),
        sum(stop - begin for seq, begin, stop in locks if seq in own),
        hold.end_ms is None and request.end_ms is not None,
    )


def _transactions(
    hold: Hold, statements: Sequence[Statement], endings: Sequence[Ending], end: float
) -> Iterator[tuple[float, float]]:
    """From the first statement behind each BEGIN, which is what the server learns of it, to its end."""
    for begin in hold.begins_ms:
        first = next((each.start_ms for each in statements if each.start_ms >= begin), None)
        over = (each.until(each.start_ms) for each in endings if each.start_ms >= begin and _ends(each))
        last = next(over, end)
        if first is not None and first < last:
            yield first, last


def _ends(ending: Ending) -> bool:
    """Savepoints divide a transaction and end none."""
    return ending.end_ms is not None


def _holder(key: str, title: str, line: str, found: list[Use]) -> Holder:
    by_time = sorted(found, key=lambda use: use.held_ms)
    middle = min(by_time, key=lambda use: abs(use.held_ms - median(each.held_ms for each in by_time)))
    return Holder(
        key=key,
        title=title,
        line=line,
        holds=len(found),
        requests=len({use.request.name for use in found}),
        held_ms=sum(use.held_ms for use in found),
        sql_ms=sum(use.sql_ms for use in found),
        idle_ms=sum(use.idle_ms for use in found),
        typical_held_ms=middle.held_ms,
        typical_sql_ms=middle.sql_ms,
        typical_idle_ms=middle.idle_ms,
        longest_ms=by_time[-1].held_ms,
        kept=sum(use.kept for use in found),
        cause=_cause(found),
    )


def _cause(found: Sequence[Use]) -> Cause:
    if any(use.kept for use in found):
        return Cause.KEPT
    away, lock = sum(use.away_ms for use in found), sum(use.lock_ms for use in found)
    sql = sum(use.sql_ms for use in found) - lock
    rest = sum(use.held_ms for use in found) - away - lock - sql
    parts = ((away, Cause.AWAY), (lock, Cause.LOCK), (sql, Cause.SQL), (rest, Cause.IDLE))
    return max(parts, key=lambda part: part[0])[1]


# Intervals: pairs of beginning and end, in order and apart.

Interval = tuple[float, float]


def _within(span: Span, start: float, end: float) -> Interval:
    return max(span.start_ms, start), min(span.until(end), end)


def _united(intervals: Iterable[Interval]) -> list[Interval]:
    found: list[Interval] = []
    for start, end in sorted(each for each in intervals if each[0] < each[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _without(intervals: Sequence[Interval], holes: Sequence[Interval]) -> list[Interval]:
    found: list[Interval] = []
    for start, end in intervals:
        at = start
        for hole_start, hole_end in holes:
            if at < hole_end and hole_start < end:
                if hole_start > at:
                    found.append((at, hole_start))
                at = hole_end
        if at < end:
            found.append((at, end))
    return found


def _shared(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    pairs = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return [(start, end) for start, end in pairs if start < end]


def _length(intervals: Iterable[Interval]) -> float:
    return sum(end - start for start, end in intervals)
