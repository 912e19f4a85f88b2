"""Writes `observed/*.json` from real runs: `python -m tests.histories.write`. The tests that read them need no server.

Ids and process numbers differ each time; tests ask for what they mean.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from simulator.engines.start import open_engine
from simulator.model import Isolation
from simulator.scenarios.loader import find
from simulator.verdict.run import run_scenario

FOLDER = Path(__file__).parent / "observed"

#: file -> scenario, variant, level
RUNS = {
    "lost_update_rc": ("lost_update", "naive", Isolation.READ_COMMITTED),
    "lost_update_rr": ("lost_update", "naive", Isolation.REPEATABLE_READ),
    "read_skew_rr": ("read_skew", "naive", Isolation.REPEATABLE_READ),
    "phantom_rr": ("phantom", "naive", Isolation.REPEATABLE_READ),
    "write_skew_ser": ("write_skew", "naive", Isolation.SERIALIZABLE),
    "recheck_misses_rc": ("recheck_misses", "naive", Isolation.READ_COMMITTED),
    "g1a_rc": ("g1a", "case", Isolation.READ_COMMITTED),
    "g1b_rc": ("g1b", "case", Isolation.READ_COMMITTED),
    "queue_rc": ("row_lock_queue", "naive", Isolation.READ_COMMITTED),
    "deadlock_rc": ("deadlock", "naive", Isolation.READ_COMMITTED),
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tx") as data:
        engine = open_engine({"TXSCOPE_DATA": data})
        try:
            for name, (scenario, variant, isolation) in RUNS.items():
                found = find(scenario)
                result = run_scenario(engine, found, found.variant(variant), isolation, watch=True)
                (FOLDER / f"{name}.json").write_text(result.history.to_json() + "\n")
        finally:
            engine.close()


if __name__ == "__main__":
    main()
