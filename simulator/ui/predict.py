"""Say first, see then: a guess at how the run comes out, never in the way of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import streamlit as st

from simulator.history import StatementFailed, StepBlocked
from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.locks import DEADLOCK as DEADLOCK_DETECTED
from simulator.model import Outcome
from simulator.run import RunResult
from simulator.ui import guess
from simulator.ui.guess import Guess
from simulator.ui.link import LOCKS, Pick

#: The choices, in the words of somebody who has not seen the run.
GUESSES: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.SAFE: N_("All is well"),
        Outcome.RETRIED: N_("One is refused, then retried"),
        Outcome.ABORTED: N_("One is refused for good"),
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
    """Show the choices: how the run comes out, on the Locks page who waits and whom a deadlock ends."""
    key = f"guess {pick.scenario.key} {pick.variant.key} {pick.isolation.short} {hash(pick.schedule.steps)}"
    return guess.ask(_("What will happen?"), _labels(pick), key)


def tell(said: Guess[Choice], result: RunResult) -> None:
    """Whether the guess was right."""
    said.answer(right=said.chosen in (result.outcome, waited(result)))


def waited(result: RunResult) -> str:
    """What the run came to, in the choices of the Locks page."""
    events = result.history.events
    failed = [event for event in events if isinstance(event, StatementFailed)]
    for event in failed:
        if event.sqlstate == DEADLOCK_DETECTED:
            return _victim(event.session or "")
    if failed or any(abort.sqlstate for abort in result.aborts):
        return GIVES_UP
    return WAITS if any(isinstance(event, StepBlocked) for event in events) else NOBODY


def _labels(pick: Pick) -> dict[Choice, str]:
    if pick.scenario.family not in LOCKS.families:
        return {outcome: _(text) for outcome, text in GUESSES.items()}
    labels: dict[Choice, str] = {name: _(_WAITS[name]) for name in (NOBODY, WAITS, GIVES_UP)}
    for session in pick.variant.sessions:
        labels[_victim(session.name)] = _(_WAITS[DEADLOCK]).format(session=session.name)
    return labels


def _victim(session: str) -> str:
    return f"{DEADLOCK} {session}"


def schedule(pick: Pick) -> None:
    """The statements in the order in which they will run, with nothing of what they came to."""
    lines = [
        f"{number}.  {key:<14} {' '.join(pick.variant.step(key).sql.split())}"
        for number, key in enumerate(pick.schedule.steps, 1)
    ]
    st.code("\n".join(lines), language="sql")
