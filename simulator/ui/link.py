"""A link restores what is on the page: scenario, variant, level, order and step, by keys that no language changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from simulator.errors import ScenarioError
from simulator.i18n import gettext as _
from simulator.model import Isolation, Scenario, Schedule, Variant
from simulator.scenarios.loader import catalogue, find
from simulator.scenarios.order import parse_order, reorder

#: Quoted back to whoever opens a broken link; a link may be long.
MAX_QUOTED = 60


@dataclass(frozen=True, slots=True)
class Shelf:
    """The scenarios of one lab."""

    #: in the order in which they are offered
    families: tuple[str, ...]
    #: what is opened where a link names nothing
    first: str

    def scenarios(self) -> tuple[Scenario, ...]:
        """Family by family."""
        return tuple(each for family in self.families for each in catalogue() if each.family == family)


ANOMALIES = Shelf(("isolation", "hermitage"), "lost_update")
LOCKS = Shelf(("locks",), "deadlock")


@dataclass(frozen=True, slots=True)
class Pick:
    """What is to be run and looked at."""

    scenario: Scenario
    variant: Variant
    isolation: Isolation
    schedule: Schedule
    #: position of the transport, None for the end
    step: int | None = None
    #: loaded by this person and in no catalogue: a link cannot restore it
    own: bool = False


def read(parameters: Mapping[str, str], shelf: Shelf) -> tuple[Pick, tuple[str, ...]]:
    """What the link asks for, and a sentence for each part of it that could not be followed."""
    complaints: list[str] = []
    scenario = _scenario(parameters.get("scenario"), shelf, complaints)
    variant = _variant(scenario, parameters.get("variant"), complaints)
    isolation = _isolation(scenario, parameters.get("level"), complaints)
    schedule = _schedule(variant, parameters.get("order"), complaints)
    step = _step(len(schedule.steps), parameters.get("step"), complaints)
    return Pick(scenario, variant, isolation, schedule, step), tuple(complaints)


def whole(pick: Pick) -> dict[str, str]:
    """Everything that `read` takes: a link that is given to others stays right when other things open by themselves."""
    found = {"scenario": pick.scenario.key, "variant": pick.variant.key, "level": pick.isolation.short}
    if pick.schedule != pick.variant.schedule:
        found["order"] = " ".join(pick.schedule.steps)
    if pick.step is not None:
        found["step"] = str(pick.step + 1)
    return found


def parameters(pick: Pick) -> dict[str, str]:
    """The shortest query that `read` takes back to the same pick; empty for what opens by itself."""
    found = whole(pick)
    if pick.scenario.key in (ANOMALIES.first, LOCKS.first):
        del found["scenario"]
    if pick.variant.key == pick.scenario.variants[0].key:
        del found["variant"]
    if pick.isolation is first_level(pick.scenario):
        del found["level"]
    return found


def query(parameters: Mapping[str, str]) -> str:
    """`?scenario=write_skew&level=RR`, or nothing."""
    return f"?{urlencode(parameters)}" if parameters else ""


def first_level(scenario: Scenario) -> Isolation:
    """The level that a scenario opens at: the server's default, where the scenario has it."""
    default = Isolation.READ_COMMITTED
    return default if default in scenario.levels else scenario.levels[0]


def _scenario(key: str | None, shelf: Shelf, complaints: list[str]) -> Scenario:
    if key is not None:
        for known in catalogue():
            if known.key == key and known.family in shelf.families:
                return known
            if known.key == key:
                complaints.append(_("The scenario “{title}” belongs to another page.").format(title=_(known.title)))
                return find(shelf.first)
        complaints.append(
            _("The link asks for scenario “{key}”, and there is none; choose one above.").format(key=key[:MAX_QUOTED])
        )
    return find(shelf.first)


def _variant(scenario: Scenario, key: str | None, complaints: list[str]) -> Variant:
    if key is not None:
        for variant in scenario.variants:
            if variant.key == key:
                return variant
        complaints.append(
            _("The link asks for variant “{key}”; this scenario has {known}.").format(
                key=key[:MAX_QUOTED], known=", ".join(variant.key for variant in scenario.variants)
            )
        )
    return scenario.variants[0]


def _isolation(scenario: Scenario, text: str | None, complaints: list[str]) -> Isolation:
    if text is not None:
        for level in scenario.levels:
            if text.upper().replace("-", " ").replace("_", " ") in (level.value, level.short):
                return level
        complaints.append(
            _("The link asks for level “{text}”; this scenario is run at {known}.").format(
                text=text[:MAX_QUOTED], known=", ".join(level.short for level in scenario.levels)
            )
        )
    return first_level(scenario)


def _schedule(variant: Variant, text: str | None, complaints: list[str]) -> Schedule:
    if text is not None:
        try:
            return reorder(variant, parse_order(text))
        except ScenarioError as error:
            complaints.append(str(error))
    return variant.schedule


def _step(steps: int, text: str | None, complaints: list[str]) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 6 and int(text) >= 1:
        return int(text) - 1
    complaints.append(_("The link asks for step “{text}”; steps are counted from 1.").format(text=text[:MAX_QUOTED]))
    return None
