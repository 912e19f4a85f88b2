"""The verdict of the Locks page: who waited for whom, a deadlock by its name, then what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from simulator.figures.palette import GREY, OUTCOMES, RED, OutcomeStyle, outcome_word
from simulator.history.schedule import History, StatementFailed
from simulator.history.sqlstates import SqlState
from simulator.i18n import gettext as _
from simulator.model import Outcome
from simulator.state.locks import Wait
from simulator.state.wants import waits_begun, want
from simulator.ui.components.score_view import run_name
from simulator.ui.schedules import verdict
from simulator.verdict.run import RunResult

#: More waits than this are not listed one by one.
MAX_WAITS = 3
_DEADLOCK = OutcomeStyle(RED, "⟳", "")
#: Outcomes that say more than that somebody waited.
_LOUDER = (Outcome.ANOMALY, Outcome.RULE_BROKEN, Outcome.ERROR, Outcome.ABORTED, Outcome.WAITS_FOR_EVER)


def headline(result: RunResult) -> None:
    """A banner: what the sessions waited for, and below what it came to; then the theory."""
    banner(result)
    verdict.theory(result)


def banner(result: RunResult) -> None:
    """What the sessions waited for, and below what it came to."""
    waits = waits_begun(result.history, len(result.history.events) - 1)
    style, word = _style(result, waited=bool(waits))
    run = run_name(result.history)
    st.html(verdict.banner(style, word, lines(result, waits), result.outcome, run))


def struck(history: History) -> None:
    """Of a run that goes on: the deadlock that it met, and whom the server ended."""
    failed = (e for e in history.events if isinstance(e, StatementFailed) and e.sqlstate == SqlState.DEADLOCK_DETECTED)
    victims = [
        _("Deadlock: the server ended {victim} in {step} (40P01).").format(victim=event.session, step=event.step)
        for event in failed
    ]
    waits = waits_begun(history, len(history.events) - 1)[:MAX_WAITS]
    told = " ".join(str(want(history, wait).sentence) for wait in waits)
    st.html(verdict.banner(_DEADLOCK, _("deadlock"), (told, *victims), Outcome.DEADLOCK))


def lines(result: RunResult, waits: Sequence[Wait]) -> tuple[str, ...]:
    """`T1 holds wallet 1 and wants wallet 2, which T2 holds.`, each wait in the order in which it began.

    How long they took is this machine's affair.
    """
    told = [str(want(result.history, wait).sentence) for wait in waits[:MAX_WAITS]]
    if len(waits) > MAX_WAITS:
        told.append("…")
    return (*([" ".join(told)] if told else []), *verdict.lines(result), *verdict.chance(result))


def _style(result: RunResult, *, waited: bool) -> tuple[OutcomeStyle, str]:
    if any(abort.sqlstate == SqlState.DEADLOCK_DETECTED for abort in result.aborts):
        return _DEADLOCK, _("deadlock")
    if result.outcome in _LOUDER:
        return OUTCOMES[result.outcome], outcome_word(result.outcome)
    if waited:
        return OutcomeStyle(GREY, "⏳", ""), _("waits")
    return OUTCOMES[Outcome.SAFE], _("no waits")
