"""Say first what the clients of the mistake will be told, see then; never in the way of the answer unless wished."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.labs.mistakes.entry import Mistake
from simulator.labs.mistakes.run import SideResult
from simulator.ui.components import guess
from simulator.ui.components.guess import Guess
from simulator.ui.mistakes import words

_GUESSES: Mapping[str, str] = MappingProxyType(
    {
        "nobody": N_("Nobody gets an error"),
        "some": N_("Some get an error"),
        "everybody": N_("Everybody gets an error"),
    }
)


def ask(mistake: Mistake) -> Guess[str]:
    """Show the choices."""
    choices = {name: _(text) for name, text in _GUESSES.items()}
    return guess.ask(_("What will the clients be told?"), choices, f"mistakes_guess {mistake.key}")


def tell(said: Guess[str], result: SideResult) -> None:
    """Whether the guess was right for this run of the mistake."""
    errors = sum(words.is_error(each) for each in result.told)
    came = "nobody" if not errors else "everybody" if errors == len(result.told) else "some"
    said.answer(right=said.chosen == came)
