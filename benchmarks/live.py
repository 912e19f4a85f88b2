"""A click on a live run: how soon its page may show that it waits, by the server's own clock, and what a look costs."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.cells import DEADLOCK, _epoch
from benchmarks.measure import report, server
from simulator.engines.base import Engine
from simulator.engines.postgres.activity import look
from simulator.live import LiveRun, LiveRuns, LiveState
from simulator.model import Isolation
from simulator.scenarios.loader import load

RC = Isolation.READ_COMMITTED


def main(repeats: int = 200) -> bool:
    with server() as engine:
        clicks = [_click_that_waits(engine) for _ in range(repeats)]
        reached = [
            report("live: shown as waiting, after waitstart", [shown for shown, _ in clicks], 50.0),
            report("live: click that waits, for its caller", [taken for _, taken in clicks], 50.0),
            report("live: a fragment's look while one waits", _looks(engine, repeats), 10.0),
            report("live: undo of three clicks", [_undo(engine) for _ in range(repeats // 2)], 100.0),
            report("live: watching the server, eight live runs", _activity(engine, repeats), 20.0),
        ]
    return all(reached)


def _waiting(engine: Engine) -> tuple[LiveRun, float]:
    """A run whose T2 waits for T1, and when its last click was made."""
    scenario = load(DEADLOCK, "deadlock.toml")
    run = LiveRun.start(engine, scenario, scenario.variants[0], RC)
    run.click("T1", "a")
    run.click("T2", "a")
    started = time.perf_counter()
    assert run.click("T2", "b").session("T2").state is LiveState.WAITING
    return run, started


def _click_that_waits(engine: Engine) -> tuple[float, float]:
    """Milliseconds from pg_locks.waitstart, and from the call, to the return of the click; one machine, one clock."""
    run, started = _waiting(engine)
    returned, taken = time.time(), time.perf_counter() - started
    block = run._stage.run.scheduler.lanes["T2"].block
    # The server writes waitstart a moment after the wait began: the click's look may have found it empty.
    while block is None or not block.since:
        run.refresh()
        block = run._stage.run.scheduler.lanes["T2"].block
    run.close()
    return (returned - _epoch(block)) * 1000, taken * 1000


def _looks(engine: Engine, repeats: int) -> list[float]:
    run, _ = _waiting(engine)
    times = [_timed(run.refresh) for _ in range(repeats)]
    run.close()
    return times


def _undo(engine: Engine) -> float:
    run, _ = _waiting(engine)
    run.click("T1", "b")
    taken = _timed(run.undo)
    run.close()
    return taken


def _activity(engine: Engine, repeats: int) -> list[float]:
    runs, scenario = LiveRuns(limit=8), load(DEADLOCK, "deadlock.toml")
    for owner in range(8):
        run = runs.get(runs.start(engine, scenario, scenario.variants[0], RC, owner=owner))
        for session, step in (("T1", "a"), ("T2", "a"), ("T2", "b")):
            run.click(session, step)
    levels = runs.levels()
    times = [_timed(lambda: look(engine, levels)) for _ in range(repeats)]
    runs.close_all()
    return times


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000
