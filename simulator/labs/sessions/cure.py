"""What would help a pool that is short of connections: another load to run, chosen by what held them in this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from simulator.labs.sessions.catalogue import MIXES, Mix, alone, kind
from simulator.labs.sessions.load import Load
from simulator.traces.holds import Cause, Holder, Pressure

#: The kind that does the same work and holds its connection for less of it.
INSTEAD: Mapping[str, str] = MappingProxyType(
    {
        "llm_inside": "llm_outside",
        "sse_chat": "sse_chat_outside",
        "append_history_commits": "append_history_bulk",
    }
)
#: Connections that one run may hold.
MOST_CONNECTIONS = 30


@dataclass(frozen=True, slots=True)
class Cure:
    """`how`: the requests are written in another way, or the pool is larger."""

    how: Literal["code", "pool"]
    load: Load


def cure(load: Load, worst: Holder, pressure: Pressure) -> Cure | None:
    """What to run instead; None where nobody waited, or nothing of the lab's would change it.

    Where the code holds a connection needlessly, the code is the cure: a larger pool only moves the limit. A larger one
    is offered where somebody waited in vain; a queue that ends may be shorter than the server's would be. For
    connections that are never given back, and for lock waits, no pool is large enough.
    """
    if not pressure.queued:
        return None
    if (better := _written_better(load.mix, worst.key)) is not None:
        return Cure("code", replace(load, mix=better))
    settings = load.settings
    larger = min(load.requests, MOST_CONNECTIONS)
    if not pressure.in_vain or worst.cause in (Cause.KEPT, Cause.LOCK) or settings.connections(load.requests) >= larger:
        return None
    return Cure("pool", replace(load, settings=replace(settings, pool_size=larger, max_overflow=0)))


def _written_better(mix: Mix, key: str) -> Mix | None:
    """The mix with this kind in its better way: one of the catalogue, or that kind alone; None where there is none."""
    if key not in INSTEAD or key not in dict(mix.weights):
        return None
    weights = tuple((INSTEAD[key] if each == key else each, weight) for each, weight in mix.weights)
    found = next((each for each in MIXES if each.weights == weights), None)
    return found or (alone(kind(INSTEAD[key])) if len(weights) == 1 else None)
