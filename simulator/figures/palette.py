"""Colours, symbols and words that mean the same on every page.

Session colours are those of Okabe and Ito, "Color Universal Design" (2008), without vermillion: whoever cannot tell red
from green tells these apart, and red stays free for anomalies and aborts. No meaning is carried by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from simulator.i18n import N_
from simulator.i18n import gettext as _
from simulator.model import Outcome

#: In the order of the lanes: blue, orange, green, purple, sky, yellow.
SESSION_COLORS: tuple[str, ...] = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#F0E442")

#: Anomalies and aborts, and nothing else. At least 3.9:1 on white, on Streamlit's dark background and under white text.
RED = "#DC2F3C"
#: What is neither good nor bad: skipped steps, other dependencies, rollbacks that the application wished.
GREY = "#868E9A"

TEXT_ON_LIGHT, TEXT_ON_DARK = "#111418", "#FFFFFF"

#: Waiting is hatched in every figure (`marker.pattern`).
WAIT_PATTERN: Mapping[str, object] = MappingProxyType(
    {"shape": "/", "size": 11, "solidity": 0.42, "fillmode": "replace"}
)

#: Lanes have names beside them, and no lines.
BARE_AXIS: Mapping[str, object] = MappingProxyType(
    {"showgrid": False, "showline": False, "zeroline": False, "fixedrange": True, "ticks": ""}
)


class OutcomeStyle(NamedTuple):
    """How an outcome looks: fill colour, symbol, word (English; `outcome_word` translates)."""

    color: str
    symbol: str
    word: str


#: Each at least 3:1 on a white and on a dark page, so that a symbol in it can be seen on both; none is a lane's colour.
OUTCOMES: Mapping[Outcome, OutcomeStyle] = MappingProxyType(
    {
        Outcome.SAFE: OutcomeStyle("#1B7F4B", "✓", N_("safe")),
        Outcome.RETRIED: OutcomeStyle("#4C5FD5", "↻", N_("safe after a retry")),
        Outcome.ABORTED: OutcomeStyle("#B25B66", "✕", N_("aborted")),
        Outcome.DEADLOCK: OutcomeStyle("#B25B66", "⟳", N_("deadlock")),
        Outcome.WAITS_FOR_EVER: OutcomeStyle("#8A6D1D", "⧗", N_("waits for ever")),
        Outcome.BY_DESIGN: OutcomeStyle("#7A6AA8", "≉", N_("not serial, by design")),
        Outcome.ANOMALY: OutcomeStyle(RED, "⚠", N_("anomaly")),
        Outcome.RULE_BROKEN: OutcomeStyle(RED, "✗", N_("rule broken")),
        Outcome.ERROR: OutcomeStyle("#6B7280", "!", N_("error")),
        Outcome.IMPOSSIBLE: OutcomeStyle(GREY, "⇅", N_("impossible order")),
        Outcome.UNDECIDED: OutcomeStyle(GREY, "?", N_("undecided")),
    }
)


def outcome_word(outcome: Outcome) -> str:
    """The outcome's word in the language in use."""
    return _(OUTCOMES[outcome].word)


def session_colors(sessions: Sequence[str]) -> dict[str, str]:
    """A colour for each session, by its lane; from the seventh on they repeat.

    >>> session_colors(["T1", "T2"])
    {'T1': '#0072B2', 'T2': '#E69F00'}
    """
    return {name: SESSION_COLORS[lane % len(SESSION_COLORS)] for lane, name in enumerate(sessions)}


@lru_cache(maxsize=64)
def text_on(fill: str) -> str:
    """Black or white, whichever reads better on this `#RRGGBB` fill.

    >>> text_on("#0072B2"), text_on("#E69F00")
    ('#FFFFFF', '#111418')
    """
    return max((TEXT_ON_LIGHT, TEXT_ON_DARK), key=lambda text: contrast(text, fill))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two `#RRGGBB` colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=64)
def faded(color: str, alpha: float) -> str:
    """The colour with this opacity, as Plotly writes it.

    >>> faded("#0072B2", 0.25)
    'rgba(0,114,178,0.25)'
    """
    red, green, blue = _channels(color)
    return f"rgba({red},{green},{blue},{alpha:g})"


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _channels(color))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
