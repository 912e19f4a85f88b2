"""No more bars than a browser draws with ease: beyond that, short neighbours become one that says how many it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from simulator.figures.swimlanes_info import Kind

#: Gaps that are closed first: this share of the whole time is less than a pixel.
_FIRST = 1 / 4000


class Draft(NamedTuple):
    """A piece with the span that it comes from: what is known of it is written only for what is drawn."""

    lane: int
    kind: Kind
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


def merged(drafts: Sequence[Draft], limit: int, duration_ms: float) -> tuple[Draft, ...]:
    """At most `limit` pieces where that can be reached without joining lanes, kinds or errors with what is none.

    Gaps of at most a certain length are closed between pieces shorter than eight times that; it grows until the
    pieces are few enough.
    """
    gap = duration_ms * _FIRST
    found = sorted(drafts, key=lambda draft: (_alike(draft), draft.start_ms))
    while len(found) > limit and gap < 2 * duration_ms:
        found = list(_closed(found, gap))
        gap *= 1.4
    return tuple(found)


def _closed(drafts: Iterable[Draft], gap: float) -> Iterator[Draft]:
    last: Draft | None = None
    for draft in drafts:
        if last is not None and _alike(last) == _alike(draft) and _near(last, draft, gap):
            last = _joined(last, draft)
            continue
        if last is not None:
            yield last
        last = draft
    if last is not None:
        yield last


def _alike(draft: Draft) -> tuple[int, Kind, bool, bool]:
    return draft.lane, draft.kind, draft.error, draft.waits


def _near(one: Draft, other: Draft, gap: float) -> bool:
    return other.start_ms - one.end_ms <= gap and max(_length(one), _length(other)) <= 8 * gap


def _length(draft: Draft) -> float:
    """What was merged already may grow on: it is short when its spans are, on average."""
    return draft.busy_ms / draft.spans


def _joined(one: Draft, other: Draft) -> Draft:
    return one._replace(
        end_ms=max(one.end_ms, other.end_ms),
        spans=one.spans + other.spans,
        busy_ms=one.busy_ms + other.busy_ms,
        open=one.open or other.open,
        request=one.request if one.request == other.request else None,
        color=one.color if one.color == other.color else "",
        label="",
    )
