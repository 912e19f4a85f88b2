"""Histories of a pool, drawn at random, and what the slots, the curve, the totals and the figure say of each.

`python -m benchmarks pool_histories` examines a thousand. Every count is made once more by hand, event by event.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.figures.swimlanes.plot import BarKind, swimlanes_info
from simulator.figures.swimlanes.pool import pool_traces
from simulator.history.application import (
    ConnectingStarted,
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionRefused,
    ConnectionRequested,
    PoolObserved,
    RequestEnded,
    RequestStarted,
)
from simulator.history.schedule import AnyEvent, History
from simulator.traces import PoolTotals, Trace, occupancy, pool_totals, read

HISTORIES = 1000


class Counts(NamedTuple):
    """From one moment to the next."""

    checked_out: int
    open: int
    overflow: int
    waiting: int


#: Bytes of one event; one draw for a whole history is thirty times as fast as one for each field.
_WIDE = 3


def histories() -> st.SearchStrategy[History]:
    """Events of a pool in any order, also in orders that no pool would make: what is seen may be incomplete."""
    return st.binary(min_size=20 * _WIDE, max_size=60 * _WIDE).map(_history)


def _history(drawn: bytes) -> History:
    events: list[Any] = []
    questions, now = [0], 0
    for seq in range(len(drawn) // _WIDE):
        kind, who, what = drawn[seq * _WIDE : (seq + 1) * _WIDE]
        now += (0, 0, 1, 3)[who // 7 % 4] * 1_000_000
        make = _KINDS[kind % len(_KINDS)]
        if make is ConnectionRequested:
            questions.append(seq)
        # A question's number is its own; an answer names one of the latest, also one that has its answer.
        fields = _fields(questions[-1 - who % min(len(questions), 7)] if make is not ConnectionRequested else seq, what)
        named = {name: fields[name] for name in _NAMES[make]}
        events.append(make(seq=seq, at_ns=now, request="abc"[who // 28 % 3], **named))
    return History((), tuple(events))


def _fields(asked: int, what: int) -> dict[str, Any]:
    return {
        "asked": asked,
        "slot": what % 5 + 1,
        "size": what % 5 - 1,
        "max_overflow": what // 5 % 5 - 1,
        "timed_out": bool(what % 2),
        "error": "E",
        "key": "k",
        "outcome": "ok",
        "timeout_s": 1.0,
        "class_name": "QueuePool",
    }


_NAMES: dict[type[Any], tuple[str, ...]] = {
    PoolObserved: ("size", "max_overflow", "timeout_s", "class_name"),
    ConnectionRequested: ("asked",),
    ConnectingStarted: ("asked",),
    ConnectionOpened: ("asked", "slot"),
    ConnectionCheckedOut: ("asked", "slot"),
    ConnectionRefused: ("asked", "timed_out", "error"),
    ConnectionCheckedIn: ("slot",),
    ConnectionClosed: ("slot",),
    RequestStarted: ("key",),
    RequestEnded: ("outcome",),
}
_KINDS = tuple(_NAMES)


@dataclass
class _Asker:
    request_number: int
    queued: bool
    connecting: bool = False


@dataclass
class Recount:
    """The pool, counted by hand."""

    size: int | None = None
    capacity: int | None = None
    #: number of the event that showed the pool of now
    since: int = -1
    open: set[int] = field(default_factory=set)
    held: dict[int, int] = field(default_factory=dict)
    asked: dict[int, _Asker] = field(default_factory=dict)
    checkouts: int = 0
    timed_out: int = 0

    def take(self, event: AnyEvent) -> None:  # noqa: C901 (a case a kind)
        match event:
            case PoolObserved(size=size, max_overflow=more):
                self.size = size if size >= 0 else None
                self.capacity = size + more if size >= 0 and more >= 0 else None
                self.since = event.seq
            case ConnectionRequested(asked=asked):
                taken = [*self.held.values(), *(asker.request_number for asker in self.asked.values())]
                full = self.capacity is not None and sum(seq > self.since for seq in taken) >= self.capacity
                self.asked[asked] = _Asker(event.seq, full)
            case ConnectingStarted(asked=asked) if asked in self.asked:
                self.asked[asked].connecting = True
            case ConnectionOpened(asked=asked, slot=slot):
                if asked in self.asked:
                    self.asked[asked].connecting = False
                self._open(slot)
            case ConnectionCheckedOut(asked=asked, slot=slot):
                self.asked.pop(asked or 0, None)
                if slot not in self.open:
                    self._open(slot)
                self.checkouts += slot not in self.held
                self.held.setdefault(slot or 0, event.seq)
            case ConnectionRefused(asked=asked, timed_out=timed_out):
                self.timed_out += self.asked.pop(asked, None) is not None and timed_out
            case ConnectionCheckedIn(slot=slot):
                self.held.pop(slot or 0, None)
            case ConnectionClosed(slot=slot):
                self._close(slot or 0)

    def _open(self, slot: int | None) -> None:
        self._close(slot or 0)
        self.open.add(slot or 0)

    def _close(self, slot: int) -> None:
        self.held.pop(slot, None)
        self.open.discard(slot)

    def counts(self) -> Counts:
        """How it stands."""
        overflow = 0 if self.size is None else max(0, len(self.open) - self.size)
        waiting = sum(asker.queued and not asker.connecting for asker in self.asked.values())
        return Counts(len(self.held), len(self.open), overflow, waiting)


def recounted(history: History) -> tuple[list[tuple[int, Counts]], Recount]:
    """(at_ns, how the pool stood after everything of that moment), and the pool at the end."""
    pool, found = Recount(), {}
    for event in history.events:
        pool.take(event)
        found[event.at_ns] = pool.counts()
    return list(found.items()), pool


def disagreements(history: History) -> list[str]:
    """What slots, curve, totals and figure say otherwise than the count by hand; empty where all agree."""
    trace, (counted, pool) = read(history), recounted(history)
    begun = [event.at_ns for event in history.events if isinstance(event, RequestStarted)]
    zero = begun[0] if begun else counted[0][0] if counted else 0
    wrong = []
    for at_ns, counts in counted:
        at_ms = (at_ns - zero) / 1e6
        for name, seen in _views(trace):
            expected = counts if name == "curve" else counts.checked_out if name in ("slots", "lanes") else None
            said = seen(at_ms)
            if expected is None:
                expected = getattr(counts, name.removeprefix("drawn "))
            if said != expected:
                wrong.append(f"{name} at {at_ms} ms: {said}, by hand {expected}")
    if (totals := pool_totals(trace)) != (by_hand := _totals(counted, pool)):
        wrong.append(f"totals: {totals}, by hand {by_hand}")
    return wrong


def _totals(counted: Sequence[tuple[int, Counts]], pool: Recount) -> PoolTotals:
    most = [max((counts[place] for _at, counts in counted), default=0) for place in range(4)]
    return PoolTotals(*most, checkouts=pool.checkouts, timed_out=pool.timed_out)


def _views(trace: Trace) -> list[tuple[str, Callable[[float], object]]]:
    """How each part of the page says it at a moment. Which requests have a lane makes no difference to the pool."""
    moments = occupancy(trace)
    info = swimlanes_info(trace, show=("a",), limit=10**9)
    lanes = {number for number, lane in enumerate(info.lanes) if lane.request is None}
    held = [piece for piece in info.pieces if piece.kind is BarKind.HELD and piece.lane in lanes]
    drawn = {str(each.get("name")): each for each in pool_traces(info)}
    holds = [hold for slot in trace.slots for hold in slot.holds]

    def curve(at: float) -> Counts:
        place = bisect_right(moments, at, key=lambda moment: moment.at_ms) - 1
        return Counts(0, 0, 0, 0) if place < 0 else _of(moments[place])

    def step(name: str, values: str = "y") -> Callable[[float], int]:
        def read_off(at: float) -> int:
            each = drawn.get(name)
            place = bisect_right(each["x"], at) - 1 if each is not None else -1
            return int(each[values][place]) if each is not None and place >= 0 else 0

        return read_off

    return [
        ("curve", curve),
        ("slots", lambda at: sum(hold.start_ms <= at < hold.until(float("inf")) for hold in holds)),
        ("lanes", lambda at: sum(it.start_ms <= at and (it.open or at < it.end_ms) for it in held)),
        ("drawn checked_out", step("in use")),
        ("drawn overflow", step("overflow", "customdata")),
        ("drawn waiting", step("waiting requests")),
    ]


def _of(moment: Any) -> Counts:
    return Counts(moment.checked_out, moment.open, moment.overflow, moment.waiting)


def examine(examples: int, *, derandomize: bool = False) -> int:
    """So many drawn histories, the smallest that is wrong raised as AssertionError; how many were examined."""
    examined = 0

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=derandomize,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def each(history: History) -> None:
        nonlocal examined
        examined += 1
        assert not disagreements(history)

    each()
    return examined


def main() -> bool:
    """A thousand."""
    examined = examine(HISTORIES)
    print(f"slots, curve, totals and figure agree in {examined} of {examined} histories of a pool")
    return examined >= HISTORIES
