"""Watch live: this server's sessions, their transactions, and who waits for whom, at this moment.

One query a look. The server does not tell the isolation level of another session's transaction: whoever started it
does (`levels`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from simulator.engines.base import Engine
from simulator.engines.postgres.statements import OPENING, pids
from simulator.model import Isolation, Row


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session of the server."""

    pid: int
    #: the run (its schema) that the session belongs to; None where it is not one of ours
    run: str | None
    #: the session's name in its run; the application's name where it is not one of ours
    session: str
    role: str
    database: str
    #: `active`, `idle in transaction`, `idle in transaction (aborted)`, `idle`; "" where the role may not see it
    state: str
    #: how long it has been in this state, and in its transaction (None: in none); milliseconds
    state_ms: float | None
    transaction_ms: float | None
    #: the statement that runs, or ran last; "" before the first
    statement: str
    #: what the server says it waits for (`Lock: transactionid`, `Client: ClientRead`), "" where it works
    wait: str = ""
    #: the lock that it waits for, in the server's words: `transactionid 745 (ShareLock)`
    lock: str = ""
    #: process ids of those who must go first; 0 is a prepared transaction
    blocked_by: tuple[int, ...] = ()
    #: known for the sessions of live runs
    isolation: Isolation | None = None

    @property
    def waits(self) -> bool:
        return bool(self.blocked_by)


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session with those that wait for it. `row` is None where the server names it but does not show it."""

    pid: int
    row: SessionRow | None
    waiters: tuple[Blocker, ...] = ()
    #: it waits for one of its own waiters: a deadlock that the server has yet to break
    in_cycle: bool = False


def look(engine: Engine, levels: Mapping[str, Isolation] | None = None) -> tuple[SessionRow, ...]:
    """The sessions of runs; on an external server others too, where the role is in pg_read_all_stats.

    `levels`: isolation levels by the session's name on the server (`LiveRuns.levels`). Raises EngineError.
    """
    rows = engine.activity(everyone=not engine.info().embedded)
    return tuple(session_row(row, levels or {}) for row in rows)


def session_row(row: Row, levels: Mapping[str, Isolation]) -> SessionRow:
    """A row of activity.sql."""
    pid, application, ours, role, database, state, state_ms, transaction_ms, query, kind, event, *waits = row
    blockers, snapshot_blockers, lock = waits
    run, _, session = str(application).partition(":")
    return SessionRow(
        pid=int(str(pid)),
        run=run if ours else None,
        session=session if ours else str(application),
        role=str(role),
        database=str(database),
        state=str(state),
        state_ms=_milliseconds(state_ms),
        transaction_ms=_milliseconds(transaction_ms),
        statement=own_statement(str(query)) if ours else str(query),
        wait=f"{kind}: {event}" if kind else "",
        lock=str(lock or ("a safe snapshot" if pids(snapshot_blockers) else "")),
        blocked_by=pids(blockers) or pids(snapshot_blockers),
        isolation=levels.get(str(application)) if ours else None,
    )


def own_statement(query: str) -> str:
    """The session's own statement, without the one that shared its round trip; "" where it has sent none yet.

    >>> own_statement("BEGIN ISOLATION LEVEL READ COMMITTED;UPDATE item SET value = 1")
    'UPDATE item SET value = 1'
    """
    if query.startswith(OPENING):
        return ""
    first, semicolon, rest = query.partition(";")
    return rest.strip() if semicolon and first.startswith(_LEADING) and rest.strip() else query


#: What the sessions of runs send before a statement of the person's, in one round trip.
_LEADING = ("BEGIN ISOLATION LEVEL ", "SELECT pg_catalog.pg_current_xact_id_if_assigned()")


def blocking_tree(rows: Sequence[SessionRow]) -> tuple[Blocker, ...]:
    """Who blocks whom: at the roots those who wait for nobody, and of each deadlock its lowest process id.

    Each waiter stands once, beneath the last of its blockers to go; `blocked_by` of its row names all of them.
    Sessions that neither block nor wait are left out.
    """
    graph = nx.DiGraph((blocker, row.pid) for row in rows for blocker in row.blocked_by)
    parents = _parents(graph)
    cyclic = {pid for members in nx.strongly_connected_components(graph) if len(members) > 1 for pid in members}
    known = {row.pid: row for row in rows}
    waiters: dict[int | None, list[int]] = {}
    for pid in sorted(graph):
        waiters.setdefault(parents.get(pid), []).append(pid)

    def node(pid: int) -> Blocker:
        return Blocker(pid, known.get(pid), nodes(waiters.get(pid, ())), pid in cyclic)

    def nodes(each: Iterable[int]) -> tuple[Blocker, ...]:
        return tuple(map(node, each))

    return nodes(waiters.get(None, ()))


def _parents(graph: nx.DiGraph[int]) -> dict[int, int]:
    """For each waiter the blocker that it stands beneath: the deepest, and around a cycle the one before it."""
    condensed = nx.condensation(graph)
    depth: dict[int, int] = {}
    for level, components in enumerate(nx.topological_generations(condensed)):
        for component in components:
            depth.update(dict.fromkeys(condensed.nodes[component]["members"], level))
    parents: dict[int, int] = {}
    for component in condensed:
        members = condensed.nodes[component]["members"]
        outside = {pid: [by for by in graph.predecessors(pid) if by not in members] for pid in members}
        entry = min(members, key=lambda pid: (not outside[pid], pid))
        if outside[entry]:
            parents[entry] = max(outside[entry], key=lambda by: (depth[by], -by))
        parents.update(dict(nx.bfs_predecessors(graph.subgraph(members), entry)))
    return parents


def _milliseconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
