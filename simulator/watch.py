"""Looking at a run between two steps, for the state panel: what there is to see becomes events of its history."""

from __future__ import annotations

from simulator.engines.base import Room
from simulator.history import LocksObserved, RowVersionsObserved
from simulator.lane import EventLog


def look(room: Room, log: EventLog, step: str | None) -> None:
    """Record locks and row versions; `step` is the one that has just been settled. Raises EngineError.

    The observer's own connection asks, in no SERIALIZABLE transaction: no outcome depends on whether it does.
    """
    seen = room.watch()
    log.add(LocksObserved, step=step, sessions=seen.sessions, locks=seen.locks)
    log.add(RowVersionsObserved, step=step, tables=seen.tables, unseen=seen.unseen, with_dead=seen.with_dead)
