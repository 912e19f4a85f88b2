"""The order of a schedule: every step of every session once, each session's own order kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from simulator.errors import ScenarioError
from simulator.i18n import gettext as _
from simulator.model import Schedule, Variant

MAX_STEPS = 200
#: Longest typed order, in characters.
MAX_TEXT = 16_384

#: Step names of each session, in their order.
Scripts = Mapping[str, Sequence[str]]


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
        raise ScenarioError(_("An order has at most {limit} characters.").format(limit=MAX_TEXT))
    keys = tuple(key for key in re.split(r"[\s,;\[\]\"']+", text) if key)
    if not keys:
        raise ScenarioError(_("The order is empty; write step names such as T1.read T2.read T1.write."))
    if len(keys) > MAX_STEPS:
        raise ScenarioError(
            _("A schedule has at most {limit} steps, not {count}.").format(limit=MAX_STEPS, count=len(keys))
        )
    for key in keys:
        if not re.fullmatch(r"\w+\.\w+", key, re.ASCII):
            raise ScenarioError(_("{key!r} is not a step; write session.step, such as T1.read.").format(key=key[:80]))
    return keys


def scripts(variant: Variant) -> dict[str, tuple[str, ...]]:
    """Step names of each session of a variant."""
    return {session.name: tuple(step.name for step in session.steps) for session in variant.sessions}


def first_problem(sessions: Scripts, keys: Sequence[str]) -> tuple[int | None, str] | None:
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
        return None, _("The schedule leaves out {steps}; it must name every step once.").format(steps=", ".join(left))
    return None


def _unknown(sessions: Scripts, session: str, step: str) -> str | None:
    if session not in sessions:
        known = ", ".join(sessions)
        return _("There is no session {session!r}; the sessions are {known}.").format(session=session, known=known)
    if step not in sessions[session]:
        known = ", ".join(sessions[session])
        return _("{session} has no step {step!r}; its steps are {known}.").format(
            session=session, step=step, known=known
        )
    return None


def _misplaced(steps: Sequence[str], due: int, session: str, step: str) -> str | None:
    place = steps.index(step)
    if place < due:
        return _("{key} stands here a second time; every step is named once.").format(key=f"{session}.{step}")
    if place > due:
        return _("{key} stands before {earlier}; a session keeps its own order: {order}.").format(
            key=f"{session}.{step}", earlier=f"{session}.{steps[due]}", order=", ".join(steps)
        )
    return None
