"""The order of a schedule: every step of every session once, each session's own order kept."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from simulator.errors import ScenarioError
from simulator.i18n.text import Text
from simulator.model import Schedule, Variant

MAX_STEPS = 200
#: Longest typed order, in characters.
MAX_TEXT = 16_384

#: Step names of each session, in their order.
Scripts = Mapping[str, Sequence[str]]

_T = TypeVar("_T")


def reorder(variant: Variant, keys: Sequence[str]) -> Schedule:
    """The variant's steps in another order. Raises ScenarioError, saying which step is wrong."""
    problem = first_problem(scripts(variant), keys)
    if problem:
        raise ScenarioError(problem[1])
    return Schedule(tuple(keys))


def parse_order(text: str) -> tuple[str, ...]:
    """Step keys of a typed order, parted by spaces, commas or lines. Raises ScenarioError.

    >>> parse_order("T1.read T2.read, T1.write")
    ('T1.read', 'T2.read', 'T1.write')
    """
    if len(text) > MAX_TEXT:
        raise ScenarioError(Text.of("An order has at most {limit} characters.", limit=MAX_TEXT))
    keys = tuple(key for key in re.split(r"[\s,;\[\]\"']+", text) if key)
    if not keys:
        raise ScenarioError(Text.of("The order is empty; write step names such as T1.read T2.read T1.write."))
    if len(keys) > MAX_STEPS:
        raise ScenarioError(
            Text.of("A schedule has at most {limit} steps, not {count}.", limit=MAX_STEPS, count=len(keys))
        )
    for key in keys:
        if not re.fullmatch(r"\w+\.\w+", key, re.ASCII):
            raise ScenarioError(Text.of("{key!r} is not a step; write session.step, such as T1.read.", key=key[:80]))
    return keys


def interleave(sessions: Sequence[tuple[_T, ...]]) -> Iterator[tuple[_T, ...]]:
    """All orders of the steps that keep each session's own order, in lexicographic order of sessions.

    >>> ["".join(order) for order in interleave([("a", "b"), ("c",)])]
    ['abc', 'acb', 'cab']
    """
    if not any(sessions):
        yield ()
    for place, steps in enumerate(sessions):
        if steps:
            rest = (*sessions[:place], steps[1:], *sessions[place + 1 :])
            for tail in interleave(rest):
                yield (steps[0], *tail)


def count_interleavings(lengths: Iterable[int]) -> int:
    """How many orders `interleave` gives for sessions of so many steps: the multinomial coefficient.

    >>> count_interleavings([2, 1])
    3
    """
    number, before = 1, 0
    for length in lengths:
        before += length
        number *= math.comb(before, length)
    return number


def scripts(variant: Variant) -> dict[str, tuple[str, ...]]:
    """Step names of each session of a variant."""
    return {session.name: tuple(step.name for step in session.steps) for session in variant.sessions}


def first_problem(sessions: Scripts, keys: Sequence[str]) -> tuple[int | None, Text] | None:
    """The first thing that is wrong with a schedule: its index (None: something is missing) and a sentence."""
    due = dict.fromkeys(sessions, 0)
    for index, key in enumerate(keys):
        session, _dot, step = key.partition(".")
        wrong = _unknown(sessions, session, step) or _misplaced(sessions[session], due[session], session, step)
        if wrong:
            return index, wrong
        due[session] += 1
    left = [f"{name}.{step}" for name, steps in sessions.items() for step in steps[due[name] :]]
    if left:
        return None, Text.of("The schedule leaves out {steps}; it must name every step once.", steps=", ".join(left))
    return None


def _unknown(sessions: Scripts, session: str, step: str) -> Text | None:
    if session not in sessions:
        known = ", ".join(sessions)
        return Text.of("There is no session {session!r}; the sessions are {known}.", session=session, known=known)
    if step not in sessions[session]:
        known = ", ".join(sessions[session])
        return Text.of(
            "{session} has no step {step!r}; its steps are {known}.", session=session, step=step, known=known
        )
    return None


def _misplaced(steps: Sequence[str], due: int, session: str, step: str) -> Text | None:
    place = steps.index(step)
    if place < due:
        return Text.of("{key} stands here a second time; every step is named once.", key=f"{session}.{step}")
    if place > due:
        return Text.of(
            "{key} stands before {earlier}; a session keeps its own order: {order}.",
            key=f"{session}.{step}",
            earlier=f"{session}.{steps[due]}",
            order=", ".join(steps),
        )
    return None
