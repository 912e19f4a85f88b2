"""No more bars than a browser draws with ease: beyond that, short neighbours become one that says how many it is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from simulator.figures.swimlanes.info import BarKind

#: Gaps that are closed first: this share of the whole time is less than a pixel.
_FIRST = 1 / 4000
#: Each length of gaps that is tried is so much longer than the one before; the last is more than everything.
_GROWTH, _STEPS = 1.3, 36
#: A merged bar looks like waiting where so much of it is.
_WAITS = 0.5


class Draft(NamedTuple):
    """A piece with the span that it comes from: what is known of it is written only for what is drawn."""

    lane: int
    kind: BarKind
    start_ms: float
    end_ms: float
    source: Any
    request: str | None
    color: str = ""
    label: str = ""
    error: bool = False
    open: bool = False
    waits: bool = False
    spans: int = 1
    #: time of the spans in it, without the gaps
    busy_ms: float = 0.0
    #: the spans of a merged one
    sources: tuple[Any, ...] = ()
    #: of a band
    row: int = 0


def merged(drafts: Sequence[Draft], limit: int, duration_ms: float) -> tuple[Draft, ...]:
    """At most `limit` pieces where that can be reached without joining lanes, kinds or errors with what is none.

    Gaps of at most a certain length are closed between pieces shorter than eight times that; it is the smallest of
    a row of lengths that leaves few enough.
    """
    if len(drafts) <= limit:
        return tuple(drafts)
    alike: dict[tuple[int, int, BarKind, bool, bool], list[Draft]] = {}
    for draft in sorted(drafts, key=_start):
        alike.setdefault((draft.lane, draft.row, draft.kind, draft.error, draft.waits), []).append(draft)
    gaps = [duration_ms * _FIRST * _GROWTH**step for step in range(_STEPS)]
    enough = bisect_left(gaps, True, key=lambda gap: sum(_count(group, gap) for group in alike.values()) <= limit)
    gap = gaps[min(enough, len(gaps) - 1)]
    return tuple(piece for group in alike.values() for piece in _closed(group, gap))


def _start(draft: Draft) -> float:
    return draft.start_ms


def _count(drafts: Sequence[Draft], gap: float) -> int:
    """How many pieces `_closed` would give."""
    return sum(1 for _ in _runs(drafts, gap))


def _runs(drafts: Sequence[Draft], gap: float) -> Iterator[tuple[int, int]]:
    """First and one past the last of those that become one. What has grown is short when its spans are, on average."""
    first, end, busy = 0, drafts[0].end_ms, drafts[0].busy_ms
    for here, draft in enumerate(drafts[1:], start=1):
        if draft.start_ms - end <= gap and busy <= 8 * gap * (here - first) and draft.busy_ms <= 8 * gap:
            end, busy = max(end, draft.end_ms), busy + draft.busy_ms
        else:
            yield first, here
            first, end, busy = here, draft.end_ms, draft.busy_ms
    yield first, len(drafts)


def _closed(drafts: Sequence[Draft], gap: float) -> Iterator[Draft]:
    for first, past in _runs(drafts, gap):
        yield _joined(drafts[first:past]) if past - first > 1 else drafts[first]


def _joined(drafts: Sequence[Draft]) -> Draft:
    one, end = drafts[0], max(draft.end_ms for draft in drafts)
    busy = sum(draft.busy_ms for draft in drafts)
    return one._replace(
        end_ms=end,
        spans=len(drafts),
        sources=tuple(draft.source for draft in drafts),
        busy_ms=busy,
        # A few moments of waiting, far apart, are not the time between them.
        waits=one.waits and busy >= _WAITS * (end - one.start_ms),
        open=any(draft.open for draft in drafts),
        request=_common([draft.request for draft in drafts]),
        color=_common([draft.color for draft in drafts]) or "",
        label="",
    )


def _common(values: Sequence[str | None]) -> str | None:
    return values[0] if len(set(values)) == 1 else None
