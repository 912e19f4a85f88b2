"""What a sweep is made of: a cell for each order that was run, with the orders that it stands for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from simulator.execution.run import Abort
from simulator.experiments.orders.plan import Order
from simulator.experiments.orders.repeated import Fingerprint, fingerprint
from simulator.i18n.text import Text
from simulator.model import Isolation, Outcome, Scenario, Variant
from simulator.verdict.headline import came_to
from simulator.verdict.run import RunResult

#: What is stored or seen is wrong.
WRONG = (Outcome.ANOMALY, Outcome.RULE_BROKEN)


@dataclass(frozen=True, slots=True)
class Cell:
    """One order as it was run; of one that was run again, what it came to first."""

    order: Order
    outcome: Outcome
    #: orders that are the same but for neighbours that cannot notice each other, or that begin alike and cannot go on
    count: int
    #: how often a session is interrupted
    switches: int
    #: what it came to, in one sentence
    told: Text
    anomalies: tuple[str, ...] = ()
    #: of the transactions that were aborted, each once
    sqlstates: tuple[str, ...] = ()
    #: what must not differ when it is run again
    print: Fingerprint | None = None
    #: by outcome, how often: of an order in which the server chooses whom it serves first
    seen: tuple[tuple[Outcome, int], ...] = ()
    #: the server itself chose whom it served first: nothing of it is certain, and `seen` tells how often what came
    race: bool = False
    #: the first steps of it, behind which nothing else was run: the next one cannot be sent
    stuck_at: int | None = None

    @property
    def wrong(self) -> bool:
        """What is stored or seen is wrong, and will be again."""
        return not self.race and self.outcome in WRONG

    @property
    def can_be_wrong(self) -> bool:
        return any(outcome in WRONG for outcome, _ in self.seen) or self.outcome in WRONG

    @property
    def possible(self) -> bool:
        return self.outcome is not Outcome.IMPOSSIBLE


@dataclass(frozen=True, slots=True)
class Sample:
    """Orders drawn at random, each as likely as any other at every draw and none twice, and how many went wrong."""

    drawn: int
    possible: int
    wrong: int

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which shares of all possible orders those that go wrong lie, with 95 % confidence.

        Clopper and Pearson, "The use of confidence or fiducial limits" (1934). Draws without repetition know more, so
        the bounds are wider than need be.
        """
        low = _share(self.wrong - 1, self.possible, 0.975) if self.wrong else 0.0
        high = _share(self.wrong, self.possible, 0.025) if self.wrong < self.possible else 1.0
        return low, high


@dataclass(frozen=True)
class Sweep:
    """The orders of a variant at one level, as they were run."""

    scenario: Scenario
    variant: Variant
    isolation: Isolation
    total: int
    cells: tuple[Cell, ...] = ()
    #: where not all could be run
    sample: Sample | None = None
    stopped: bool = False
    #: how many runs it took, those included that were run again
    runs: int = 0
    elapsed_ns: int = 0

    @cached_property
    def covered(self) -> int:
        """How many orders the cells stand for."""
        return sum(cell.count for cell in self.cells)

    @property
    def complete(self) -> bool:
        return self.covered == self.total

    @cached_property
    def possible(self) -> int:
        """Of these, those that can be carried out, whoever is served first."""
        return sum(cell.count for cell in self.cells if cell.possible and not cell.race)

    @cached_property
    def by_outcome(self) -> Mapping[Outcome, int]:
        """How many orders came to what; without those that the server's own race decides."""
        found: dict[Outcome, int] = {}
        for cell in self.cells:
            if not cell.race:
                found[cell.outcome] = found.get(cell.outcome, 0) + cell.count
        return found

    @property
    def wrong(self) -> int:
        return sum(cell.count for cell in self.cells if cell.wrong)

    @property
    def racing(self) -> int:
        """Orders that the server's own race decides."""
        return sum(cell.count for cell in self.cells if cell.race)

    @cached_property
    def simplest_wrong(self) -> Cell | None:
        """The order with the fewest interruptions that goes wrong."""
        wrong = [cell for cell in self.cells if cell.wrong]
        return min(wrong, key=lambda cell: cell.switches, default=None)


def cell_of(result: RunResult, switches: int, count: int, stuck_at: int | None) -> Cell:
    """A cell from the run of its order."""
    lines = came_to(result)
    rule = Text(result.scenario.invariant.title) if result.scenario.invariant else Text("")
    return Cell(
        order=result.schedule.steps,
        outcome=result.outcome,
        count=count,
        switches=switches,
        told=lines[0].given(rule=rule) if lines else Text(""),
        anomalies=tuple(dict.fromkeys(anomaly.name for anomaly in result.confirmed.anomalies)),
        sqlstates=_states(result.aborts),
        print=fingerprint(result),
        seen=((result.outcome, 1),),
        stuck_at=stuck_at,
    )


def _states(aborts: Iterable[Abort]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(abort.sqlstate for abort in aborts if abort.sqlstate is not None))


def _at_most(wrong: int, of: int, share: float) -> float:
    """How likely no more than so many go wrong, where each does with this probability, between 0 and 1."""
    every = math.lgamma(of + 1)
    return sum(
        math.exp(
            every
            - math.lgamma(number + 1)
            - math.lgamma(of - number + 1)
            + number * math.log(share)
            + (of - number) * math.log1p(-share)
        )
        for number in range(wrong + 1)
    )


def _share(wrong: int, of: int, likely: float) -> float:
    """With which probability of each no more than so many go wrong, just so likely."""
    low, high = 1e-12, 1 - 1e-12
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, of, middle) > likely else (low, middle)
    return low
