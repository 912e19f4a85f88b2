"""Whose orders are shown: a scenario of the catalogue or of one's own, and where a square of it leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from simulator.experiments.orders.plan import Order, Plan
from simulator.model import Isolation, Scenario, Schedule, Variant
from simulator.ui.kit.slots import PAGE
from simulator.ui.schedules import pick as link
from simulator.ui.schedules.pick import Pick


@dataclass(frozen=True, slots=True)
class Subject:
    """What is swept."""

    scenario: Scenario
    #: the number of the scenario among those that this person loaded; 0 for the catalogue's
    own: int = 0
    #: the order that is looked at beside it
    current: tuple[str, Isolation, Order] | None = None

    @classmethod
    def of(cls, pick: Pick) -> Subject:
        return cls(pick.scenario, pick.own, (pick.variant.key, pick.isolation, pick.schedule.steps))

    @property
    def id(self) -> tuple[str, int]:
        """The same for the same scenario in this tab."""
        return self.scenario.key, self.own

    def variants(self) -> tuple[Variant, ...]:
        """Those that differ in what is run: the permutations of a .spec file are orders of one."""
        return tuple(_different(self.scenario.variants))

    def href(self, variant: str, isolation: Isolation, order: Order) -> str:
        """Where the run of this order is opened."""
        found = self.scenario.variant(variant)
        pick = Pick(self.scenario, found, isolation, Schedule(order), own=self.own)
        if self.own:
            return f"./{PAGE.get()}?{urlencode(link.of_own(pick))}"
        return f"./{link.shelf_of(self.scenario).page}?{urlencode(link.whole(pick))}"


def _different(variants: tuple[Variant, ...]) -> Iterator[Variant]:
    seen = set()
    for variant in variants:
        what = (variant.sessions, variant.setup, Plan.of(variant))
        if what not in seen:
            seen.add(what)
            yield variant
