"""Where the time of a request went: every moment of it belongs to one category."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import NamedTuple

from simulator.i18n.text import N_, Text
from simulator.traces.spans import BackendStay, Request, Statement, Trace

#: What explains a moment first, where several things happen in it (tasks that a request runs side by side).
ORDER = ("connecting", "queue", "lock", "sql", "commit", "work", "application")
#: Categories of `WorkStarted` that are waiting for somebody else; the others are the application's own code.
AWAY = ("llm", "work")
#: Parts below this share of the whole are left out of the sentence.
_TOLD = 0.01


class Segment(NamedTuple):
    """A part of a request; `category` is one of ORDER."""

    category: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Parts:
    """Milliseconds; together they are the request's duration."""

    #: waiting in the pool's queue, without opening a connection
    queue_ms: float = 0.0
    connecting_ms: float = 0.0
    #: statements while looks at `pg_stat_activity` saw them wait for a lock: sampled, so an approximation
    lock_ms: float = 0.0
    #: statements, without what is known of locks
    sql_ms: float = 0.0
    #: COMMIT and ROLLBACK
    commit_ms: float = 0.0
    #: an LLM, or other work that the application named
    work_ms: float = 0.0
    #: the rest: Python, taking a connection that lies ready, and waiting for a processor
    application_ms: float = 0.0

    @property
    def total_ms(self) -> float:
        """All of them."""
        return float(sum(astuple(self)))


@dataclass(frozen=True, slots=True)
class Totals:
    """All requests of a trace together. One that timed out is among the failed, too."""

    requests: int
    ok: int
    failed: int
    timed_out: int
    #: those whose end was not seen
    unended: int
    parts: Parts
    #: what they failed with and how many with each, the most first: (`SerializationFailure 40001`, 43)
    failures: tuple[tuple[str, int], ...] = ()


def segments(request: Request, backends: Sequence[BackendStay] = (), latest_ms: float | None = None) -> list[Segment]:
    """The request from its beginning to its end, without gaps or overlaps, in order.

    `latest_ms` is where one ends whose end was not seen (the trace's `duration_ms`). A lock wait lasts from the look
    that saw it to the next one that did not, at most to its statement's end: it is known to the interval of the looks,
    10 ms, and may be missed.
    """
    end = request.end_ms if request.end_ms is not None else max(request.start_ms, latest_ms or 0.0)
    edges: list[tuple[float, int, int]] = []
    for category, start, stop in _spans(request, backends, end):
        if (start := max(start, request.start_ms)) < (stop := min(stop, end)):
            edges += [(start, 1, ORDER.index(category)), (stop, -1, ORDER.index(category))]
    edges.sort()
    return list(_joined(_swept(edges, request.start_ms, end)))


def _swept(edges: Sequence[tuple[float, int, int]], start: float, end: float) -> Iterator[Segment]:
    """Between two edges, what stands first in ORDER of what is open."""
    open_, at = [0] * len(ORDER), start
    for here, change, category in [*edges, (end, 0, 0)]:
        if here > at:
            first = next((number for number, count in enumerate(open_) if count), len(ORDER) - 1)
            yield Segment(ORDER[first], at, here)
            at = here
        open_[category] += change


def _joined(parts: Iterable[Segment]) -> Iterator[Segment]:
    last: Segment | None = None
    for part in parts:
        if last is not None and last.category == part.category:
            last = last._replace(end_ms=part.end_ms)
        else:
            if last is not None:
                yield last
            last = part
    if last is not None:
        yield last


def _spans(request: Request, backends: Sequence[BackendStay], end: float) -> Iterator[tuple[str, float, float]]:
    for wait in request.waits:
        if wait.queued or wait.timed_out:
            yield "queue", wait.start_ms, wait.until(end)
        for each in wait.connecting:
            yield "connecting", each.start_ms, each.until(wait.until(end))
    for statement in request.statements:
        yield "sql", statement.start_ms, statement.until(end)
    for ending in request.endings:
        if ending.end_ms is not None:
            yield "commit", ending.start_ms, ending.end_ms
    for work in request.works:
        if work.category in AWAY:
            yield "work", work.start_ms, work.until(end)
    for _stay, _statement, start, stop in lock_waits(request, backends, end):
        yield "lock", start, stop


def lock_waits(
    request: Request, backends: Sequence[BackendStay], end: float
) -> Iterator[tuple[BackendStay, Statement, float, float]]:
    """Lock waits that were seen during statements of this request on that backend: from when to when.

    The next statement is not taken to wait because the last look saw the one before it wait. `end` stands for an end
    that was not seen.
    """
    waits = [stay for stay in backends if stay.wait.startswith("Lock/")]
    if not waits:
        return
    sent: dict[int | None, list[Statement]] = defaultdict(list)
    for statement in request.statements:
        sent[statement.backend].append(statement)
    for stay in waits:
        for statement in sent.get(stay.backend, ()):
            stop = min(stay.until(end), statement.until(end))
            if statement.start_ms <= stay.start_ms < stop:
                yield stay, statement, stay.start_ms, stop


def critical_path(request: Request, backends: Sequence[BackendStay] = (), latest_ms: float | None = None) -> Parts:
    """How long each category took; the arguments are those of `segments`. `lock_ms` is sampled: an approximation."""
    sums: dict[str, float] = defaultdict(float)
    for part in segments(request, backends, latest_ms):
        sums[f"{part.category}_ms"] += part.end_ms - part.start_ms
    return Parts(**sums)


def totals(trace: Trace) -> Totals:
    """All requests together; what lies outside of them is not counted."""
    every = [critical_path(request, trace.backends, trace.duration_ms) for request in trace.requests]
    summed = Parts(*(sum(column) for column in zip(*map(astuple, every), strict=True))) if every else Parts()
    failed = sum(request.failed for request in trace.requests)
    unended = sum(request.end_ms is None for request in trace.requests)
    return Totals(
        requests=len(trace.requests),
        ok=len(trace.requests) - failed - unended,
        failed=failed,
        timed_out=sum(request.timed_out for request in trace.requests),
        unended=unended,
        parts=summed,
        failures=tuple(Counter(request.failure for request in trace.requests if request.failed).most_common()),
    )


def sentence(parts: Parts) -> Text:
    """`What made this one take 3.0 s: 2.1 s pool queue, 0.7 s lock, 0.2 s SQL`, the largest first."""
    total = parts.total_ms
    told = sorted(zip(astuple(parts), _phrases(), strict=True), key=lambda pair: -pair[0])
    words = [phrase.given(time=duration(ms)) for ms, phrase in told if ms > 0 and ms >= _TOLD * total]
    return Text.of(
        "What made this one take {total}: {parts}", total=duration(total), parts=Text.joined(N_(", "), words)
    )


def _phrases() -> tuple[Text, ...]:
    """In the order of Parts."""
    return (
        Text.of("{time} pool queue"),
        Text.of("{time} connecting"),
        Text.of("{time} lock"),
        Text.of("{time} SQL"),
        Text.of("{time} COMMIT or ROLLBACK"),
        Text.of("{time} LLM"),
        Text.of("{time} application"),
    )


def duration(ms: float) -> str:
    """As one says it.

    >>> duration(3012.0), duration(214.4), duration(4.26), duration(0.08), duration(0)
    ('3.0 s', '214 ms', '4.3 ms', '0.08 ms', '0 ms')
    """
    if ms >= 1000:
        return f"{ms / 1000:.1f} s"
    digits = 0 if ms >= 10 or not ms else 1 if ms >= 1 else 2
    return f"{ms:.{digits}f} ms"
