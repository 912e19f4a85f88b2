"""What the swimlanes show, before anything is drawn: lanes, bars, marks and the pool, in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from simulator.model import Scalar
from simulator.traces.pool import PoolMoment


class Kind(StrEnum):
    """What a bar stands for; in the order in which they are drawn, later ones over earlier ones."""

    REQUEST = "request"
    SESSION = "session"
    TRANSACTION = "transaction"
    HELD = "held"
    WORK = "work"
    COMMITTING = "committing"
    FLUSH = "flush"
    STATE = "state"
    STATEMENT = "statement"
    COMMIT = "commit"
    LOCK = "lock"
    WAIT = "wait"
    CONNECTING = "connecting"


class Lane(NamedTuple):
    """One row; `indent` 1 is part of the expanded request above it."""

    #: `request 3`, `request 3/S1`, `slot 2`
    key: str
    label: str
    #: "" for what belongs to no request; None for a slot
    request: str | None
    indent: int = 0
    #: that of its request; "" where it has none
    color: str = ""
    failed: bool = False
    expanded: bool = False


class Bar(NamedTuple):
    """Everything known of what a bar stands for; the same id in every lane, however much is expanded."""

    id: str
    kind: Kind
    request: str | None
    session: str | None
    start_ms: float
    #: None: its end was not seen
    end_ms: float | None
    #: the sum of what was merged, where `spans` is more than 1; otherwise its duration as drawn
    busy_ms: float
    title: str
    sql: str = ""
    parameters: tuple[tuple[str, Scalar], ...] = ()
    many: int = 1
    #: command tag, or how it ended
    tag: str = ""
    line: str = ""
    sqlstate: str = ""
    #: an error's message, a time-out's too
    error: str = ""
    slot: int | None = None
    backend: int | None = None
    #: how many were merged into this one
    spans: int = 1


class Piece(NamedTuple):
    """A bar as it stands in a lane."""

    bar: str
    kind: Kind
    lane: int
    start_ms: float
    end_ms: float
    label: str = ""
    #: what gives it its colour where that is the request's
    color: str = ""
    error: bool = False
    #: its end was not seen: it is drawn to where it would have been seen at the latest
    open: bool = False
    #: it waits: hatched
    waits: bool = False
    spans: int = 1


class Mark(NamedTuple):
    """A point in time; `kind` is created, closed, begin, savepoint, moment, open (an end that was not seen), failed."""

    kind: str
    lane: int
    at_ms: float
    text: str


class SwimlanesInfo(NamedTuple):
    """`lanes` from the top: requests with what is expanded of them, then the pool's slots."""

    lanes: tuple[Lane, ...]
    pieces: tuple[Piece, ...]
    marks: tuple[Mark, ...]
    bars: Mapping[str, Bar]
    start_ms: float
    end_ms: float
    pool: tuple[PoolMoment, ...]
    #: `pool_size` and the most connections there may be; None where the pool has no such limit, or was not seen
    size: int | None
    capacity: int | None
    #: spans that stand in bars together with others
    merged: int
