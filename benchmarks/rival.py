"""Against isolab 0.1.0 (a published command-line lab): the same 16 variants x 3 levels, interleaved cell by cell.

Both make the schema anew, run the same schedule, retry what was aborted and judge the end; Txscope's cell also observes
every committed state and derives the verdict from it. Both on one server, each cell of one right after the other's.
"""

from __future__ import annotations

import statistics
import time

from benchmarks.measure import embedded, report
from simulator.model import Isolation
from simulator.scenarios.loader import find
from simulator.verdict.run import run_scenario

#: isolab's scenario and variant -> ours. Titles differ, statements and schedules correspond.
PAIRS = {
    ("lost_update", "naive"): ("lost_update", "naive"),
    ("lost_update", "atomic_update"): ("lost_update", "atomic"),
    ("lost_update", "for_update"): ("lost_update", "for_update"),
    ("lost_update", "optimistic_version"): ("lost_update", "version"),
    ("write_skew", "naive"): ("write_skew", "naive"),
    ("write_skew", "for_update"): ("write_skew", "for_update"),
    ("phantom_booking", "naive"): ("double_booking", "naive"),
    ("phantom_booking", "exclusion_constraint"): ("double_booking", "exclusion"),
    ("phantom_booking", "lock_room"): ("double_booking", "lock_room"),
    ("read_skew", "naive"): ("read_skew", "naive"),
    ("wallet_overdraft", "naive"): ("wallet_overdraft", "naive"),
    ("wallet_overdraft", "guarded_update"): ("wallet_overdraft", "guarded"),
    ("wallet_overdraft", "check_constraint"): ("wallet_overdraft", "check"),
    ("mpesa_callback", "naive"): ("duplicate_callback", "naive"),
    ("mpesa_callback", "unique_constraint"): ("duplicate_callback", "unique"),
    ("mpesa_callback", "idempotent_insert"): ("duplicate_callback", "on_conflict"),
}
LEVELS = (Isolation.READ_COMMITTED, Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE)


def main(repeats: int = 10) -> bool:
    import isolab.scenarios
    from isolab.engine import preflight, run_cell

    theirs: list[float] = []
    ours: list[float] = []
    factors: list[float] = []
    with embedded() as (engine, dsn):
        preflight(dsn)  # its extension, btree_gist
        for _ in range(repeats):
            for (their_scenario, their_variant), (scenario_key, variant_key) in PAIRS.items():
                rival = isolab.scenarios.get(their_scenario)
                scenario = find(scenario_key)
                for level in LEVELS:
                    started = time.perf_counter()
                    run_cell(dsn, rival, rival.variant(their_variant), level.value)
                    between = time.perf_counter()
                    run_scenario(engine, scenario, scenario.variant(variant_key), level)
                    ended = time.perf_counter()
                    theirs.append((between - started) * 1000)
                    ours.append((ended - between) * 1000)
                    factors.append(theirs[-1] / ours[-1])
    report("isolab 0.1.0, a cell", theirs)
    report("Txscope, the same cells", ours)
    factor = statistics.median(theirs) / statistics.median(ours)
    print(f"Txscope is {factor:.1f} times faster (medians); limit 4: {'reached' if factor >= 4 else 'NOT REACHED'}")
    return factor >= 4
