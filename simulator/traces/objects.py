"""The states of mapped objects over time, and what moved each."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.history.words import ObjectState
from simulator.traces.spans import Move, Trace


@dataclass(frozen=True, slots=True)
class Stay:
    """An object in one state; `end_ms` None: nothing moved it again."""

    #: seq of the event that brought it there
    seq: int
    start_ms: float
    end_ms: float | None
    state: ObjectState
    #: its attributes must be loaded again before they can be read
    expired: bool
    #: what brought it there: add, query, flush, commit …
    cause: str
    session: str | None
    #: what ended it: the next stay's cause, or `collected`; "" where nothing was seen to
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class ObjectLife:
    """One object of one request; an object that wanders from request to request has a life in each."""

    name: str
    #: its primary key as it was last known, "" without one
    key: str
    request: str | None
    stays: tuple[Stay, ...]


def object_lives(trace: Trace, request: str | None = None) -> tuple[ObjectLife, ...]:
    """The objects in the order in which they were first seen; of one request where it is named.

    Before its first move an object's state is known, and how long it had it is not: no stay begins there.
    """
    every: dict[str, list[Move]] = {}
    for move in trace.moves:
        every.setdefault(move.event.object, []).append(move)
    stays: dict[tuple[str | None, str], list[tuple[Move, Stay]]] = {}
    for name, moves in every.items():
        # A stay in one request ends also with a move in another: an object is in one state.
        for move, following in zip(moves, (*moves[1:], None), strict=True):
            if move.event.after != ObjectState.NONE and request in (None, move.event.request):
                stays.setdefault((move.event.request, name), []).append((move, _stay(move, following)))
    lives = [_life(name, of, each) for (of, name), each in stays.items()]
    return tuple(sorted(lives, key=lambda life: life.stays[0].seq))


def _life(name: str, request: str | None, stays: list[tuple[Move, Stay]]) -> ObjectLife:
    keys = [move.event.key for move, _stay in stays if move.event.key]
    return ObjectLife(name, keys[-1] if keys else "", request, tuple(stay for _move, stay in stays))


def _stay(move: Move, following: Move | None) -> Stay:
    event, end, ended_by = move.event, None, ""
    if following is not None:
        end, ended_by = following.at_ms, following.event.cause
    return Stay(event.seq, move.at_ms, end, event.after, event.expired, event.cause, event.session, ended_by)
