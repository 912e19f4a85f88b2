"""The pool over time: a step function, from the questions to it and its connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.traces.spans import Span, Trace


@dataclass(frozen=True, slots=True)
class PoolMoment:
    """How the pool stands from `at_ms` to the next moment."""

    at_ms: float
    #: connections that somebody holds
    checked_out: int
    #: open connections beyond `pool_size`
    overflow: int
    #: who waits because every connection that the pool may have is in use
    waiting: int
    #: open connections that nobody holds
    idle: int


def occupancy(trace: Trace) -> tuple[PoolMoment, ...]:
    """The moments at which something changed, in order; empty where the pool was never used.

    Waits without a queue, and those in which a connection is being opened, are not counted as waiting.
    """
    changes = sorted(_changes(trace))
    counts: Counter[str] = Counter()
    moments: list[PoolMoment] = []
    for number, (at_ms, what, change) in enumerate(changes):
        counts[what] += change
        if number + 1 == len(changes) or changes[number + 1][0] > at_ms:
            moments.append(_moment(at_ms, counts, _size(trace, at_ms)))
    return tuple(moments)


def _moment(at_ms: float, counts: Counter[str], size: int | None) -> PoolMoment:
    open_, out = counts["open"], counts["held"]
    overflow = 0 if size is None else max(0, open_ - size)
    return PoolMoment(at_ms, out, overflow, max(0, counts["waiting"] - counts["connecting"]), max(0, open_ - out))


def _size(trace: Trace, at_ms: float) -> int | None:
    """`pool_size` at that time; None for a pool without one."""
    sizes = [pool.settings.size for pool in trace.pools if pool.start_ms <= at_ms]
    return sizes[-1] if sizes and sizes[-1] >= 0 else None


def _changes(trace: Trace) -> Iterator[tuple[float, str, int]]:
    spans: list[tuple[str, Span]] = [("open", each) for each in trace.connections]
    for request in trace.groups:
        queued = [wait for wait in request.waits if wait.queued]
        spans += [("held", each) for each in request.holds]
        spans += [("waiting", each) for each in queued]
        spans += [("connecting", each) for wait in queued for each in wait.connecting]
    for what, span in spans:
        yield span.start_ms, what, 1
        if span.end_ms is not None:
            yield span.end_ms, what, -1
