"""Which orders need no run of their own: the same as one that has run, or begun like one that cannot go on."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.experiments.orders.plan import Order, Plan


@dataclass(frozen=True, slots=True)
class Group:
    """Orders that one run stands for."""

    #: the steps that the run carried out, with the one behind them that could not be sent, if any
    order: Order
    #: which step of each pair came first in it, and the pairs for which that matters
    mask: int
    kept: int
    #: of a run that could not go on: how many steps it carried out
    stuck_at: int | None = None

    def holds(self, plan: Plan, order: Order, mask: int) -> bool:
        """Whether this order is one of them; `mask` is its own."""
        if self.stuck_at is None:
            return not (mask ^ self.mask) & self.kept
        done = self.stuck_at
        if order[done] != self.order[done] or frozenset(order[:done]) != frozenset(self.order[:done]):
            return False
        return not (plan.mask(order[:done]) ^ self.mask) & self.kept

    def size(self, plan: Plan) -> int:
        """How many they are."""
        if self.stuck_at is None:
            return plan.extensions(self.order, self.kept)
        done = self.stuck_at
        return plan.extensions(self.order[:done], self.kept) * plan.behind(self.order[: done + 1])


def whole(plan: Plan, order: Order, kept: int) -> Group:
    """Of a run that was carried to its end; `kept`: the pairs whose order matters."""
    return Group(order, plan.mask(order), kept)


def begun(plan: Plan, order: Order, done: int, kept: int) -> Group:
    """Of a run in which so many steps were carried out, and the next one could not be sent."""
    return Group(order[: done + 1], plan.mask(order[:done]), kept, done)


def every_pair(plan: Plan) -> int:
    """The bits of all pairs: only the same order is the same."""
    return sum(set(plan.bits.values()))
