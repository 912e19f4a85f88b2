"""Long use: runs, labs, live runs and tabs that are closed in the middle of a run, minute after minute.

Two processes share one embedded server, as two terminals on one laptop do: this one, which uses the engine as the pages
do, and the application, which is visited by tabs. At each look everybody pauses, so that what is counted is what is
left and not what goes on. The first looks do not count: `WARM_TABS` tabs come and go, since Streamlit keeps closed ones
for two minutes. What is asked of the looks after that:

- what runs left (schemas, objects, locks), roles, databases, backends and threads: none of the last third is above the
  highest of the first third by more than `SLACK`;
- descriptors: the same with `LOOSE`, since each of those closed tabs has an event loop with three of them;
- memory: the median of the last third is above that of the first by no more than `GROWTH` or `GROWTH_MB`. It is
  resident memory, of the database only what its processes do not share.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from functools import partial

import psutil
import psycopg

from benchmarks.application import Application, application, postmaster
from benchmarks.attack import left_on
from benchmarks.measure import embedded_in
from benchmarks.tab import Tab
from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.errors import EngineBusy, ScenarioError
from simulator.labs.fastapi.matrix import run_cell
from simulator.labs.mistakes.catalogue import MISTAKES
from simulator.labs.mistakes.run import run_pair
from simulator.labs.sessions.acid import run_acid
from simulator.labs.sessions.catalogue import mix
from simulator.labs.sessions.load import Load, run_load
from simulator.live import LiveRunEnded, LiveRuns
from simulator.live.ended import EndReason
from simulator.model import Scenario
from simulator.scenarios.loader import catalogue
from simulator.verdict.run import run_scenario

WARM_TABS, WARM_S = 60, 60.0
LOOKS = 9
SLACK, LOOSE, GROWTH, GROWTH_MB = 2, 180, 0.10, 25.0
PAUSE_S = 20.0
_SETTLED_S = 0.3


@dataclass(frozen=True, slots=True)
class Look:
    """What there is while everybody pauses; memory in MB, resident."""

    minute: float
    runs: int
    memory_here: float
    memory_app: float
    memory_server: float
    threads_here: int
    threads_app: int
    descriptors_here: int
    descriptors_app: int
    backends: int
    left: int
    roles: int
    databases: int

    @property
    def settled(self) -> tuple[int, ...]:
        """What must stop changing before the look counts."""
        return (self.threads_here, self.threads_app, self.backends, self.left, self.descriptors_app)


@dataclass(slots=True)
class Gate:
    """Lets workers work, or holds them between two pieces of work."""

    workers: int
    stopped: bool = False
    runs: int = 0
    tabs: int = 0
    failures: list[str] = field(default_factory=list)
    _closed: bool = False
    _waiting: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def passes(self) -> bool:
        """Wait while the gate is closed; False once everything is over."""
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.stopped or not self._closed)
            self._waiting -= 1
            return not self.stopped

    def leave(self) -> None:
        """A worker that ends is waited for no longer."""
        with self._changed:
            self.workers -= 1
            self._changed.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Until the block ends nobody works. Raises SystemExit where somebody does not come back."""
        with self._changed:
            self._closed = True
            if not self._changed.wait_for(lambda: self._waiting >= self.workers, PAUSE_S):
                raise SystemExit(f"somebody still worked {PAUSE_S:g} s after the pause began")
        try:
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self.stopped = True
            self._changed.notify_all()


def main(minutes: float = 1.0) -> bool:
    """Print a look a line; False where something is not level, or a piece of work failed."""
    with (
        tempfile.TemporaryDirectory(prefix="tx") as data,
        embedded_in(data) as (engine, share),
        application(data) as app,
        _live_runs() as live,
    ):
        work: Sequence[Callable[[Gate], None]] = (
            lambda gate: _keep(gate, _schedules(engine)),
            lambda gate: _keep(gate, _labs(engine)),
            lambda gate: _keep(gate, _live(engine, live)),
            lambda gate: asyncio.run(_tabs(gate, app.url, 1)),
            lambda gate: asyncio.run(_tabs(gate, app.url, 2)),
        )
        gate = Gate(workers=len(work))
        threads = [threading.Thread(target=_work, args=(gate, each), daemon=True) for each in work]
        for thread in threads:
            thread.start()
        try:
            looks = list(_looks(gate, app, share, live, minutes))
        finally:
            gate.stop()
            for thread in threads:
                thread.join(PAUSE_S)
        return _verdict(looks, gate)


@contextmanager
def _live_runs() -> Iterator[LiveRuns]:
    runs = LiveRuns()
    try:
        yield runs
    finally:
        runs.close_all()


def _work(gate: Gate, work: Callable[[Gate], None]) -> None:
    """What a worker raises fails the soak, and is told."""
    try:
        work(gate)
    except BaseException as error:
        gate.failures.append(f"{type(error).__name__}: {error}")
        raise
    finally:
        gate.leave()


def _keep(gate: Gate, pieces: Iterator[Callable[[], object]]) -> None:
    while gate.passes():
        with suppress(EngineBusy):  # a person would try again
            next(pieces)()
        gate.runs += 1


def _schedules(engine: Engine) -> Iterator[Callable[[], object]]:
    """Every scenario, variant and level, over and over."""
    everything = [
        (scenario, variant, level)
        for scenario in catalogue()
        for variant in scenario.variants
        for level in scenario.levels
    ]
    for number, (scenario, variant, level) in enumerate(itertools.cycle(everything)):
        yield partial(run_scenario, engine, scenario, variant, level, watch=number % 2 == 0)


def _labs(engine: Engine) -> Iterator[Callable[[], object]]:
    for mistake in itertools.cycle(MISTAKES):
        yield partial(run_load, engine, Load(mix("working_day"), 12, llm_s=0.02))
        yield partial(run_pair, engine, mistake)
        yield partial(run_cell, engine, "commit_after_yield", "commit_fails")
        yield partial(run_acid, engine, "atomicity")


def _live(engine: Engine, live: LiveRuns) -> Iterator[Callable[[], object]]:
    """Started, driven for a few clicks, and mostly left: the next one of the same owner replaces it."""
    dice = random.Random(1)
    for scenario in itertools.cycle(catalogue()):
        yield partial(_drive, engine, live, scenario, dice)


def _drive(engine: Engine, live: LiveRuns, scenario: Scenario, dice: random.Random) -> None:
    name = live.start(engine, scenario, scenario.variants[0], scenario.levels[0], owner="soak")
    run = live.get(name)
    with suppress(LiveRunEnded, ScenarioError):
        for _ in range(4):
            ready = [each for each in run.choices().sessions if each.possible and each.step is not None]
            if not ready:
                break
            chosen = dice.choice(ready)
            if chosen.step is not None:
                run.click(chosen.name, chosen.step, turn=chosen.turn)
    if dice.random() < 0.5:
        live.close(name)


async def _tabs(gate: Gate, url: str, seed: int) -> None:
    """Each opens a page, half of them begin something more, and all are closed at once, whatever goes on."""
    dice = random.Random(seed)
    pages = ("anomalies", "locks", "anomalies", "fastapi", "mistakes", "sessions", "")
    while await asyncio.to_thread(gate.passes):
        page = dice.choice(pages)
        drives = page in ("anomalies", "locks") and dice.random() < 0.3
        tab, shown = await Tab.open(url, page, "?mode=drive" if drives else "")
        gate.failures += [f"/{page}: {each}" for each in shown.complaints if "Traceback" in each or "failed" in each]
        if page == "anomalies" and not drives and dice.random() < 0.3:
            await tab.choose("anomalies_level", "SERIALIZABLE")
        if dice.random() < 0.5:
            await tab.ask()
            await asyncio.sleep(dice.uniform(0, 0.1))
        await tab.close()
        gate.tabs += 1


def _looks(gate: Gate, app: Application, share: EmbeddedServer, live: LiveRuns, minutes: float) -> Iterator[Look]:
    """The looks that count, evenly over the time; those of the warm-up are printed only."""
    print(" ".join(f"{each.name.replace('_', ' '):>11}"[:16] for each in fields(Look)))
    began = time.monotonic()
    while gate.tabs < WARM_TABS and time.monotonic() < began + WARM_S and not gate.failures:
        _let_work(gate, time.monotonic() + WARM_S / 4)
        _print(_look(gate, app, share, live, began), "warming up")
    began = time.monotonic()
    for number in range(1, LOOKS + 1):
        _let_work(gate, began + minutes * 60 * number / LOOKS)
        found = _look(gate, app, share, live, began)
        _print(found)
        yield found


def _let_work(gate: Gate, until: float) -> None:
    while time.monotonic() < until and not gate.failures:
        time.sleep(0.1)


def _look(gate: Gate, app: Application, share: EmbeddedServer, live: LiveRuns, began: float) -> Look:
    """Once everybody pauses, no live run is open, and nothing changes any more."""
    with gate.closed():
        live.end_all(EndReason.CLOSED)
        deadline, before = time.monotonic() + PAUSE_S, None
        while True:
            found = _count(gate, app, share, (time.monotonic() - began) / 60)
            if found.settled == before or time.monotonic() > deadline:
                return found
            before = found.settled
            time.sleep(_SETTLED_S)


def _count(gate: Gate, app: Application, share: EmbeddedServer, minute: float) -> Look:
    here = psutil.Process()
    server = postmaster(app.data)
    family = [server, *server.children()] if server else []
    counts = psycopg.connect(share.admin_conninfo(), autocommit=True)
    with counts:
        backends, roles, databases = counts.execute(_COUNTS).fetchone() or (0, 0, 0)
    return Look(
        minute, gate.runs + gate.tabs, _mb([here]), _mb([app.process]), _own_mb(family),
        here.num_threads(), app.process.num_threads(), here.num_fds(), app.process.num_fds(), int(backends),
        len(left_on(share.admin_conninfo)), int(roles), int(databases),
    )  # fmt: skip


#: Connections but this one, roles, databases.
_COUNTS = """
SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()),
       (SELECT count(*) FROM pg_catalog.pg_roles),
       (SELECT count(*) FROM pg_catalog.pg_database)
"""


def _mb(processes: Sequence[psutil.Process]) -> float:
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 2**20


def _own_mb(processes: Sequence[psutil.Process]) -> float:
    """What would come back if they ended: the database's processes share most of what is resident in each."""
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().uss
    return total / 2**20


def _print(look: Look, remark: str = "") -> None:
    values = (getattr(look, each.name) for each in fields(look))
    print(" ".join(f"{value:11.1f}" if isinstance(value, float) else f"{value:11d}" for value in values), remark)


def _verdict(looks: Sequence[Look], gate: Gate) -> bool:
    """Whether what was counted is level."""
    third = max(1, len(looks) // 3)
    first, last = looks[:third], looks[-third:]
    level = not gate.failures
    for failure in sorted(set(gate.failures))[:5]:
        print(f"failed: {failure}")
    for name in (each.name for each in fields(Look) if each.name not in ("minute", "runs")):
        early, late = ([getattr(look, name) for look in part] for part in (first, last))
        if name.startswith("memory"):
            before, after = statistics.median(early), statistics.median(late)
            allowed = before + max(before * GROWTH, GROWTH_MB)
        else:
            before, after = max(early), max(late)
            allowed = before + (LOOSE if name.startswith("descriptors") else SLACK)
        held = after <= allowed
        level = level and held
        print(f"{name.replace('_', ' '):18} {before:8.1f} -> {after:8.1f}   at most {allowed:8.1f}: "
              f"{'level' if held else 'NOT LEVEL'}")  # fmt: skip
    return level
