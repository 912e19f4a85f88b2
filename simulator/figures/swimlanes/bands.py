"""Requests that are alike fold into one lane; those that failed, the slowest and what is opened stay their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from simulator.i18n import gettext as _
from simulator.traces.spans import Request, Trace

#: More requests than that are folded.
FOLD = 14
#: So many that are alike are still lanes of their own; of failed ones a few more.
FEW, FEW_FAILED = 2, 4


class Band(NamedTuple):
    """Requests of one kind that ended alike, in the order in which they began."""

    key: str
    title: str
    #: "" where they came out well; else a class of error, or an HTTP status
    ended: str
    requests: tuple[Request, ...]

    @property
    def failed(self) -> bool:
        """Whether they did."""
        return any(request.failed for request in self.requests)

    @property
    def name(self) -> str:
        """Their kind, in the language in use."""
        return _(self.title)

    @property
    def tail(self) -> str:
        """How they ended, and how many they are: ` · TimeoutError ×39`."""
        return f"{f' · {self.ended}' if self.ended else ''} ×{len(self.requests)}"


def bands(trace: Trace, opened: Collection[str] = (), show: Collection[str] | None = None) -> tuple[Band, ...]:
    """Of the requests named in `show` (None: all) those that are folded, the largest band first.

    `opened` are names of requests and keys of bands: these stay lanes of their own.
    """
    requests = [request for request in trace.requests if show is None or request.name in show]
    if len(requests) <= FOLD:
        return ()
    found = (_band(name, alike, trace, opened) for name, alike in _alike(requests))
    return tuple(sorted((band for band in found if band is not None), key=lambda band: -len(band.requests)))


def band_labels(trace: Trace, show: Collection[str] | None = None) -> dict[str, str]:
    """Key -> label of every band that there is where nothing is opened."""
    return {band.key: band.name + band.tail for band in bands(trace, show=show)}


def ended(request: Request) -> str:
    """How it ended in a word, "" for well: `TimeoutError` of `TimeoutError: QueuePool limit …`."""
    if request.error:
        return request.error.partition(":")[0]
    return "" if request.outcome in ("ok", "200", "") else request.outcome


def _alike(requests: Iterable[Request]) -> Iterator[tuple[tuple[str, str, str, bool], list[Request]]]:
    groups: dict[tuple[str, str, str, bool], list[Request]] = {}
    for request in requests:
        groups.setdefault((request.key, request.title, ended(request), request.end_ms is None), []).append(request)
    yield from groups.items()


def _band(name: tuple[str, str, str, bool], alike: list[Request], trace: Trace, opened: Collection[str]) -> Band | None:
    kind, title, how, unended = name
    key = f"band {kind} {how}{' …' if unended else ''}"
    few = FEW_FAILED if alike[0].failed else FEW
    if key in opened or len(alike) <= few:
        return None
    slowest = max(alike, key=lambda request: request.length_ms(trace.duration_ms))
    folded = tuple(request for request in alike if request is not slowest and request.name not in opened)
    words = how or (_("not ended") if unended else "")
    return Band(key, title or kind, words, folded) if len(folded) > 1 else None
