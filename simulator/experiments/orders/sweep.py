"""Runs the orders of a variant at one level, the simplest first: each for real, or as one of those that are the same.

Two runs go on at once. Which orders are run, and what stands for what, is decided in the order of the plan and never by
who is ready first: the same sweep gives the same cells again.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial

from simulator.engines.base import Engine, Room
from simulator.experiments.orders import known
from simulator.experiments.orders.cells import Cell, Sample, Sweep, cell_of
from simulator.experiments.orders.dependence import Memory, Seen, seen_in
from simulator.experiments.orders.known import Group
from simulator.experiments.orders.plan import Order, Plan
from simulator.experiments.orders.progress import Progress
from simulator.history.sqlstates import SqlState
from simulator.model import Isolation, Outcome, Scenario, Schedule, Variant
from simulator.verdict.run import RunResult, run_scenario

#: Up to so many orders each is run by itself: every square is a run of its own, and takes no longer to look at.
EACH_ALONE = 70
#: Runs of a sweep, where nobody says otherwise.
BUDGET = 2000
#: Up to so many orders are known by name; of more, what was not run is only counted.
MOST_LISTED = 20_000
#: Runs at once.
AT_ONCE = 2
#: How often an order is run again in which the server chooses whom it serves first.
REPEATS = 4


@dataclass(frozen=True, slots=True)
class Sought:
    """What is to be swept."""

    scenario: Scenario
    variant: Variant
    isolation: Isolation
    #: runs, those included that are made again
    budget: int = BUDGET
    #: whether orders that are the same are run once; None: where there are many
    merge: bool | None = None
    #: an aborted transaction is run again, as an application should
    retry: bool = True


def sweep(
    engine: Engine,
    sought: Sought,
    progress: Progress | None = None,
    tell: Callable[[Sweep], object] = lambda sweep: None,
) -> Sweep:
    """The whole sweep, or what was found of it until it was stopped; `tell` is called with it after each cell.

    Raises EngineError (no room, setup failed), ScenarioError, and what `tell` raises.
    """
    return _Sweeper(engine, sought, progress or Progress(), tell).run()


class _Sweeper:
    """One sweep while it goes on; one thread decides, others run."""

    def __init__(self, engine: Engine, sought: Sought, progress: Progress, tell: Callable[[Sweep], object]) -> None:
        self._engine, self._sought, self._progress, self._tell = engine, sought, progress, tell
        self._plan = Plan.of(sought.variant)
        total = self._plan.total
        self._merges = total > EACH_ALONE if sought.merge is None else sought.merge
        self._certain = engine.capabilities().deadlock_timeout_s is not None
        self._groups: list[Group] = []
        #: what each group's run came to, by its place
        self._cells: list[Cell] = []
        #: pairs whose order mattered in some run
        self._kept = 0
        self._memory: Memory = {}
        self._runs = 0
        self._started = time.monotonic_ns()
        #: masks of the orders that are not known yet; None where there are too many to name
        self._left = {self._plan.mask(o): o for o in self._plan.simplest_first()} if total <= MOST_LISTED else None
        self._ahead: dict[Order, Future[RunResult]] = {}
        self._sample: Sample | None = None

    def run(self) -> Sweep:
        with ThreadPoolExecutor(AT_ONCE, "txscope-order") as pool:
            try:
                self._simplest(pool)
                if self._wants_more():
                    self._at_random(pool)
            except BaseException:
                self._progress.stop()
                raise
        return self._so_far()

    def _wants_more(self) -> bool:
        done = self._left is not None and not self._left
        return not done and not self._progress.is_stopped and self._runs < self._sought.budget

    def _simplest(self, pool: ThreadPoolExecutor) -> None:
        """All orders where they are not too many; else so many that the rest of the budget is for chance."""
        limit = self._sought.budget if self._few() else self._sought.budget // 2
        candidates = self._unknown()
        while self._runs < limit and self._wants_more():
            order = next(candidates, None)
            if order is None:
                return
            self._take(pool, order)

    def _few(self) -> bool:
        return self._left is not None and len(self._left) <= self._sought.budget

    def _unknown(self) -> Iterator[Order]:
        if self._left is None:
            yield from (each for each in self._plan.simplest_first() if self._group_of(each) is None)
            return
        while self._left:
            yield next(iter(self._left.values()))

    def _at_random(self, pool: ThreadPoolExecutor) -> None:
        """What is drawn is known by chance alone, also where an earlier run stands for it."""
        sought = self._sought
        chance = random.Random(f"{sought.scenario.key} {sought.variant.key} {sought.isolation}")
        drawn = Counter[str]()
        for order in self._plan.at_random(chance):
            place = self._group_of(order)
            if place is None:
                if not self._wants_more():
                    return
                place = self._take(pool, order)
            if place is None:
                return
            cell = self._cells[place]
            drawn["drawn"] += 1
            drawn["possible"] += cell.possible
            drawn["wrong"] += cell.possible and cell.can_be_wrong
            self._sample = Sample(drawn["drawn"], drawn["possible"], drawn["wrong"])

    def _group_of(self, order: Order) -> int | None:
        mask = self._plan.mask(order)
        found = (at for at, group in enumerate(self._groups) if group.holds(self._plan, order, mask))
        return next(found, None)

    def _take(self, pool: ThreadPoolExecutor, order: Order) -> int | None:
        """Run it, or take in its run if it was begun before; the place of its cell, None where it was stopped."""
        self._begin(pool, order)
        self._look_ahead(pool, order)
        result = self._ahead.pop(order).result()
        if self._progress.is_stopped:
            return None
        self._runs += 1
        seen = seen_in(result.history, self._sought.variant, order, self._memory)
        race = self._is_race(seen, result)
        group = self._group(order, seen, result, race=race)
        self._groups.append(group)
        self._kept |= group.kept
        cell = cell_of(result, self._plan.switches(order), self._count(group), group.stuck_at)
        if race:
            cell = self._again(pool, cell)
        self._cells.append(cell)
        sweep = self._so_far()
        self._progress.found(sweep)
        self._tell(sweep)
        return len(self._cells) - 1

    def _begin(self, pool: ThreadPoolExecutor, order: Order) -> Future[RunResult]:
        if order not in self._ahead:
            self._ahead[order] = pool.submit(copy_context().run, self._carry_out, order)
        return self._ahead[order]

    def _look_ahead(self, pool: ThreadPoolExecutor, order: Order) -> None:
        """Begin another one that is likely to be wanted next."""
        if self._left is None or len(self._ahead) >= AT_ONCE:
            return
        mask = self._plan.mask(order)
        for other, each in self._left.items():
            if (other ^ mask) & self._kept or (not self._merges and each != order):
                self._begin(pool, each)
                return

    def _carry_out(self, order: Order) -> RunResult:
        sought, rooms = self._sought, list[Room]()

        def opened(room: Room) -> None:
            rooms.append(room)
            self._progress.opened(room)

        try:
            return run_scenario(
                self._engine,
                sought.scenario,
                sought.variant,
                sought.isolation,
                schedule=Schedule(order),
                retry=sought.retry,
                locks=True,
                opened=opened,
            )
        finally:
            for room in rooms:
                self._progress.left(room)

    def _is_race(self, seen: Seen, result: RunResult) -> bool:
        """Whether the server itself chose whom to serve, or to end, first."""
        deadlock = any(abort.sqlstate == SqlState.DEADLOCK_DETECTED for abort in result.aborts)
        return seen.race or (deadlock and not self._certain)

    def _group(self, order: Order, seen: Seen, result: RunResult, *, race: bool) -> Group:
        # Where the server chooses, another order that begins alike may be carried out.
        stuck = (
            not race and result.outcome in (Outcome.IMPOSSIBLE, Outcome.WAITS_FOR_EVER) and len(seen.steps) < len(order)
        )
        alone = not self._merges or race
        # A run that was cut short has not shown what its last step touched.
        alone |= not stuck and len(seen.steps) < len(order)
        kept = known.every_pair(self._plan) if alone else seen.kept(self._plan)
        return known.begun(self._plan, order, len(seen.steps), kept) if stuck else known.whole(self._plan, order, kept)

    def _count(self, group: Group) -> int:
        """How many orders it stands for that no other one does."""
        if self._left is None:
            return group.size(self._plan)
        mine = [mask for mask, order in self._left.items() if group.holds(self._plan, order, mask)]
        for mask in mine:
            del self._left[mask]
        return len(mine)

    def _again(self, pool: ThreadPoolExecutor, cell: Cell) -> Cell:
        """The cell with what its order came to when it was run again."""
        work = [pool.submit(copy_context().run, partial(self._carry_out, cell.order)) for _ in range(REPEATS)]
        results = [each.result() for each in work]
        if self._progress.is_stopped:
            return replace(cell, race=True)
        self._runs += len(results)
        outcomes = Counter([cell.outcome, *(each.outcome for each in results)])
        return replace(cell, seen=tuple(outcomes.most_common()), race=True)

    def _so_far(self) -> Sweep:
        return Sweep(
            self._sought.scenario,
            self._sought.variant,
            self._sought.isolation,
            self._plan.total,
            tuple(self._cells),
            self._sample,
            self._progress.is_stopped,
            self._runs,
            time.monotonic_ns() - self._started,
        )
