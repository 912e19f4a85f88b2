"""How long a request's connection was out of the pool, and what came first: its return or the response."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.history.application import (
    ConnectionCheckedIn,
    ConnectionCheckedOut,
    Moment,
    RequestEnded,
    RequestStarted,
)
from simulator.history.schedule import AnyEvent, History


@dataclass(frozen=True, slots=True)
class Held:
    """Times in milliseconds."""

    #: from the first checkout to the last return, or to the request's end
    ms: float
    #: the whole request, background tasks and the code after `yield` included
    request_ms: float
    #: the connection came back
    returned: bool
    #: it was still out when the response began
    over_response: bool


def held(history: History, request: str) -> Held | None:
    """Of this request; None where it took no connection."""
    events = [event for event in history.events if event.request == request]
    out = [event for event in events if isinstance(event, ConnectionCheckedOut)]
    if not out:
        return None
    back = [event for event in events if isinstance(event, ConnectionCheckedIn)]
    returned = len(back) == len(out)
    end = back[-1] if returned else _one(events, RequestEnded)
    response = next((event for event in events if isinstance(event, Moment) and event.label == "response started"), end)
    started = _one(events, RequestStarted)
    return Held(
        ms=(end.at_ns - out[0].at_ns) / 1e6,
        request_ms=(_one(events, RequestEnded).at_ns - started.at_ns) / 1e6,
        returned=returned,
        over_response=response.seq < end.seq,
    )


def _one(events: list[AnyEvent], kind: type[AnyEvent]) -> AnyEvent:
    return next(event for event in events if isinstance(event, kind))
