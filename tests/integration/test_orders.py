"""Every order on a real server: known counts, nothing lost by merging, races told as such, stopping, files to keep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.attack import settled
from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.experiments.orders import Progress, Sought, Sweep, sweep
from simulator.experiments.orders.classes import classes
from simulator.experiments.orders.difference import nearest
from simulator.export.orders import smallest_of, smallest_spec, smallest_test, smallest_toml
from simulator.model import Isolation, Outcome
from simulator.scenarios.loader import find, load
from simulator.scenarios.spec_reader import load_spec

RC, RR, SER = Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE

#: Without those that wait for a time-out; what has more orders is checked by `python -m benchmarks orders`.
MERGED = (
    ("lost_update", "naive"),
    ("write_skew", "naive"),
    ("wallet_overdraft", "check"),
    ("g_single", "case"),
    ("read_skew", "for_share"),
    ("double_booking", "exclusion"),
    ("duplicate_callback", "unique"),
    ("recheck_sees", "naive"),
    ("deadlock", "naive"),
    ("skip_locked", "naive"),
    ("foreign_key_lock", "naive"),
    ("row_lock_queue", "naive"),
)


def swept(engine: Engine, key: str, variant: str, level: Isolation, merge: bool | None = None) -> Sweep:
    scenario = find(key)
    return sweep(engine, Sought(scenario, scenario.variant(variant), level, merge=merge))


@pytest.mark.parametrize(
    ("level", "wrong", "outcomes"),
    [
        (RC, 12, {Outcome.ANOMALY: 12, Outcome.SAFE: 2, Outcome.IMPOSSIBLE: 6}),
        (RR, 0, {Outcome.RETRIED: 12, Outcome.SAFE: 2, Outcome.IMPOSSIBLE: 6}),
        (SER, 0, {Outcome.RETRIED: 12, Outcome.SAFE: 2, Outcome.IMPOSSIBLE: 6}),
    ],
)
def test_the_orders_of_the_lost_update(
    engine: Engine, level: Isolation, wrong: int, outcomes: dict[Outcome, int]
) -> None:
    found = swept(engine, "lost_update", "naive", level)
    assert (found.total, found.possible, found.wrong) == (20, 14, wrong)
    assert found.by_outcome == outcomes
    assert found.complete
    assert found.sample is None


@pytest.mark.parametrize(("key", "variant"), MERGED)
def test_merging_loses_no_outcome(engine: Engine, key: str, variant: str) -> None:
    for level in find(key).levels:
        full, merged = (swept(engine, key, variant, level, merge=merge) for merge in (False, True))
        assert full.complete
        assert merged.complete
        assert len(merged.cells) <= len(full.cells)
        # An order that the server's race decides is one by itself, and is one in both.
        assert merged.by_outcome == full.by_outcome, level
        assert merged.racing == full.racing


def test_a_sweep_gives_the_same_again_but_for_races(engine: Engine) -> None:
    once, again = (swept(engine, "row_lock_queue", "naive", RC) for _ in range(2))
    assert [cell.order for cell in once.cells] == [cell.order for cell in again.cells]
    assert [cell.print for cell in once.cells if not cell.race] == [c.print for c in again.cells if not c.race]
    races = [cell for cell in once.cells if cell.race]
    assert races
    assert all(sum(times for _, times in cell.seen) > 1 for cell in races)


def test_the_simplest_order_that_goes_wrong_is_one_exchange_from_a_safe_one(engine: Engine) -> None:
    found = swept(engine, "lost_update", "naive", RC)
    assert found.simplest_wrong is not None
    assert found.simplest_wrong.switches == 1
    pair = nearest(found)
    assert pair is not None
    assert pair.exchanged == (("T1.commit", "T2.read"),)
    assert (pair.safe.outcome, pair.wrong.outcome) == (Outcome.SAFE, Outcome.ANOMALY)


def test_levels_that_no_order_tells_apart_stand_together(engine: Engine) -> None:
    found = classes(swept(engine, "lost_update", "naive", level) for level in (RC, RR, SER))
    assert [[place.isolation for place in each.places] for each in found] == [[RC], [RR, SER]]
    assert found[0].told_by is not None
    assert found[0].told_by[1].outcome is Outcome.ANOMALY
    assert not found[1].differ


def test_of_many_orders_some_are_drawn_and_a_share_is_told(engine: Engine) -> None:
    scenario = find("deadlock_three")
    variant = scenario.variant("naive")
    found = sweep(engine, Sought(scenario, variant, RC, budget=20))
    assert not found.complete
    assert found.runs <= 20 + 4
    assert found.sample is not None
    low, high = found.sample.bounds
    assert 0 <= low <= high <= 1


def test_stop_ends_what_runs_at_once_and_leaves_nothing(engine: Engine, server: EmbeddedServer) -> None:
    scenario = load(SLOW, "slow.toml")
    progress = Progress()
    came: list[Sweep] = []
    sought = Sought(scenario, scenario.variants[0], RC)
    thread = threading.Thread(target=lambda: came.append(sweep(engine, sought, progress)))
    thread.start()
    while not engine.rooms_open():
        threading.Event().wait(0.01)
    threading.Event().wait(0.2)  # until statements sleep; where they do not yet, nothing else is asserted
    began = time.monotonic()
    progress.stop()
    thread.join(10)
    took = time.monotonic() - began
    assert not thread.is_alive()
    assert took < 3  # 0.3 s on a machine of its own: benchmarks/orders.py
    assert came[0].stopped
    assert not settled(server.admin_conninfo)


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

ROWS = """
key = "rows"
title = "More than is needed"
story = "Three rows, and one counts; two sessions, and a third that only reads."
setup = '''
CREATE TABLE other (id int);
CREATE TABLE item (id int PRIMARY KEY, value int);
INSERT INTO item VALUES (1, 10), (2, 20), (3, 30);
'''
[[variants]]
key = "naive"
title = "Read, add, write"
schedule = ["T1.look", "T1.read", "T2.read", "T1.write", "T1.commit", "T2.write", "T2.commit", "T3.read", "T3.commit"]
sessions.T1 = [
  { name = "look", sql = "SELECT * FROM item WHERE id = 3" },
  { name = "read", sql = "SELECT value FROM item WHERE id = 1", save = "value" },
  { name = "write", sql = "UPDATE item SET value = :value + 1 WHERE id = 1" },
  { name = "commit", sql = "COMMIT" },
]
sessions.T2 = [
  { name = "read", sql = "SELECT value FROM item WHERE id = 1", save = "value" },
  { name = "write", sql = "UPDATE item SET value = :value + 2 WHERE id = 1" },
  { name = "commit", sql = "COMMIT" },
]
sessions.T3 = [ { name = "read", sql = "SELECT id FROM item" }, { name = "commit", sql = "COMMIT" } ]
"""


def test_what_is_not_needed_is_left_out(engine: Engine) -> None:
    scenario = load(ROWS, "rows.toml")
    found = smallest_of(engine, sweep(engine, Sought(scenario, scenario.variants[0], RC, budget=60)))
    assert found is not None
    steps = Counter(key.partition(".")[0] for key in found.result.schedule.steps)
    assert steps == {"T1": 3, "T2": 3}
    assert "other" not in found.scenario.setup
    assert "(2, 20)" not in found.scenario.setup
    assert found.result.outcome is Outcome.ANOMALY
    kept = load(smallest_toml(found), "kept.toml")
    assert kept.variants[0].schedule == found.result.schedule
    assert load_spec(smallest_spec(found), "kept.spec").permutations


def test_a_test_that_is_kept_fails_until_the_order_is_safe(
    engine: Engine, server: EmbeddedServer, tmp_path: Path
) -> None:
    found = smallest_of(engine, swept(engine, "lost_update", "naive", RC))
    assert found is not None
    text = smallest_test(found)
    path = tmp_path / "test_order.py"
    path.write_text(text, "utf-8")
    wrong = _pytest(path, server)
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "2 failed" in wrong.stdout
    path.write_text(text.replace("READ COMMITTED", "SERIALIZABLE"), "utf-8")
    right = _pytest(path, server)
    assert right.returncode == 0, right.stdout + right.stderr
    assert "2 passed" in right.stdout


def _pytest(path: Path, server: EmbeddedServer) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
    environment = {**os.environ, "DATABASE_URL": server.admin_conninfo()}
    return subprocess.run(command, capture_output=True, text=True, cwd=path.parent, env=environment, check=False)


def test_the_command_tells_and_keeps_it(data_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TXSCOPE_DATA", str(data_folder))
    monkeypatch.setenv("DATABASE_URL", "")
    file = tmp_path / "kept.toml"
    command = [sys.executable, "-m", "simulator", "orders", "lost_update", "--json", "--toml", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    levels = told["levels"]
    assert levels["READ COMMITTED"]["outcomes"] == {"safe": 2, "impossible order": 6, "anomaly": 12}
    assert [levels[level]["possible"] for level in levels] == [14, 14, 14]
    assert levels["SERIALIZABLE"]["simplest_wrong"] is None
    assert told["smallest"]["outcome"] == "anomaly"
    assert load(file.read_text("utf-8"), "kept.toml").key == "lost_update"
