"""A chapter's run: what its lab makes of the link, how it is run, and the facts that came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlencode

from simulator.course import facts
from simulator.course.chapter import Lab, Run
from simulator.course.shows import Facts
from simulator.engines.base import Engine
from simulator.errors import CourseError
from simulator.i18n.text import Text
from simulator.labs.fastapi.matrix import Cell, run_cell
from simulator.labs.mistakes.catalogue import find as find_mistake
from simulator.labs.mistakes.run import PairResult, run_pair
from simulator.labs.sessions.acid import AcidRun, letter, run_acid
from simulator.labs.sessions.lines import LinesRun
from simulator.labs.sessions.load import Load, LoadResult, run_load
from simulator.ui.fastapi import picker as fastapi
from simulator.ui.kit.link import Link, NotFollowed, Part
from simulator.ui.mistakes import picker as mistakes
from simulator.ui.schedules import pick as schedules
from simulator.ui.schedules.pick import ANOMALIES, LOCKS, Pick
from simulator.ui.sessions import link as sessions
from simulator.verdict.run import RunResult, run_scenario

Result = RunResult | PairResult | LoadResult | Cell | AcidRun | LinesRun


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run, and where the reader finds it."""

    lab: Lab
    #: what the lab's link asks for: a pick, a mistake's key, a load, a letter
    value: object
    #: the key of the lab's page
    page: str
    #: the link into the lab
    link: str

    def run(self, engine: Engine) -> Result:
        """Run it. Raises EngineBusy, EngineError, RunError."""
        return _LABS[self.lab].run(engine, self.value)

    def facts(self, result: Result) -> Facts:
        """What came of it."""
        return _LABS[self.lab].facts(result)


@dataclass(frozen=True, slots=True)
class _Way:
    """How one lab's runs are made."""

    page: str
    link: Link[Any]
    run: Callable[[Engine, Any], Result]
    facts: Callable[[Any], Facts]


def plan(lab: Lab, query: str) -> Plan:
    """What a lab's link asks for. Raises CourseError where a part of it leads nowhere."""
    way, asked = _LABS[lab], dict(parse_qsl(query))
    if unknown := asked.keys() - {part.name for part in way.link.parts}:
        raise CourseError(Text.of("{lab} knows no {name}.", lab=lab, name=", ".join(sorted(unknown))))
    value, complaints = way.link.read(asked)
    if complaints:
        raise CourseError(Text.verbatim(f"{lab}: {' '.join(complaints)}"))
    link = {} if lab == "acid" else way.link.write(value)
    return Plan(lab, value, way.page, f"./{way.page}?{urlencode(link)}")


def of(run: Run) -> Plan:
    """The plan of a chapter's run. Raises CourseError."""
    return plan(run.lab, run.query)


def _run_pick(engine: Engine, pick: Pick) -> RunResult:
    return run_scenario(engine, pick.scenario, pick.variant, pick.isolation, schedule=pick.schedule, watch=True)


def _run_mistake(engine: Engine, key: str) -> PairResult:
    return run_pair(engine, find_mistake(key))


def _run_load(engine: Engine, load: Load) -> LoadResult:
    return run_load(engine, load)


def _run_cell(engine: Engine, pick: fastapi.Pick) -> Cell:
    return run_cell(engine, pick.dependency, pick.ending, pick.is_async)


def _letter(_before: str, key: str) -> str:
    if letter(key).run is None:
        raise NotFollowed(key)
    return key


_LABS: Mapping[Lab, _Way] = MappingProxyType(
    {
        "anomalies": _Way("anomalies", schedules.link(ANOMALIES), _run_pick, facts.of_schedule),
        "locks": _Way("locks", schedules.link(LOCKS), _run_pick, facts.of_schedule),
        "mistakes": _Way("mistakes", mistakes.LINK, _run_mistake, facts.of_pair),
        "sessions": _Way("sessions", sessions.LINK, _run_load, facts.of_load),
        "fastapi": _Way("fastapi", fastapi.LINK, _run_cell, facts.of_cell),
        "acid": _Way("sessions", Link((Part("letter", _letter, str),), "atomicity"), run_acid, facts.of_letter),
    }
)


#: Labs by the key of their page.
LABS_BY_PAGE: Mapping[str, Lab] = {way.page: lab for lab, way in _LABS.items() if lab != "acid"}


def changed(query: str, change: str) -> str:
    """A query with some of its parameters replaced: `level=RR`."""
    return urlencode({**dict(parse_qsl(query)), **dict(parse_qsl(change))})
