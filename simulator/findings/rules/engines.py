"""Engines and their pools: one a process, and not through a fork."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from simulator.findings.facts import Facts, Work, overlap
from simulator.findings.finding import Rule, Severity, Sign, Unit
from simulator.i18n.text import N_, Text
from simulator.traces.spans import Connection, Pool, Request

_FORK = "https://docs.sqlalchemy.org/en/21/core/pooling.html#using-connection-pools-with-multiprocessing-or-os-fork"
_ENGINES = "https://docs.sqlalchemy.org/en/21/core/connections.html#basic-usage"


def _forked(facts: Facts) -> Iterator[Sign]:
    """Two connections of one backend are open at once: two processes speak on the same socket."""
    by_backend: dict[int, list[Connection]] = defaultdict(list)
    for connection in facts.trace.connections:
        if connection.backend is not None:
            by_backend[connection.backend].append(connection)
    pairs = (pair for found in by_backend.values() for pair in combinations(found, 2))
    for one, other in pairs:
        if one.slot != other.slot and overlap(one, other):
            holds = [it for slot in facts.trace.slots if slot.number in (one.slot, other.slot) for it in slot.holds]
            yield Sign(
                said=Text.of(
                    "Slots {one} and {other} are the same backend, {backend}: an engine with an open connection went "
                    "through a fork, and two processes speak on it.",
                    one=one.slot,
                    other=other.slot,
                    backend=one.backend,
                ),
                severity=Severity.LOST,
                line=next((line for hold in holds if (line := facts.line(hold))), ""),
                requests=tuple(dict.fromkeys(filter(None, (hold.request for hold in holds)))),
                evidence=tuple(hold.seq for hold in holds),
            )


def _engine_per_request(facts: Facts) -> Iterator[Sign]:
    makers = [request for request in facts.trace.requests if _made_here(facts, request)]
    if len(makers) > 1:
        opened = [connection for connection in facts.trace.connections if connection.end_ms is None]
        works: list[Work] = [work for request in makers for work in facts.of(request.name)]
        yield Sign(
            said=Text.of(
                "{count} requests each made an engine with a pool of its own; {open} connections are open at the end.",
                count=len(makers),
                open=len(opened),
            ),
            severity=Severity.LOST if len(opened) > 1 else Severity.FLAW,
            line=works[0].statements[0].statement.line if works else "",
            requests=tuple(request.name for request in makers),
            evidence=tuple(connection.seq for connection in opened),
            costs=((Unit.CONNECTIONS, max(0, len(opened) - 1)),),
        )


def _several_engines(facts: Facts) -> Iterator[Sign]:
    """Pools beside each other that no request made: each opens as many connections as it may."""
    outside = [pool for pool in facts.trace.pools if pool.settings.request is None]
    beside = [pool for number, pool in enumerate(outside) if number == 0 or _is_beside(facts, pool)]
    if len(beside) > 1:
        most = sum(pool.capacity or 0 for pool in beside)
        yield Sign(
            said=Text.of(
                "{count} pools were recorded beside each other, with up to {most} connections in all: a transaction on "
                "one engine is none on another.",
                count=len(beside),
                most=most if all(pool.capacity is not None for pool in beside) else "∞",
            ),
            severity=Severity.COST,
            evidence=tuple(pool.seq for pool in beside),
        )


def _is_beside(facts: Facts, pool: Pool) -> bool:
    """It does not take the place of one that was disposed of: then connections had been open, and none is any more."""
    known = [each for each in facts.trace.connections if each.start_ms < pool.start_ms]
    return not known or any(each.until(float("inf")) > pool.start_ms for each in known)


def _made_here(facts: Facts, request: Request) -> bool:
    """A pool begins while it lasts, and it is the one that has it: `dispose()` ends connections before."""
    for pool in facts.trace.pools:
        if pool.settings.request == request.name:
            ends = [it.end_ms for it in facts.trace.connections if it.end_ms is not None]
            return not any(abs(each - pool.start_ms) < 1 for each in ends)
    return False


RULES = (
    Rule(
        key="engine_across_fork",
        title=N_("An engine goes through a fork"),
        cure=N_("engine.dispose(close=False) as the first thing in the child, or make the engine there."),
        source=_FORK,
        find=_forked,
        mistake="engine_across_fork",
    ),
    Rule(
        key="engine_per_request",
        title=N_("Every request makes an engine"),
        cure=N_("One engine a process, made where the module is imported or in the application's start."),
        source=_ENGINES,
        find=_engine_per_request,
        mistake="engine_per_request",
    ),
    Rule(
        key="several_engines",
        title=N_("Several engines, each with a pool"),
        cure=N_("One engine a database: what shall be stored together goes through one Session and one engine."),
        source=_ENGINES,
        find=_several_engines,
    ),
)
