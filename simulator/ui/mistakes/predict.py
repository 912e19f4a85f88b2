"""Say first what the clients of the mistake will be told, see then; never in the way of the answer unless wished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import SideResult
from simulator.ui.mistakes import words

_GUESSES: Mapping[str, str] = MappingProxyType(
    {
        "nobody": N_("Nobody gets an error"),
        "some": N_("Some get an error"),
        "everybody": N_("Everybody gets an error"),
    }
)


@dataclass(frozen=True, slots=True)
class Guess:
    """What somebody said before seeing it, None for nothing yet."""

    chosen: str | None
    #: whether the answer may be shown
    may_show: bool
    #: where the guess is answered
    place: DeltaGenerator


def ask(mistake: Mistake) -> Guess:
    """Show the choices."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_("What will the clients be told?"), width="content")
        chosen = st.segmented_control(
            _("What will the clients be told?"),
            list(_GUESSES),
            format_func=lambda guess: _(_GUESSES[guess]),
            label_visibility="collapsed",
            key=f"mistakes_guess {mistake.key}",
        )
        first = st.toggle(
            _("Predict first"),
            key="predict_first",
            persist_state="session",
            help=_("Hides the run until somebody has dared a guess."),
        )
        place = st.empty()
    return Guess(chosen, chosen is not None or not first, place)


def tell(guess: Guess, result: SideResult) -> None:
    """Whether the guess was right for this run of the mistake."""
    if guess.chosen is None:
        return
    errors = sum(words.is_error(each) for each in result.told)
    came = "nobody" if not errors else "everybody" if errors == len(result.told) else "some"
    right = guess.chosen == came
    guess.place.markdown(f"🎯 **{_('Right')}**" if right else f"🤔 **{_('Not quite')}**", width="content")
