"""What the swimlanes show, before anything is drawn: lanes, bars, marks and the pool, in milliseconds or in steps."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from simulator.i18n import N_
from simulator.model import Scalar
from simulator.traces.pool import PoolMoment


class BarKind(StrEnum):
    """What a bar stands for; in the order in which they are drawn, later ones over earlier ones."""

    REQUEST = "request"
    SESSION = "session"
    TRANSACTION = "transaction"
    HELD = "held"
    CODE = "code"
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
    #: requests that are alike share a lane, a thin row each: then more than 1, and `request` is the band's key
    rows: int = 1
    #: what stands behind the label, and is never cut
    tail: str = ""


class Group(NamedTuple):
    """Those of a merged bar's spans that are the same: one text of SQL, one command."""

    what: str
    times: int
    busy_ms: float
    failed: int
    #: the application's lines that sent them, and how often, the most frequent first
    lines: tuple[tuple[str, int], ...] = ()
    is_sql: bool = False


class Bar(NamedTuple):
    """Everything known of what a bar stands for; the same id in every lane, however much is expanded."""

    id: str
    kind: BarKind
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
    #: what they were, what took longest first; () of a bar that stands for one
    groups: tuple[Group, ...] = ()


class Piece(NamedTuple):
    """A bar as it stands in a lane; its beginning and end are places on the axis."""

    bar: str
    kind: BarKind
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
    #: merged bars are drawn pale, with an edge: what lies between their spans is not theirs
    spans: int = 1
    #: of a band, from 0
    row: int = 0


class Mark(NamedTuple):
    """A point in time; `kind` is a key of MARKS."""

    kind: str
    lane: int
    at_ms: float
    text: str
    #: the few words that stand at it, "" for a symbol alone; and those where the steps are narrow
    label: str = ""
    short: str = ""
    #: where it stands on the axis, where that is not its time
    place: float | None = None
    #: of a band, from 0; None in a lane of its own
    row: int | None = None

    @property
    def x(self) -> float:
        """Where it stands on the axis."""
        return self.at_ms if self.place is None else self.place


class MarkLook(NamedTuple):
    """A mark's symbol, as Plotly calls it and as a character, and its words in the legend (for gettext)."""

    symbol: str
    character: str
    words: str


MARKS: Mapping[str, MarkLook] = MappingProxyType(
    {
        "created": MarkLook("circle-open", "○", N_("Session created")),
        "closed": MarkLook("circle", "●", N_("Session closed")),
        "begin": MarkLook("line-ns-open", "❙", N_("BEGIN: nothing is sent yet")),
        "savepoint": MarkLook("diamond-open", "◇", N_("savepoint")),
        "moment": MarkLook("triangle-down", "▼", N_("a moment with a name")),
        "open": MarkLook("triangle-right-open", "▷", N_("its end was not seen")),
        "kept": MarkLook("triangle-right", "▶", N_("connection not given back")),
        "failed": MarkLook("x", "✕", N_("failed")),
    }
)


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
    #: requests that are alike share lanes, and pool and slots stand above them
    folded: bool = False
    #: how many steps the axis has, where it counts what happened; 0: it counts milliseconds
    steps: int = 0
