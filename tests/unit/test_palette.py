"""Colours that can be told apart and read, on a white and on a dark page."""

from __future__ import annotations

import colorsys
import itertools
import math

import pytest

from simulator.figures.palette import (
    OUTCOMES,
    RED,
    SESSION_COLORS,
    contrast,
    outcome_word,
    session_colors,
    text_on,
)
from simulator.i18n import use
from simulator.model import Outcome

WHITE, DARK = "#FFFFFF", "#0E1117"

#: Linear RGB as a person without red (protan) or green (deutan) cones sees it: Viénot, Brettel, Mollon (1999).
BLIND = {
    "protan": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deutan": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}


def linear(color: str) -> list[float]:
    values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]


def seen(color: str, matrix: tuple[tuple[float, ...], ...]) -> list[float]:
    """The colour as seen, each channel by its share of brightness as the eye takes it (cube root)."""
    rgb = linear(color)
    return [max(sum(a * b for a, b in zip(row, rgb, strict=True)), 0.0) ** (1 / 3) for row in matrix]


@pytest.mark.parametrize("color", [*SESSION_COLORS, RED, *(style.color for style in OUTCOMES.values())])
def test_text_on_a_fill_can_be_read(color: str) -> None:
    assert contrast(color, text_on(color)) >= 4.5


@pytest.mark.parametrize("color", [RED, *(style.color for style in OUTCOMES.values())])
def test_outcomes_stand_out_on_white_and_on_dark(color: str) -> None:
    assert contrast(color, WHITE) >= 3
    assert contrast(color, DARK) >= 3


@pytest.mark.parametrize("kind", BLIND)
def test_sessions_are_told_apart_without_red_or_green(kind: str) -> None:
    for one, other in itertools.combinations(SESSION_COLORS, 2):
        assert math.dist(seen(one, BLIND[kind]), seen(other, BLIND[kind])) > 0.1, (one, other)


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_has_no_lanes_colour(outcome: Outcome) -> None:
    same = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    for lane in SESSION_COLORS:
        assert math.dist(seen(OUTCOMES[outcome].color, same), seen(lane, same)) > 0.1, lane


def test_red_belongs_to_no_session() -> None:
    for color in SESSION_COLORS:
        hue, _saturation, _value = colorsys.rgb_to_hsv(*linear(color))
        assert 0.05 < hue < 0.93, color


def test_every_outcome_has_a_symbol_and_a_word_of_its_own() -> None:
    assert set(OUTCOMES) == set(Outcome)
    assert len({style.symbol for style in OUTCOMES.values()}) == len(Outcome)
    assert len({outcome_word(outcome) for outcome in Outcome}) == len(Outcome)


@pytest.mark.parametrize("outcome", Outcome)
def test_words_follow_the_language_when_asked(outcome: Outcome) -> None:
    english = outcome_word(outcome)
    use("zh")
    try:
        assert outcome_word(outcome) != english
    finally:
        use("en")
    assert outcome_word(outcome) == english


def test_colours_are_given_by_lane_and_repeat_after_the_last() -> None:
    names = [f"T{n}" for n in range(1, 9)]
    colors = session_colors(names)
    assert colors["T1"] == SESSION_COLORS[0]
    assert colors["T7"] == colors["T1"]
