"""Traces for tests: recorded ones, and small ones written by hand in milliseconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from simulator.history.event import Event
from simulator.history.schedule import History
from simulator.traces import Trace, read

FOLDER = Path(__file__).parents[1] / "histories" / "sessions"


@cache
def recorded_history(name: str) -> History:
    """A run that `tests/histories/sessions/write.py` recorded."""
    return History.from_json((FOLDER / f"{name}.json").read_text())


@cache
def recorded(name: str) -> Trace:
    """Its trace."""
    return read(recorded_history(name))


def at(ms: float, kind: type[Event], **fields: Any) -> tuple[float, type[Event], dict[str, Any]]:
    """An event of `kind` in request `r` unless another is named."""
    return ms, kind, {"request": "r", **fields}


def trace(*events: tuple[float, type[Event], dict[str, Any]]) -> Trace:
    """The trace of these events, in this order."""
    made: Any = tuple(
        kind(seq=seq, at_ns=round(ms * 1_000_000), **fields) for seq, (ms, kind, fields) in enumerate(events)
    )
    return read(History((), made))
