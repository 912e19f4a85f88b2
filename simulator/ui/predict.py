"""Say first, see then: a guess at how the run comes out, never in the way of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import streamlit as st

from simulator.figures.palette import OUTCOMES
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


def ask(pick: Pick) -> tuple[Outcome | None, bool]:
    """Show the choices; the guess, and whether the answer may be shown."""
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
    return chosen, chosen is not None or not first


def tell(guess: Outcome | None, result: RunResult) -> None:
    """Whether the guess was right."""
    if guess is None:
        return
    right = guess is result.outcome
    text = (
        _("Right.")
        if right
        else _("Not quite: it came out as “{outcome}”.").format(
            outcome=_(GUESSES.get(result.outcome, OUTCOMES[result.outcome].word))
        )
    )
    st.markdown(f"{'🎯' if right else '🤔'} {text}")


def schedule(pick: Pick) -> None:
    """The statements in the order in which they will run, with nothing of what they came to."""
    lines = [
        f"{number}.  {key:<14} {' '.join(pick.variant.step(key).sql.split())}"
        for number, key in enumerate(pick.schedule.steps, 1)
    ]
    st.code("\n".join(lines), language="sql")
