"""A link restores what is on the page: scenario, variant, level, order and step, by keys that no language changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import urlencode

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.model import Isolation, Scenario, Schedule, Variant
from simulator.scenarios.loader import catalogue, find
from simulator.scenarios.order import parse_order, reorder
from simulator.ui.kit.link import Link, NotFollowed, Part, quoted

#: What the families are called where several stand together.
FAMILIES: Mapping[str, str] = MappingProxyType(
    {"isolation": N_("Business rules"), "hermitage": N_("Hermitage's cases"), "locks": N_("Locks")}
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The scenarios of one lab."""

    #: the key of its page
    page: str
    #: in the order in which they are offered
    families: tuple[str, ...]
    #: what is opened where a link names nothing
    first: str

    def scenarios(self) -> tuple[Scenario, ...]:
        """Family by family."""
        return tuple(each for family in self.families for each in catalogue() if each.family == family)


#: In a link: the number of a scenario that this person loaded.
OWN = "own"

ANOMALIES = Shelf("anomalies", ("isolation", "hermitage"), "lost_update")
LOCKS = Shelf("locks", ("locks",), "deadlock")


@dataclass(frozen=True, slots=True)
class Pick:
    """What is to be run and looked at."""

    scenario: Scenario
    variant: Variant
    isolation: Isolation
    schedule: Schedule
    #: position of the transport, -1 before the first step, None for the end
    step: int | None = None
    #: the number of the scenario among those that this person loaded, which no link can restore; 0 for the catalogue's
    own: int = 0

    @property
    def scenario_id(self) -> tuple[str, int]:
        """The same for the same scenario in this tab; what a run is known by, instead of all that it is made of."""
        return (self.scenario.key, self.own)

    @property
    def order_id(self) -> tuple[object, ...]:
        """The same for the same statements in the same order, at whichever level."""
        return (*self.scenario_id, self.variant.key, self.schedule.steps)

    @property
    def run_id(self) -> tuple[object, ...]:
        """The same for the same run."""
        return (*self.order_id, self.isolation)


def of_own(pick: Pick) -> dict[str, str]:
    """What `picker` takes back to the same pick as long as this person has that scenario of their own."""
    parts = {part.name: text for part in link(ANOMALIES).parts[1:] if (text := part.write(pick)) is not None}
    return {OWN: str(pick.own), **parts}


def read_own(parameters: Mapping[str, str], scenario: Scenario, number: int) -> Pick | None:
    """The same as a pick; None where the link is of another scenario."""
    if parameters.get(OWN) != str(number):
        return None
    return Link(link(ANOMALIES).parts[1:], opened(scenario, own=number)).read(parameters)[0]


def read(parameters: Mapping[str, str], shelf: Shelf) -> tuple[Pick, tuple[str, ...]]:
    """What the link asks for, and a sentence for each part of it that could not be followed."""
    return link(shelf).read(parameters)


def whole(pick: Pick) -> dict[str, str]:
    """Everything that `read` takes: a link that is given to others stays right when other things open by themselves."""
    return link(shelf_of(pick.scenario)).whole(pick)


def parameters(pick: Pick) -> dict[str, str]:
    """The shortest query that `read` takes back to the same pick; empty for what opens by itself."""
    return link(shelf_of(pick.scenario)).write(pick)


def first_level(scenario: Scenario) -> Isolation:
    """The level that a scenario opens at: the server's default, where the scenario has it."""
    default = Isolation.READ_COMMITTED
    return default if default in scenario.levels else scenario.levels[0]


def shelf_of(scenario: Scenario) -> Shelf:
    """The lab that it belongs to."""
    return LOCKS if scenario.family in LOCKS.families else ANOMALIES


def href(scenario: str, variant: str, isolation: Isolation) -> str:
    """Where this variant of a scenario of the catalogue is opened at this level, from any page."""
    found = find(scenario)
    written = found.variant(variant)
    return f"./{shelf_of(found).page}?{urlencode(whole(Pick(found, written, isolation, written.schedule)))}"


def opened(scenario: Scenario, *, own: int = 0) -> Pick:
    """The first variant of a scenario, at the level that it opens at."""
    variant = scenario.variants[0]
    return Pick(scenario, variant, first_level(scenario), variant.schedule, own=own)


@lru_cache
def link(shelf: Shelf) -> Link[Pick]:
    """The link of a lab's page."""
    parts = (
        Part("scenario", lambda _pick, key: opened(_scenario(shelf, key)), lambda pick: pick.scenario.key),
        Part("variant", _with_variant, lambda pick: pick.variant.key),
        Part("level", _with_level, lambda pick: pick.isolation.short),
        Part("order", _with_order, _order),
        Part("step", _with_step, lambda pick: None if pick.step is None else str(pick.step + 1)),
    )
    return Link(parts, opened(find(shelf.first)))


def _scenario(shelf: Shelf, key: str) -> Scenario:
    found = next((each for each in catalogue() if each.key == key), None)
    if found is None:
        raise NotFollowed(
            _("The link asks for scenario “{key}”, and there is none; choose one above.").format(key=quoted(key))
        )
    if found.family not in shelf.families:
        raise NotFollowed(_("The scenario “{title}” belongs to another page.").format(title=_(found.title)))
    return found


def _with_variant(pick: Pick, key: str) -> Pick:
    variants = {variant.key: variant for variant in pick.scenario.variants}
    if key not in variants:
        raise NotFollowed(
            _("The link asks for variant “{key}”; this scenario has {known}.").format(
                key=quoted(key), known=", ".join(variants)
            )
        )
    return replace(pick, variant=variants[key], schedule=variants[key].schedule)


def _with_level(pick: Pick, text: str) -> Pick:
    for level in pick.scenario.levels:
        if text.upper().replace("-", " ").replace("_", " ") in (level.value, level.short):
            return replace(pick, isolation=level)
    raise NotFollowed(
        _("The link asks for level “{text}”; this scenario is run at {known}.").format(
            text=quoted(text), known=", ".join(level.short for level in pick.scenario.levels)
        )
    )


def _order(pick: Pick) -> str | None:
    return None if pick.schedule == pick.variant.schedule else " ".join(pick.schedule.steps)


def _with_order(pick: Pick, text: str) -> Pick:
    return replace(pick, schedule=reorder(pick.variant, parse_order(text)))


def _with_step(pick: Pick, text: str) -> Pick:
    if text.isascii() and text.isdigit() and len(text) <= 6:
        return replace(pick, step=int(text) - 1)
    raise NotFollowed(_("The link asks for step “{text}”; steps are counted from 1.").format(text=quoted(text)))
