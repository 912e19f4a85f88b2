"""Say first, see then: a guess at how the run comes out, never in the way of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.model import Outcome
from simulator.run import RunResult
from simulator.ui.link import Pick

#: The choices, in the words of somebody who has not seen the run.
GUESSES: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.SAFE: N_("All is well"),
        Outcome.RETRIED: N_("One is refused, then retried"),
        Outcome.ABORTED: N_("One is refused for good"),
        Outcome.ANOMALY: N_("Wrong data, and no error"),
    }
)


@dataclass(frozen=True, slots=True)
class Guess:
    """What somebody said before seeing it."""

    outcome: Outcome | None
    #: whether the answer may be shown
    may_show: bool
    #: where the guess is answered
    place: DeltaGenerator


def ask(pick: Pick) -> Guess:
    """Show the choices."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_("What will happen?"), width="content")
        chosen = st.segmented_control(
            _("What will happen?"),
            list(GUESSES),
            format_func=lambda outcome: _(GUESSES[outcome]),
            label_visibility="collapsed",
            key=f"guess {pick.scenario.key} {pick.variant.key} {pick.isolation.short} {hash(pick.schedule.steps)}",
        )
        first = st.toggle(
            _("Predict first"),
            key="predict_first",
            persist_state="session",
            help=_("Hides the run until somebody has dared a guess."),
        )
        place = st.empty()
    return Guess(chosen, chosen is not None or not first, place)


def tell(guess: Guess, result: RunResult) -> None:
    """Whether the guess was right."""
    if guess.outcome is None:
        return
    right = guess.outcome is result.outcome
    guess.place.markdown(f"🎯 **{_('Right')}**" if right else f"🤔 **{_('Not quite')}**", width="content")


def schedule(pick: Pick) -> None:
    """The statements in the order in which they will run, with nothing of what they came to."""
    lines = [
        f"{number}.  {key:<14} {' '.join(pick.variant.step(key).sql.split())}"
        for number, key in enumerate(pick.schedule.steps, 1)
    ]
    st.code("\n".join(lines), language="sql")
