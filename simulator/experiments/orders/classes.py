"""Which levels and fixes cannot be told apart by any order that was run, and which order tells them apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simulator.experiments.orders.cells import WRONG, Cell, Sweep
from simulator.experiments.orders.known import begun, every_pair
from simulator.experiments.orders.plan import Order, Plan
from simulator.model import Isolation, Outcome

#: What can come of one variant at one level.
Outcomes = frozenset[Outcome]


@dataclass(frozen=True, slots=True)
class Place:
    """One variant at one level."""

    variant: str
    isolation: Isolation


@dataclass(frozen=True, slots=True)
class Class:
    """Variants and levels of which the same can come."""

    outcomes: Outcomes
    places: tuple[Place, ...]
    #: an order, and where it was run, that comes to what never comes of the next class; None for the last one
    told_by: tuple[Place, Cell] | None = None
    #: levels of one variant that only single orders tell apart: two of these places, and the simplest such order
    differ: tuple[tuple[Place, Place, Order], ...] = ()


def classes(sweeps: Iterable[Sweep]) -> tuple[Class, ...]:
    """The worst first. What was not run tells nothing apart: sweeps that were stopped are left out."""
    known = [sweep for sweep in sweeps if sweep.cells and not sweep.stopped]
    groups: dict[Outcomes, list[Sweep]] = {}
    for sweep in known:
        groups.setdefault(outcomes_of(sweep), []).append(sweep)
    order = sorted(groups, key=lambda found: (not found & set(WRONG), -len(found), sorted(found)))
    following: list[Outcomes | None] = [*order[1:], None]
    return tuple(
        Class(found, tuple(map(_place, groups[found])), _told_by(groups[found], after), tuple(_differ(groups[found])))
        for found, after in zip(order, following, strict=True)
    )


def outcomes_of(sweep: Sweep) -> Outcomes:
    """What the orders that can be carried out came to, in any run of them."""
    return frozenset(outcome for cell in sweep.cells if cell.possible for outcome in _seen(cell))


def _seen(cell: Cell) -> Sequence[Outcome]:
    return [outcome for outcome, _ in cell.seen] or [cell.outcome]


def _place(sweep: Sweep) -> Place:
    return Place(sweep.variant.key, sweep.isolation)


def _told_by(sweeps: Sequence[Sweep], after: Outcomes | None) -> tuple[Place, Cell] | None:
    if after is None:
        return None
    found = (
        (_place(sweep), cell)
        for sweep in sweeps
        for cell in sweep.cells
        if cell.possible and not frozenset(_seen(cell)) <= after
    )
    return min(found, key=lambda each: each[1].switches, default=None)


def _differ(sweeps: Sequence[Sweep]) -> Iterable[tuple[Place, Place, Order]]:
    for at, one in enumerate(sweeps):
        for other in sweeps[at + 1 :]:
            order = _first_difference(one, other) if one.variant is other.variant else None
            if order is not None:
                yield _place(one), _place(other), order


def _first_difference(one: Sweep, other: Sweep) -> Order | None:
    """The simplest order, run by itself at both levels, that came out otherwise."""
    theirs = {cell.order: cell for cell in other.cells}
    shared = ((cell, theirs[cell.order]) for cell in one.cells if cell.order in theirs)
    return next((mine.order for mine, its in shared if mine.outcome is not its.outcome), None)


def by_order(sweep: Sweep, plan: Plan) -> dict[Order, Cell]:
    """Each order of a plan of few with the cell that stands for it, where each was run by itself or is impossible."""
    alone = {cell.order: cell for cell in sweep.cells if cell.stuck_at is None}
    stuck = [
        (begun(plan, cell.order, cell.stuck_at, every_pair(plan)), cell)
        for cell in sweep.cells
        if cell.stuck_at is not None
    ]
    found = {}
    for order in plan.simplest_first():
        mask = plan.mask(order)
        cell = alone.get(order) or next((cell for group, cell in stuck if group.holds(plan, order, mask)), None)
        if cell is not None:
            found[order] = cell
    return found
