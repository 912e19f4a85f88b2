"""Say first, see then: a question and its choices, never in the way of the answer unless somebody wishes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from simulator.i18n import gettext as _

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Guess(Generic[T]):
    """What somebody said before seeing it, None for nothing yet."""

    chosen: T | None = None
    #: whether the answer may be shown
    may_show: bool = True
    #: where the guess is answered; None where there was nothing to guess
    place: DeltaGenerator | None = None

    def answer(self, *, right: bool) -> None:
        """Whether it was right; nothing where nobody guessed."""
        if self.chosen is not None and self.place is not None:
            self.place.markdown(f"🎯 **{_('Right')}**" if right else f"🤔 **{_('Not quite')}**", width="content")


def ask(question: str, choices: Mapping[T, str], key: str) -> Guess[T]:
    """Show the choices, each by its text; the guess is kept under `key`."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(question, width="content")
        chosen = st.segmented_control(
            question,
            list(choices),
            format_func=choices.__getitem__,
            wrap=True,
            label_visibility="collapsed",
            key=key,
        )
        first = st.toggle(
            _("Predict first"),
            key="app_predict_first",
            persist_state="session",
            help=_("Hides the run until somebody has dared a guess."),
        )
        place = st.empty()
    return Guess(chosen, chosen is not None or not first, place)
