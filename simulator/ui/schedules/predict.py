"""Say first, see then: a guess at how the run comes out, never in the way of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import streamlit as st

from simulator.history.schedule import StatementFailed, StatementFinished, StepBlocked
from simulator.history.sqlstates import SqlState
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.model import Outcome, Scenario
from simulator.state.changes import answer
from simulator.ui.components import guess
from simulator.ui.components.guess import Guess
from simulator.ui.kit.slots import here
from simulator.ui.schedules.pick import LOCKS, Pick
from simulator.verdict.goal import in_a_circle
from simulator.verdict.run import RunResult

#: The choices, in the words of somebody who has not seen the run; the first and the last are always offered.
GUESSES: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.SAFE: N_("All is well"),
        Outcome.RETRIED: N_("One is refused, then retried"),
        Outcome.ABORTED: N_("One is refused for good"),
        Outcome.DEADLOCK: N_("A deadlock"),
        Outcome.BY_DESIGN: N_("Not serial, and so it is meant"),
        Outcome.RULE_BROKEN: N_("The rule breaks even one after another"),
        Outcome.ANOMALY: N_("Wrong data, and no error"),
    }
)


#: What can be said of locks before a run; a deadlock is said with its victim.
NOBODY, WAITS, GIVES_UP, DEADLOCK = "nobody", "waits", "gives up", "deadlock"
_WAITS: Mapping[str, str] = MappingProxyType(
    {
        NOBODY: N_("Nobody waits"),
        WAITS: N_("They wait, then go on"),
        GIVES_UP: N_("One gets an error"),
        DEADLOCK: N_("Deadlock ends {session}"),
    }
)

Choice = Outcome | str


def ask(pick: Pick) -> Guess[Choice]:
    """Show the choices: how it comes out, on the Locks page who waits, or what the step sees that it is about."""
    key = f"{here('guess')} {pick.scenario.key} {pick.variant.key} {pick.isolation.short} {hash(pick.schedule.steps)}"
    return guess.ask(_question(pick), choices(pick), key)


def _question(pick: Pick) -> str:
    if pick.scenario.answers:
        return _("What will {step} see?").format(step=pick.scenario.telling)
    return _("What will happen?")


def tell(said: Guess[Choice], result: RunResult) -> None:
    """Whether the guess was right."""
    said.answer(right=said.chosen in (result.outcome, waited(result), seen(result)))


def waited(result: RunResult) -> str:
    """What the run came to, in the choices of the Locks page."""
    events = result.history.events
    failed = [event for event in events if isinstance(event, StatementFailed)]
    for event in failed:
        if event.sqlstate == SqlState.DEADLOCK_DETECTED:
            return _victim(event.session or "")
    if failed or any(abort.sqlstate for abort in result.aborts):
        return GIVES_UP
    return WAITS if any(isinstance(event, StepBlocked) for event in events) else NOBODY


def seen(result: RunResult) -> str:
    """What the step saw that the scenario is about; "" where it is about none."""
    asked = result.scenario.telling
    answers = [event for event in result.history.of_step(asked or "") if isinstance(event, StatementFinished)]
    return answer(answers[-1]) if answers else ""


def choices(pick: Pick) -> dict[Choice, str]:
    """What the scenario can come to, whichever variant and level: no choice is there that never fits."""
    if pick.scenario.answers:
        return {text: text for text in pick.scenario.answers}
    if pick.scenario.family not in LOCKS.families:
        return {outcome: _(text) for outcome, text in GUESSES.items() if outcome in _possible(pick.scenario)}
    labels: dict[Choice, str] = {name: _(_WAITS[name]) for name in (NOBODY, WAITS, GIVES_UP)}
    if _can_deadlock(pick.scenario):
        for session in pick.variant.sessions:
            labels[_victim(session.name)] = _(_WAITS[DEADLOCK]).format(session=session.name)
    return labels


def _possible(scenario: Scenario) -> set[Outcome]:
    stated = {outcome for variant in scenario.variants for outcome in variant.expectations.values()}
    return {Outcome.SAFE, Outcome.ANOMALY} | (stated or set(GUESSES))


def _can_deadlock(scenario: Scenario) -> bool:
    """Whether in some variant sessions wait in a circle, as its waits are stated; where none are, nobody knows."""
    if all(variant.waits is None for variant in scenario.variants):
        return True
    return any(in_a_circle(variant.waits or ()) for variant in scenario.variants)


def _victim(session: str) -> str:
    return f"{DEADLOCK} {session}"


def schedule(pick: Pick) -> None:
    """The statements in the order in which they will run, with nothing of what they came to."""
    lines = [
        f"{number}.  {key:<14} {' '.join(pick.variant.step(key).sql.split())}"
        for number, key in enumerate(pick.schedule.steps, 1)
    ]
    st.code("\n".join(lines), language="sql")
