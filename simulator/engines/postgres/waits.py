"""Waiting for sessions, and why one of them waits for another."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

from simulator.engines.base import Block, SessionConnection
from simulator.engines.postgres.connection import ServerConnection
from simulator.engines.postgres.exchange import until_readable
from simulator.engines.postgres.statements import array, pids
from simulator.engines.postgres.wire import WireSession, result_set
from simulator.model import Row

#: How long an answer is looked for before the thread sleeps until it comes, in seconds: most are there by then.
AWAKE = 0.0002


def until_one_answers(sessions: Sequence[WireSession], seconds: float) -> None:
    """Return when one of them has something to read, or after so many seconds. Raises RunError."""
    sockets = [session.fileno() for session in sessions]
    until = time.perf_counter() + min(seconds, AWAKE)
    while time.perf_counter() < until:
        if until_readable(sockets, 0):
            return
    if seconds > AWAKE:
        until_readable(sockets, seconds - AWAKE)


def blocks(
    control: ServerConnection, schema: str, names: Mapping[int, str], sessions: Collection[SessionConnection]
) -> Mapping[str, Block]:
    """For each of these sessions that waits: why; `names` are our sessions by process. Raises EngineError."""
    found = control.ask("blockers", [array(session.backend for session in sessions)])
    waiting = [int(str(row[0])) for row in result_set(found).rows]
    if not waiting:
        return {}
    rows = result_set(control.ask("blocks", [array(waiting), schema.encode()])).rows
    return {names[int(str(row[0]))]: block for row in rows if (block := _block(row, names)) is not None}


def _block(row: Row, names: Mapping[int, str]) -> Block | None:
    _, blockers, snapshot_blockers, locktype, mode, target, since = row
    locks = pids(blockers)
    first = locks or pids(snapshot_blockers)
    if not first:
        return None
    ours = tuple(dict.fromkeys(names[pid] for pid in first if pid in names))
    lock = f"{locktype} {target} ({mode})" if locktype else "a safe snapshot"
    # pg_blocking_pids has a zero for each prepared transaction, which no process runs.
    return Block(
        ours,
        lock,
        foreign=any(pid and pid not in names for pid in first),
        deadlock_checked=bool(locks),
        prepared=0 in locks,
        since=str(since),
    )
