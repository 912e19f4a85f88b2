"""The states of mapped objects over time, and what moved each."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.traces.spans import Move, Trace


@dataclass(frozen=True, slots=True)
class Stay:
    """An object in one state; `end_ms` None: nothing moved it again."""

    #: seq of the event that brought it there
    seq: int
    start_ms: float
    end_ms: float | None
    #: transient, pending, persistent, deleted, detached
    state: str
    #: its attributes must be loaded again before they can be read
    expired: bool
    #: what brought it there: add, query, flush, commit …
    cause: str
    session: str | None


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
    moves: dict[tuple[str | None, str], list[Move]] = {}
    for move in trace.moves:
        if request is None or move.event.request == request:
            moves.setdefault((move.event.request, move.event.object), []).append(move)
    return tuple(_life(name, of, each) for (of, name), each in moves.items())


def _life(name: str, request: str | None, moves: list[Move]) -> ObjectLife:
    ends = [move.at_ms for move in moves[1:]] + [None]
    stays = tuple(_stay(move, end) for move, end in zip(moves, ends, strict=True))
    keys = [move.event.key for move in moves if move.event.key]
    return ObjectLife(name, keys[-1] if keys else "", request, stays)


def _stay(move: Move, end_ms: float | None) -> Stay:
    event = move.event
    return Stay(event.seq, move.at_ms, end_ms, event.after, event.expired, event.cause, event.session)
