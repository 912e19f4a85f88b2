"""A session's transactions came one after another: no other order of them explains what its client saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from simulator.anomalies.types import Verdict
from simulator.history.schedule import History, TransactionBegan
from simulator.i18n.text import Text


def in_session_order(verdict: Verdict, history: History) -> Verdict:
    """The verdict with a serial order that keeps each session's own; without one where there is none.

    Serializable histories where there is none are not strongly session serializable (Daudjee, Salem, "Lazy Database
    Replication with Ordering Guarantees", ICDE 2004): no item tells of it, so it has no cycle that could be named.
    """
    if verdict.serial_order is None:
        return verdict
    place = {name: place for place, name in enumerate(verdict.serial_order)}
    sorter = TopologicalSorter(_before(verdict, history))
    try:
        sorter.prepare()
    except CycleError:
        reason = Text.of("One session's transactions would have to change their order; no item tells of that.")
        return Verdict(verdict.dependencies, no_verdict=reason)
    order: list[str] = []
    ready = set(sorter.get_ready())
    while ready:
        following = min(ready, key=place.__getitem__)
        order.append(following)
        sorter.done(following)
        ready = (ready - {following}) | set(sorter.get_ready())
    return replace(verdict, serial_order=tuple(order))


def _before(verdict: Verdict, history: History) -> Mapping[str, set[str]]:
    """For each committed transaction those that must come before it."""
    before: dict[str, set[str]] = {name: set() for name in verdict.serial_order or ()}
    for dependency in verdict.dependencies:
        before[dependency.target].add(dependency.source)
    sessions: dict[str | None, list[str]] = {}
    for event in history.events:
        if isinstance(event, TransactionBegan) and event.transaction in before:
            sessions.setdefault(event.session, []).append(event.transaction)
    for own in sessions.values():
        for first, second in pairwise(own):
            before[second].add(first)
    return before
