"""Histories of watched runs, as they were stored; `tests/histories/write.py` wrote them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from simulator.history.schedule import History

FOLDER = Path(__file__).parent.parent / "histories" / "observed"


@cache
def observed(name: str) -> History:
    """`observed("lost_update_rc")`."""
    return History.from_json((FOLDER / f"{name}.json").read_text())


def after(history: History, step: str, *, transaction: str | None = None) -> int:
    """The place of the step's own last event: where it had finished, failed, or begun to wait."""
    return max(
        event.seq
        for event in history.events
        if event.step == step
        and event.session is not None
        and (transaction is None or event.transaction == transaction)
    )
