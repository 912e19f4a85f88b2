"""How long a cell takes against its floor, how long whole sweeps take, and how soon Stop stops; in blocks, in one run.

The floor is the same statements over bare libpq connections: schema, setup, steps and drop, nothing observed, nothing
judged. `python -m benchmarks orders --merged 2600 --random 300` checks that merging loses no outcome.
"""

from __future__ import annotations

import argparse
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from psycopg import pq

from benchmarks.measure import embedded, machine, server
from simulator.engines.base import Engine
from simulator.engines.budget import serving
from simulator.experiments.orders import Progress, Sought, Sweep, sweep
from simulator.experiments.orders.plan import Plan
from simulator.model import Isolation, Scenario, Schedule, Variant
from simulator.scenarios.loader import catalogue, find, load
from simulator.verdict import run as verdict_run
from simulator.verdict.run import run_scenario
from simulator.verdict.types import NOT_REPLAYED

RC = Isolation.READ_COMMITTED
LEVELS = (Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE)


def _scenario(sessions: int, steps: int) -> Scenario:
    """Sessions that each read and write one row of the same table (3 steps), or write it (2)."""
    read = '{ name = "read", sql = "SELECT value FROM item WHERE id = 1", save = "v" },'
    names = [f"T{number}" for number in range(1, sessions + 1)]
    write = {3: "UPDATE item SET value = :v + 1 WHERE id = 1", 2: "UPDATE item SET value = value + 1 WHERE id = 1"}[
        steps
    ]
    one = (
        f'[ {read if steps == 3 else ""} {{ name = "write", sql = "{write}" }}, {{ name = "commit", sql = "COMMIT" }} ]'
    )
    own = ["read", "write", "commit"][3 - steps :]
    schedule = ", ".join(f'"{name}.{step}"' for name in names for step in own)
    return load(
        f"""
key = "sweep_{sessions}_{steps}"
title = "{sessions} sessions"
story = "They meet on one row."
setup = "CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20);"
[[variants]]
key = "naive"
title = "One row"
schedule = [{schedule}]
"""
        + "".join(f"sessions.{name} = {one}\n" for name in names),
        "sweep.toml",
    )


class Floor:
    """A cell's statements over bare connections, kept from cell to cell as ours are."""

    def __init__(self, conninfo: str, variant: Variant) -> None:
        self._connections = [
            psycopg.connect(conninfo, autocommit=True).pgconn for _ in range(1 + len(variant.sessions))
        ]
        self._of = dict(zip((each.name for each in variant.sessions), self._connections[1:], strict=True))
        self._number = 0

    def cell(self, scenario: Scenario, variant: Variant) -> None:
        self._number += 1
        schema = f"floor_{self._number}"
        first = self._connections[0]
        _say(first, f"CREATE SCHEMA {schema}")
        _say(first, f"SET search_path = {schema}; {scenario.setup}; {variant.setup}")
        for connection in self._of.values():
            _say(connection, f"SET search_path = {schema}")
        begun: set[str] = set()
        for key in variant.schedule.steps:
            step = variant.step(key)
            begin = "" if step.session in begun else f"BEGIN ISOLATION LEVEL {RC.value};"
            begun.add(step.session)
            _say(self._of[step.session], begin + step.sql)
        _say(first, f"DROP SCHEMA {schema} CASCADE")


def _say(connection: pq.abc.PGconn, text: str) -> None:
    result = connection.exec_(text.encode())
    assert result.status != pq.ExecStatus.FATAL_ERROR, result.error_message


@contextmanager
def _not_replayed() -> Iterator[None]:
    original = verdict_run._replayed
    verdict_run._replayed = lambda *_arguments: NOT_REPLAYED
    try:
        yield
    finally:
        verdict_run._replayed = original


def _block(work: Callable[[], object], times: int) -> list[float]:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return found


def ratios(rounds: int = 8, times: int = 25) -> bool:
    """A cell without waits (write skew, RC), in blocks."""
    scenario = find("write_skew")
    variant = scenario.variants[0]
    blocks: dict[str, list[float]] = {"floor": [], "cell": [], "cell with its replay": []}
    with embedded() as (engine, conninfo):
        floor = Floor(conninfo, variant)

        def cell() -> None:
            run_scenario(engine, scenario, variant, RC)

        for _ in range(rounds):
            blocks["floor"] += _block(lambda: floor.cell(scenario, variant), times)
            with _not_replayed():
                blocks["cell"] += _block(cell, times)
            blocks["cell with its replay"] += _block(cell, times)
    medians = {name: statistics.median(found) for name, found in blocks.items()}
    reached = True
    for name, limit in (("cell", 1.6), ("cell with its replay", 2.5)):
        ratio = medians[name] / medians["floor"]
        reached &= ratio <= limit
        print(f"{name:24} {medians[name]:6.2f} ms, floor {medians['floor']:6.2f} ms: {_told(ratio, limit, 'times')}")
    return reached


def sweeps() -> bool:
    """Seconds of whole sweeps at three levels, with verdicts by replay."""
    reached = True
    with server() as engine:
        sweep(engine, Sought(find("lost_update"), find("lost_update").variants[0], RC))  # warm
        cases = (("2 x 3", 2, 3, None, 0.6), ("3 x 2", 3, 2, None, 2.5), ("3 x 3 merged", 3, 3, True, 6.0))
        for name, sessions, steps, merge, limit in (*cases, ("3 x 3 whole", 3, 3, False, 45.0)):
            scenario = _scenario(sessions, steps)
            began = time.perf_counter()
            found = [sweep(engine, Sought(scenario, scenario.variants[0], level, 10**6, merge)) for level in LEVELS]
            took = time.perf_counter() - began
            runs = sum(each.runs for each in found)
            assert all(each.complete for each in found)
            reached &= took <= limit
            print(
                f"sweep {name:14} {found[0].total:5} orders x 3: {runs:5} runs, {runs / took:4.0f} a second, ", end=""
            )
            print(_told(took, limit, "s"))
    return reached


SLOW = """
key = "slow"
title = "Slow"
story = "Every statement sleeps."
setup = "CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10);"
[[variants]]
key = "naive"
title = "Sleeps"
schedule = ["T1.read", "T2.read", "T1.commit", "T2.commit"]
sessions.T1 = [ { name = "read", sql = "SELECT value, pg_sleep(5) FROM item" }, { name = "commit", sql = "COMMIT" } ]
sessions.T2 = [ { name = "read", sql = "SELECT value, pg_sleep(5) FROM item" }, { name = "commit", sql = "COMMIT" } ]
"""


def stop() -> bool:
    """From Stop to the end of the sweep, while statements sleep and while they do not."""
    reached = True
    with server() as engine:
        for name, scenario in (("sleeping", load(SLOW, "slow.toml")), ("busy", _scenario(3, 3))):
            took = []
            for number in range(5):
                progress = Progress()
                sought = Sought(scenario, scenario.variants[0], RC)
                thread = threading.Thread(target=sweep, args=(engine, sought, progress))
                thread.start()
                threading.Event().wait(0.5 + 0.05 * number)
                began = time.perf_counter()
                progress.stop()
                thread.join()
                took.append(time.perf_counter() - began)
            reached &= max(took) <= 0.3
            print(f"Stop, {name:8} {_told(max(took), 0.3, 's at most')}; rooms left open: {engine.rooms_open()}")
    return reached


class _Person:
    """One of a crowd, as a queue knows them."""

    def __init__(self, number: int) -> None:
        self.owner = number

    def waits(self, place: object) -> None:
        return


def crowd(people: int = 20) -> bool:
    """Everybody sweeps at once, and one more runs a single schedule now and then."""
    scenario = _scenario(3, 3)
    found: dict[int, Sweep] = {}
    progresses = [Progress() for _ in range(people)]
    waits: list[float] = []

    def person(engine: Engine, number: int) -> None:
        with serving(_Person(number)):
            sought = Sought(scenario, scenario.variants[0], RC, 10**6, merge=False)
            found[number] = sweep(engine, sought, progresses[number])

    with server() as engine:
        threads = [threading.Thread(target=person, args=(engine, number)) for number in range(people)]
        for thread in threads:
            thread.start()
        with serving(_Person(people)):
            for _ in range(15):
                threading.Event().wait(0.5)
                began = time.perf_counter()
                run_scenario(engine, scenario, scenario.variants[0], RC)
                waits.append(time.perf_counter() - began)
        for progress in progresses:
            progress.stop()
        for thread in threads:
            thread.join()
    runs = sorted(each.runs for each in found.values())
    print(f"{people} sweep at once: {runs[0]} to {runs[-1]} runs each; ", end="")
    print(f"a single run beside them took {_told(max(waits), 2.0, 's at most')}")
    return max(waits) <= 2.0 and runs[-1] <= 2 * max(runs[0], 1)


def merged(most: int, at_random: int) -> bool:
    """Merging loses no outcome: every variant of the catalogue with so many orders, and so many random subsets."""
    lost = 0
    with server() as engine:
        for scenario in catalogue():
            for variant in scenario.variants:
                if Plan.of(variant).total <= most:
                    lost += sum(_loses(engine, scenario, variant, level) for level in scenario.levels)
        chance = random.Random(16)
        for number in range(at_random):
            scenario, variant = _random_scenario(chance, number)
            lost += _loses(engine, scenario, variant, chance.choice(LEVELS))
    print(f"merging lost an outcome in {lost} sweeps")
    return not lost


def _loses(engine: Engine, scenario: Scenario, variant: Variant, level: Isolation) -> bool:
    full, few = (sweep(engine, Sought(scenario, variant, level, 10**6, merge)) for merge in (False, True))
    same = full.by_outcome == few.by_outcome and full.racing == few.racing
    word = "same" if same else "DIFFERS"
    name = f"{scenario.key} {variant.key} {level.short}"
    print(f"{word:8} {name:44} {full.total:5} orders: {len(full.cells):5} and {len(few.cells):5} runs", flush=True)
    if not same:
        print("  ", dict(full.by_outcome), full.racing, dict(few.by_outcome), few.racing)
    return not same


def _random_scenario(chance: random.Random, number: int) -> tuple[Scenario, Variant]:
    """Two or three sessions of reads and writes of two tables, chosen by chance."""
    statements = (
        "SELECT value FROM item WHERE id = 1",
        "SELECT sum(value) FROM other",
        "UPDATE item SET value = value + 1 WHERE id = {row}",
        "UPDATE other SET value = (SELECT max(value) FROM item) WHERE id = {row}",
        "INSERT INTO item VALUES ({new}, 1)",
        "SELECT value FROM item WHERE id = {row} FOR UPDATE",
        "DELETE FROM other WHERE id = {row}",
    )
    scenario = find("lost_update")
    template = scenario.variants[0]
    sessions = []
    for place in range(chance.choice((2, 2, 3))):
        name, steps = f"T{place + 1}", []
        for at in range(chance.choice((1, 2))):
            sql = chance.choice(statements).format(row=chance.choice((1, 2)), new=chance.choice((3, 4)))
            steps.append(replace(template.sessions[0].steps[0], name=f"s{at}", session=name, sql=sql, save=None))
        steps.append(replace(steps[0], name="end", sql=chance.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK"))))
        sessions.append(replace(template.sessions[0], name=name, steps=tuple(steps)))
    schedule = Schedule(tuple(step.key for each in sessions for step in each.steps))
    variant = replace(template, key=f"random_{number}", sessions=tuple(sessions), schedule=schedule, expectations={})
    setup = (
        "CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item VALUES (1, 10), (2, 20);"
        "CREATE TABLE other (id int PRIMARY KEY, value int); INSERT INTO other VALUES (1, 1), (2, 2);"
    )
    return replace(scenario, key="random", setup=setup, variants=(variant,), invariant=None), variant


def _told(value: float, limit: float, unit: str) -> str:
    return f"{value:.2f} {unit}   limit {limit:g}: {'reached' if value <= limit else 'NOT REACHED'}"


def main() -> bool:
    return all([ratios(), sweeps(), stop(), crowd()])


def command(arguments: list[str]) -> int:
    """`--merged N`: every variant with up to N orders; `--random N`: so many by chance; `--only PART`: one part."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks orders", description=command.__doc__)
    parser.add_argument("--merged", type=int, default=0)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--only", choices=("ratios", "sweeps", "stop", "crowd"))
    options = parser.parse_args(arguments)
    parts = {"ratios": ratios, "sweeps": sweeps, "stop": stop, "crowd": crowd}
    if options.only:
        return 0 if parts[options.only]() else 1
    return 0 if merged(options.merged, options.random) else 1


if __name__ == "__main__":
    print(machine())
    main()
