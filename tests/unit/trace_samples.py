"""Traces for tests: recorded ones, and small ones written by hand in milliseconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from simulator.event import Event
from simulator.history import History
from simulator.traces import Trace, read

FOLDER = Path(__file__).parents[1] / "histories" / "lifecycle"


@cache
def recorded(name: str) -> Trace:
    """The trace of a run that `tests/histories/lifecycle/write.py` recorded."""
    return read(History.from_json((FOLDER / f"{name}.json").read_text()))


def at(ms: float, kind: type[Event], **fields: Any) -> tuple[float, type[Event], dict[str, Any]]:
    """An event of `kind` in request `r` unless another is named."""
    return ms, kind, {"request": "r", **fields}


def trace(*events: tuple[float, type[Event], dict[str, Any]]) -> Trace:
    """The trace of these events, in this order."""
    made: Any = tuple(
        kind(seq=seq, at_ns=round(ms * 1_000_000), **fields) for seq, (ms, kind, fields) in enumerate(events)
    )
    return read(History((), made))
