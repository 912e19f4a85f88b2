"""How sure verdicts are and what they cost: random runs, changed values that have to be noticed, and milliseconds.

`python -m benchmarks verdicts --runs 5000` examines so many random runs, each verdict asked for again in fresh rooms.
`--mutations` changes single values of recorded runs of the catalogue and asks the replay again: it has to notice.
Without either: how long verdicts on the catalogue take, by the number of transactions.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import TypeVar

from hypothesis import HealthCheck, given, settings

from benchmarks.measure import report, server
from benchmarks.random_runs import LEVELS, Drawn, Recorded, drawn, examine, recorded
from simulator.engines.base import Engine
from simulator.model import Isolation, Row, Scalar, Scenario, Schedule, SessionScript, Step, Variant
from simulator.scenarios.loader import catalogue
from simulator.verdict.comparison import Content
from simulator.verdict.replay import replay
from simulator.verdict.run import run_scenario
from simulator.verdict.transactions import Transaction
from simulator.verdict.types import Serial
from simulator.verdict.words import asks_server

T = TypeVar("T")

#: Milliseconds of the median verdict, by the number of transactions that committed.
LIMITS = {2: 10.0, 4: 25.0}
#: Of a hundred changed values so many have to be noticed.
LEAST_NOTICED = 0.99
#: Values that are changed of one run.
CHANGES = 6


def command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks verdicts", description=__doc__)
    parser.add_argument("--runs", type=int, default=0, help="random runs to examine")
    parser.add_argument("--mutations", action="store_true", help="change values of recorded runs")
    options = parser.parse_args(arguments)
    with server() as engine:
        if options.runs:
            return 0 if _runs(engine, options.runs) else 1
        return 0 if (_mutations(engine) if options.mutations else _speed(engine)) else 1


def main() -> bool:
    """What the README's figures come from: speed."""
    with server() as engine:
        return _speed(engine)


def _runs(engine: Engine, runs: int) -> bool:
    confirmed = [_runs_at(engine, level, -(-runs // len(LEVELS))) for level in LEVELS]
    return all(confirmed)


def _runs_at(engine: Engine, level: Isolation, runs: int) -> bool:
    found: Counter[str] = Counter()
    wrong: list[Drawn] = []

    @settings(max_examples=runs, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(drawn(level))
    def examined(case: Drawn) -> None:
        judged = examine(engine, case)
        found["skipped" if judged.skipped else judged.result.finding.value] += 1
        if judged.wrong or judged.gap:
            wrong.append(case)
        assert not judged.wrong, judged.wrong
        # What the graph calls safe and no serial order gives.
        assert not judged.gap, judged.result.replayed

    try:
        examined()
    except AssertionError as error:
        # The last one is the smallest.
        print(f"{level.short}: {error}\n{wrong[-1]}")
    told = ", ".join(f"{count} {name}" for name, count in found.most_common())
    print(f"random runs at {level.short}: {told}; {'NOT ALL CONFIRMED' if wrong else 'all confirmed'}", flush=True)
    return not wrong


def _mutations(engine: Engine) -> bool:
    random, noticed, changed, missed = Random(1), 0, 0, Counter[str]()
    for scenario in catalogue():
        for variant in scenario.variants:
            for level in scenario.levels if scenario.family != "locks" else ():
                with recorded(engine, scenario, variant, level) as run:
                    for where, transactions, content in _changes(run, random):
                        setup = (scenario.setup, variant.setup)
                        again = replay(run.room, setup, variant, transactions, content, run.result.replayed.order)
                        changed += 1
                        noticed += again.serial is not Serial.YES
                        missed[f"{scenario.key} {variant.key} {where}"] += again.serial is Serial.YES
    for name, count in (+missed).most_common():
        print(f"  {count} not noticed: {name}")
    share = noticed / changed
    print(f"changed values: {noticed} of {changed} noticed ({share:.2%}), at least {LEAST_NOTICED:.0%} are to be")
    return share >= LEAST_NOTICED


def _changes(run: Recorded, random: Random) -> Iterator[tuple[str, tuple[Transaction, ...], Content]]:
    """The transactions and the content with one value changed in either, and where; of what some order explains."""
    if run.result.replayed.serial is not Serial.YES:
        return
    seen = [(name, each, run.content) for name, each in _with_other_answers(run.transactions)]
    stored = [(name, run.transactions, each) for name, each in _with_other_rows(run.content)]
    yield from random.sample([*seen, *stored], min(CHANGES, len(seen) + len(stored)))


def _with_other_answers(transactions: tuple[Transaction, ...]) -> Iterator[tuple[str, tuple[Transaction, ...]]]:
    for i, transaction in enumerate(transactions):
        for j, sent in enumerate(transaction.sent):
            if asks_server(sent.step.sql):
                continue
            for k, rows in enumerate(sent.seen.rows):
                for changed in _with_another_value(rows):
                    seen = replace(sent.seen, rows=_put(sent.seen.rows, k, changed))
                    answered = replace(transaction, sent=_put(transaction.sent, j, replace(sent, seen=seen)))
                    yield sent.step.key, _put(transactions, i, answered)


def _with_other_rows(content: Content) -> Iterator[tuple[str, Content]]:
    for i, relation in enumerate(content):
        for rows in _with_another_value(relation.rows):
            yield relation.name, _put(content, i, replace(relation, rows=rows))


def _with_another_value(rows: tuple[Row, ...]) -> Iterator[tuple[Row, ...]]:
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            yield _put(rows, i, _put(row, j, _another(value)))


def _put(values: tuple[T, ...], place: int, value: T) -> tuple[T, ...]:
    return (*values[:place], value, *values[place + 1 :])


def _another(value: Scalar) -> Scalar:
    """One that no order gives by chance."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 7919
    return 7919 if value is None else f"{value}~"


def _speed(engine: Engine) -> bool:
    took: dict[tuple[int, Serial], list[float]] = defaultdict(list)
    for scenario in catalogue():
        for variant in scenario.variants if scenario.family != "locks" else ():
            for level in scenario.levels:
                for _ in range(5):
                    replayed = run_scenario(engine, scenario, variant, level).replayed
                    took[len(replayed.order), replayed.serial].append(replayed.elapsed_ns / 1e6)
    for ring in (_ring(4), _ring(8)):
        for level in (Isolation.READ_COMMITTED, Isolation.SERIALIZABLE):
            for _ in range(20):
                replayed = run_scenario(engine, ring, ring.variants[0], level).replayed
                took[len(replayed.order), replayed.serial].append(replayed.elapsed_ns / 1e6)
    reached = [
        report(f"verdict on {count} transactions, {serial.value}", milliseconds, LIMITS.get(count))
        for (count, serial), milliseconds in sorted(took.items())
        if count > 1
    ]
    return all(reached)


def _ring(size: int) -> Scenario:
    """Each session reads the row that the next one writes: the catalogue has nothing of so many transactions."""
    names = [f"T{number}" for number in range(1, size + 1)]
    sessions = tuple(
        SessionScript(
            name,
            (
                Step("read", name, f"SELECT v FROM ring WHERE id = {number % size + 1}"),
                Step("write", name, f"UPDATE ring SET v = {number} WHERE id = {number}"),
                Step("commit", name, "COMMIT"),
            ),
        )
        for number, name in enumerate(names, 1)
    )
    order = Schedule(tuple(f"{name}.{step}" for step in ("read", "write", "commit") for name in names))
    variant = Variant("naive", "Ring", sessions, order, is_fix=False, expectations={})
    setup = (
        "CREATE TABLE ring (id int PRIMARY KEY, v int NOT NULL);"
        f"INSERT INTO ring SELECT g, 0 FROM generate_series(1, {size}) AS g"
    )
    return Scenario("ring", "Ring", "isolation", 1, "", setup, (variant,))
