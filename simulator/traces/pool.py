"""The pool over time: a step function, from the questions to it and its connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.traces.spans import Span, Trace


@dataclass(frozen=True, slots=True)
class PoolTotals:
    """What the whole trace came to, of every request and of what belongs to none."""

    #: at once, at most
    checked_out: int = 0
    open: int = 0
    #: open beyond `pool_size`, at once, at most
    overflow: int = 0
    waiting: int = 0
    #: how often a connection was given, and a wait for one ended in vain by the pool's time-out
    checkouts: int = 0
    timed_out: int = 0


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

    @property
    def open(self) -> int:
        """Connections that are open."""
        return self.checked_out + self.idle


def pool_totals(trace: Trace) -> PoolTotals:
    """Read off the same spans as the curve and the slots."""
    moments = occupancy(trace)
    waits = [wait for request in trace.groups for wait in request.waits]
    return PoolTotals(
        checked_out=max((moment.checked_out for moment in moments), default=0),
        open=max((moment.open for moment in moments), default=0),
        overflow=max((moment.overflow for moment in moments), default=0),
        waiting=max((moment.waiting for moment in moments), default=0),
        checkouts=sum(len(slot.holds) for slot in trace.slots),
        timed_out=sum(wait.timed_out for wait in waits),
    )


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
    spans += [("held", each) for slot in trace.slots for each in slot.holds]
    for request in trace.groups:
        queued = [wait for wait in request.waits if wait.queued]
        spans += [("waiting", each) for each in queued]
        spans += [("connecting", each) for wait in queued for each in wait.connecting]
    # Another size makes another overflow, although nothing is opened or closed.
    begun = min((span.start_ms for _what, span in spans), default=float("inf"))
    yield from ((pool.start_ms, "size", 0) for pool in trace.pools if pool.start_ms > begun)
    for what, span in spans:
        yield span.start_ms, what, 1
        if span.end_ms is not None:
            yield span.end_ms, what, -1
