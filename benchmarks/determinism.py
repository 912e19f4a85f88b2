"""Does any outcome ever differ? All interleavings of two sessions with three steps, three levels, 20 passes.

Run on an idle machine and with every core loaded; deadlock victims are part of what must not differ.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter

from benchmarks.measure import server
from simulator.engines.base import Engine
from simulator.experiments.orders import Fingerprint, explore, fingerprint
from simulator.model import Isolation
from simulator.scenarios.loader import load

LEVELS = (Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE)

#: A read, a write and a commit each, crossing on two rows; the second variant writes both and so can deadlock.
SCENARIO = """
key = "crossing"
title = "Crossing updates"
family = "isolation"
order = 1
story = "Two sessions cross on two rows."
setup = "CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20);"
[[variants]]
key = "read_write"
title = "Each reads one row and writes the other"
schedule = ["T1.read", "T1.write", "T1.commit", "T2.read", "T2.write", "T2.commit"]
expect = { RC = "safe" }
sessions.T1 = [
  { name = "read", sql = "SELECT value FROM item WHERE id = 1", save = "v" },
  { name = "write", sql = "UPDATE item SET value = :v + 1 WHERE id = 2" },
  { name = "commit", sql = "COMMIT" },
]
sessions.T2 = [
  { name = "read", sql = "SELECT value FROM item WHERE id = 2", save = "v" },
  { name = "write", sql = "UPDATE item SET value = :v + 1 WHERE id = 1" },
  { name = "commit", sql = "COMMIT" },
]
[[variants]]
key = "deadlock"
title = "Each writes both rows, in opposite order"
schedule = ["T1.a", "T1.b", "T1.commit", "T2.a", "T2.b", "T2.commit"]
expect = { RC = "safe" }
sessions.T1 = [
  { name = "a", sql = "UPDATE item SET value = value + 1 WHERE id = 1" },
  { name = "b", sql = "UPDATE item SET value = value + 1 WHERE id = 2" },
  { name = "commit", sql = "COMMIT" },
]
sessions.T2 = [
  { name = "a", sql = "UPDATE item SET value = value * 2 WHERE id = 2" },
  { name = "b", sql = "UPDATE item SET value = value * 2 WHERE id = 1" },
  { name = "commit", sql = "COMMIT" },
]
"""


def main(passes: int = 20) -> bool:
    with server() as engine:
        idle = _passes(engine, passes)
        loaded = _under_load(engine, passes)
    same = True
    for name, seen in (("idle", idle), ("all cores loaded", loaded)):
        differing = [key for key, prints in seen.items() if len(prints) > 1]
        schedules = len({key[:2] + key[2:] for key in seen})
        print(f"determinism, {name:18} {schedules} schedules x {passes} passes: {len(differing)} differed")
        same &= not differing
    both = all(idle[key].keys() == loaded[key].keys() for key in idle)
    print(f"determinism, idle and loaded {'agree' if both else 'DISAGREE'}")
    return same and both


Seen = dict[tuple[str, str, int], Counter[Fingerprint]]


def _passes(engine: Engine, passes: int) -> Seen:
    scenario = load(SCENARIO, "crossing.toml")
    seen: Seen = {}
    for _ in range(passes):
        for variant in scenario.variants:
            for level in LEVELS:
                for number, result in enumerate(explore(engine, scenario, variant, level)):
                    key = (variant.key, level.short, number)
                    seen.setdefault(key, Counter())[fingerprint(result)] += 1
    return seen


def _under_load(engine: Engine, passes: int) -> Seen:
    burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(os.cpu_count() or 2)]
    for burner in burners:
        burner.start()
    try:
        return _passes(engine, passes)
    finally:
        for burner in burners:
            burner.kill()
            burner.join()


def _burn() -> None:
    while True:
        pass
