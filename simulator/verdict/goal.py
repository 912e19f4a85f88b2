"""What somebody who drives a scenario by hand is to bring about, and whether they have: judged, not expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import networkx as nx

from simulator.anomalies.phenomena import BY_NAME
from simulator.history.schedule import History, StatementFailed, StepBlocked
from simulator.history.sqlstates import SqlState
from simulator.i18n.text import Text
from simulator.model import Outcome, Scenario, Wait
from simulator.verdict.run import RunResult

_WRONG = (Outcome.ANOMALY, Outcome.RULE_BROKEN)


class Reached(Enum):
    """How far somebody has come."""

    #: it can still happen
    NOT_YET = "not yet"
    YES = "yes"
    #: every transaction is over, and it did not happen
    NO = "no"
    #: not this, but another anomaly
    OTHER = "other"
    #: whether it happened is not decided
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Goal:
    """`wish` asks for it; `{rule}` is left to be given where a rule is to be broken, as its title is read by people."""

    wish: Text
    #: it happens while the run goes on, and can be seen in its history
    strikes: Callable[[History], bool] = lambda _history: False
    #: it can be seen once the run is judged
    shown_by: Callable[[RunResult], bool] = lambda _result: False

    def reached(self, history: History, result: RunResult | None) -> Reached:
        """By what has happened until now; `result` once every transaction is over."""
        if self.strikes(history) or (result is not None and self.shown_by(result)):
            return Reached.YES
        if result is None:
            return Reached.NOT_YET
        if result.outcome is Outcome.UNDECIDED:
            return Reached.UNDECIDED
        return Reached.OTHER if result.outcome is Outcome.ANOMALY else Reached.NO


def goal_of(scenario: Scenario) -> Goal | None:
    """By what the scenario is a case of; None where nothing of that can be brought about or missed."""
    first, row = scenario.variants[0], BY_NAME.get(scenario.phenomenon or "")
    if row is not None and row.goal:
        return Goal(Text(row.goal), shown_by=lambda result: row.name in _names(result))
    if any(in_a_circle(variant.waits or ()) for variant in scenario.variants):
        return Goal(Text.of("Try to make a deadlock"), strikes=deadlocked)
    if scenario.invariant is not None and not set(first.expectations.values()).isdisjoint(_WRONG):
        return Goal(Text.of("Try to break the rule: {rule}"), shown_by=_breaks_its_rule)
    if first.waits:
        return Goal(Text.of("Try to make a session wait"), strikes=_waited)
    return None


def in_a_circle(waits: tuple[Wait, ...]) -> bool:
    """Whether sessions that wait so wait for one another."""
    graph = nx.DiGraph((wait.step.partition(".")[0], blocker) for wait in waits for blocker in wait.by)
    return not nx.is_directed_acyclic_graph(graph)


def deadlocked(history: History) -> bool:
    """Whether the server has ended somebody so that others could go on."""
    return any(isinstance(e, StatementFailed) and e.sqlstate == SqlState.DEADLOCK_DETECTED for e in history.events)


def _waited(history: History) -> bool:
    return any(isinstance(event, StepBlocked) for event in history.events)


def _names(result: RunResult) -> set[str]:
    """What was found, by each name that it bears in the literature."""
    found = (anomaly.name for anomaly in result.confirmed.anomalies)
    return {name for each in found for name in (each, *BY_NAME[each].kind_of)}


def _breaks_its_rule(result: RunResult) -> bool:
    return result.invariant is not None and result.invariant.holds is False
