"""Say first how many of the requests are told an error, see then; never in the way of the answer unless wished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.lifecycle.load import LoadResult
from simulator.traces.critical import Totals
from simulator.ui.lifecycle import link

NONE, SOME, MORE = "none", "some", "more"
_GUESSES: Mapping[str, str] = MappingProxyType(
    {NONE: N_("None of them"), SOME: N_("Some of them"), MORE: N_("More than half")}
)


@dataclass(frozen=True, slots=True)
class Guess:
    """What somebody said before seeing it, None for nothing yet."""

    chosen: str | None
    #: whether the answer may be shown
    may_show: bool
    #: where the guess is answered
    place: DeltaGenerator | None


def ask(result: LoadResult | None) -> Guess:
    """Show the choices for this run's load; of a history that was opened, there is nothing to guess."""
    if result is None:
        return Guess(None, True, None)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_("How many of the requests will be told an error?"), width="content")
        chosen = st.segmented_control(
            _("How many of the requests will be told an error?"),
            list(_GUESSES),
            format_func=lambda guess: _(_GUESSES[guess]),
            label_visibility="collapsed",
            key=f"lifecycle_guess {link.query(result.load)}",
        )
        first = st.toggle(
            _("Predict first"),
            key="predict_first",
            persist_state="session",
            help=_("Hides the run until somebody has dared a guess."),
        )
        place = st.empty()
    return Guess(chosen, chosen is not None or not first, place)


def came(sums: Totals) -> str:
    """What the run came to, in the choices."""
    if not sums.failed:
        return NONE
    return MORE if 2 * sums.failed > sums.requests else SOME


def tell(guess: Guess, sums: Totals) -> None:
    """Whether the guess was right."""
    if guess.chosen is None or guess.place is None:
        return
    right = guess.chosen == came(sums)
    guess.place.markdown(f"🎯 **{_('Right')}**" if right else f"🤔 **{_('Not quite')}**", width="content")


def invite() -> None:
    """In place of the run."""
    st.html(f'<div class="tx-invite">{_("The requests have run. Say how many failed, and the timeline opens.")}</div>')
