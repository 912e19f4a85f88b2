"""A scenario's business rule on the committed state: whether it holds, and by which numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import starmap
from types import MappingProxyType
from typing import Any

from simulator.engines.base import Room
from simulator.errors import EngineError
from simulator.i18n.text import N_, NOTHING, Text
from simulator.model import Scalar, Scenario
from simulator.sql.measure import measure
from simulator.sql.values import brief


@dataclass(frozen=True, slots=True)
class Measured:
    """What a rule compares: `value` should be `operator` `wanted`, as in 130 = 150."""

    value: Scalar
    operator: str
    wanted: Scalar


@dataclass(frozen=True, slots=True)
class InvariantResult:
    """Whether the business rule holds on the committed state; `holds` None where it could not be asked."""

    title: str
    sql: str
    holds: bool | None
    #: why it could not be asked
    reason: Text = NOTHING
    #: where it compares something: what decides, which is a comparison that fails where the rule is broken
    measured: Measured | None = None


def explain_invariant(rule: InvariantResult) -> Text:
    """Whether it holds, with its numbers; `{rule}` is left to be given: its title, in the language in use."""
    if rule.holds is None:
        return Text.of("The rule could not be asked: {rule}. {reason}", reason=rule.reason)
    if rule.measured is None:
        return Text.of("The rule holds: {rule}.") if rule.holds else Text.of("The rule does not hold: {rule}.")
    value, operator = brief(rule.measured.value), rule.measured.operator
    if rule.holds and operator == "=":
        return Text.of("{rule}: it is {value}, as it should be.", value=value)
    wanted = Text(_WANTED[operator])
    sentence = (
        Text.of("{rule}: it is {value}, and should be {wanted}.")
        if rule.holds
        else Text.of("The rule is broken: {rule}. It should be {wanted}, and is {value}.")
    )
    return sentence.given(value=value, wanted=wanted.given(value=brief(rule.measured.wanted)))


_WANTED: Mapping[str, str] = MappingProxyType(
    {
        "=": "{value}",
        "<>": N_("other than {value}"),
        ">": N_("more than {value}"),
        ">=": N_("at least {value}"),
        "<": N_("less than {value}"),
        "<=": N_("at most {value}"),
    }
)


def ask_invariant(room: Room, scenario: Scenario) -> InvariantResult | None:
    """Whether the scenario's business rule holds now; None where it has none."""
    rule = scenario.invariant
    if rule is None:
        return None
    try:
        rows = room.ask(rule.sql)
    except EngineError as error:
        return InvariantResult(rule.title, rule.sql, None, error.text)
    if not rows or not rows[0]:
        return InvariantResult(rule.title, rule.sql, None, Text.of("It answered no row."))
    holds = rows[0][0]
    if isinstance(holds, bool):
        return InvariantResult(rule.title, rule.sql, holds, measured=_measured(room, rule.sql, holds=holds))
    reason = Text.of("It answered {value}, which is neither true nor false.", value=brief(holds))
    return InvariantResult(rule.title, rule.sql, None, reason)


def _measured(room: Room, sql: str, *, holds: bool) -> Measured | None:
    """The comparison that decides; None where there is none that agrees with the rule's own answer."""
    asked = measure(sql)
    if asked is None:
        return None
    try:
        sides = room.ask(asked.sql)[0]
    except (EngineError, IndexError):
        return None
    pairs = zip(sides[::2], asked.operators, sides[1::2], strict=True)
    return next((each for each in starmap(Measured, pairs) if _agrees(each) is holds), None)


def _agrees(measured: Measured) -> bool | None:
    """Whether the comparison holds as Python sees it; None where it cannot compare these."""
    try:
        return bool(_OPERATORS[measured.operator](measured.value, measured.wanted))
    except TypeError:
        return None


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "=": operator.eq,
        "<>": operator.ne,
        ">": operator.gt,
        ">=": operator.ge,
        "<": operator.lt,
        "<=": operator.le,
    }
)
