"""One cell: fresh schema, run, verdict, cleanup. And how soon a wait is known, by the server's own clock."""

from __future__ import annotations

import re
import time
from datetime import datetime

from benchmarks.measure import report, server
from simulator.engines.base import Block, Engine
from simulator.engines.postgres.room import PostgresRoom
from simulator.model import Isolation, Scenario, Variant
from simulator.scenarios.loader import find, load
from simulator.verdict.judge import Finding
from simulator.verdict.run import RunResult, run_scenario

DEADLOCK = """
key = "deadlock"
title = "Deadlock"
family = "isolation"
order = 1
story = "Two transfers lock two accounts in opposite order."
setup = "CREATE TABLE account (id int PRIMARY KEY, balance int); INSERT INTO account VALUES (1, 100), (2, 100);"
[[variants]]
key = "naive"
title = "Opposite order"
schedule = ["T1.a", "T2.a", "T1.b", "T2.b", "T1.commit", "T2.commit"]
expect = { RC = "retried" }
sessions.T1 = [
  { name = "a", sql = "UPDATE account SET balance = balance - 1 WHERE id = 1" },
  { name = "b", sql = "UPDATE account SET balance = balance + 1 WHERE id = 2" },
  { name = "commit", sql = "COMMIT" },
]
sessions.T2 = [
  { name = "a", sql = "UPDATE account SET balance = balance - 1 WHERE id = 2" },
  { name = "b", sql = "UPDATE account SET balance = balance + 1 WHERE id = 1" },
  { name = "commit", sql = "COMMIT" },
]
"""


def main(repeats: int = 300) -> bool:
    with server() as engine:
        cells = (
            ("cell without waits (write skew, RC)", *_case("write_skew"), 6.0),
            ("cell with one wait (lost update, RC)", *_case("lost_update"), 10.0),
            ("cell with a deadlock and its retry", *_deadlock(), 30.0),
        )
        reached = [
            report(name, [_cell(engine, scenario, variant) for _ in range(repeats)], limit)
            for name, scenario, variant, limit in cells
        ]
        reached.append(report("blocked known after the wait began", _blocked_delays(engine, repeats), 1.0))
    return all(reached)


def _case(key: str) -> tuple[Scenario, Variant]:
    scenario = find(key)
    return scenario, scenario.variants[0]


def _deadlock() -> tuple[Scenario, Variant]:
    scenario = load(DEADLOCK, "deadlock.toml")
    return scenario, scenario.variants[0]


def _cell(engine: Engine, scenario: Scenario, variant: Variant) -> float:
    started = time.perf_counter()
    result: RunResult = run_scenario(engine, scenario, variant, Isolation.READ_COMMITTED)
    assert result.finding is not Finding.UNCONFIRMED, result.replayed.reason
    return (time.perf_counter() - started) * 1000


def _blocked_delays(engine: Engine, repeats: int) -> list[float]:
    """From pg_locks.waitstart to the moment at which StepBlocked was recorded, in ms; one machine, one clock."""
    scenario, variant = _case("lost_update")
    delays: list[float] = []
    original = PostgresRoom.blocks

    def timed(self: PostgresRoom, sessions):  # type: ignore[no-untyped-def]
        blocks = original(self, sessions)
        now = time.time()
        for block in blocks.values():
            # The server writes waitstart a moment after the wait began: the first look may find it empty.
            first_looks.setdefault(self.label, now)
            if block.since and self.label not in seen:
                seen.add(self.label)
                delays.append((first_looks[self.label] - _epoch(block)) * 1000)
        return blocks

    first_looks: dict[str, float] = {}
    seen: set[str] = set()
    PostgresRoom.blocks = timed  # type: ignore[method-assign]
    try:
        for _ in range(repeats):
            run_scenario(engine, scenario, variant, Isolation.READ_COMMITTED)
    finally:
        PostgresRoom.blocks = original  # type: ignore[method-assign]
    return delays


def _epoch(block: Block) -> float:
    # `+00` is not yet an offset for fromisoformat in 3.11's stricter forms with odd fractions.
    text = re.sub(r"([+-]\d\d)$", r"\1:00", block.since)
    return datetime.fromisoformat(text).timestamp()
