"""Say first how many of the requests are told an error, see then; never in the way of the answer unless wished."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import streamlit as st

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.sessions.load import LoadResult
from simulator.traces.critical import Totals
from simulator.ui.components import guess
from simulator.ui.components.guess import Guess
from simulator.ui.sessions import link

NONE, SOME, MORE = "none", "some", "more"
_GUESSES: Mapping[str, str] = MappingProxyType(
    {NONE: N_("None of them"), SOME: N_("Some of them"), MORE: N_("More than half")}
)


def ask(result: LoadResult | None) -> Guess[str]:
    """Show the choices for this run's load; of a history that was opened, there is nothing to guess."""
    if result is None:
        return Guess()
    choices = {name: _(text) for name, text in _GUESSES.items()}
    question = _("How many of the requests will be told an error?")
    return guess.ask(question, choices, f"sessions_guess {link.query(result.load)}")


def came(sums: Totals) -> str:
    """What the run came to, in the choices."""
    if not sums.failed:
        return NONE
    return MORE if 2 * sums.failed > sums.requests else SOME


def tell(said: Guess[str], sums: Totals) -> None:
    """Whether the guess was right."""
    said.answer(right=said.chosen == came(sums))


def invite() -> None:
    """In place of the run."""
    st.html(f'<div class="tx-invite">{_("The requests have run. Say how many failed, and the timeline opens.")}</div>')
