"""What made the difference: the shortest way from an order that is safe to one that goes wrong."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.experiments.orders.cells import Cell, Sweep
from simulator.experiments.orders.plan import Plan


@dataclass(frozen=True, slots=True)
class Nearest:
    """Two orders of one sweep, and the steps that change places between them: each first in the safe order."""

    safe: Cell
    wrong: Cell
    exchanged: tuple[tuple[str, str], ...]

    @property
    def differ_at(self) -> int:
        """The first place at which the orders differ."""
        pairs = enumerate(zip(self.safe.order, self.wrong.order, strict=True))
        return next(place for place, (one, other) in pairs if one != other)


def nearest(sweep: Sweep) -> Nearest | None:
    """The pair with the fewest exchanges of neighbours, of these the simplest; None where there is none."""
    plan = Plan.of(sweep.variant)
    safe = [
        (cell, plan.mask(cell.order))
        for cell in sweep.cells
        if cell.possible and not cell.race and not cell.can_be_wrong
    ]
    wrong = [(cell, plan.mask(cell.order)) for cell in sweep.cells if cell.wrong]
    pairs = ((one, other, (a ^ b).bit_count()) for one, a in safe for other, b in wrong)
    best = min(pairs, key=lambda pair: (pair[2], pair[1].switches, pair[0].switches), default=None)
    if best is None:
        return None
    one, other, _ = best
    return Nearest(one, other, tuple(_exchanged(plan, one, other)))


def _exchanged(plan: Plan, safe: Cell, wrong: Cell) -> list[tuple[str, str]]:
    place = {step: at for at, step in enumerate(wrong.order)}
    return [
        (first, second)
        for at, first in enumerate(safe.order)
        for second in safe.order[at + 1 :]
        if (first, second) in plan.bits and place[second] < place[first]
    ]
