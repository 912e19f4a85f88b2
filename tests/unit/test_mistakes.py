"""The table of mistakes, without a database: the code that is shown, its decisive line, and what is said of it."""

from __future__ import annotations

import ast
from itertools import groupby

import pytest

from simulator.labs.mistakes.catalogue import MISTAKES, find
from simulator.labs.mistakes.entry import OK, Mistake, Side

SIDES = [
    pytest.param(side, id=f"{mistake.key}-{name}")
    for mistake in MISTAKES
    for name, side in (("mistake", mistake.mistake), ("fixed", mistake.fixed))
]
KEYS = [mistake.key for mistake in MISTAKES]


@pytest.mark.parametrize("side", SIDES)
def test_the_decisive_line_stands_in_the_code_that_is_shown(side: Side) -> None:
    lines = side.source.splitlines()
    assert side.decisive_numbers
    assert all(lines[number - 1].strip() == side.decisive for number in side.decisive_numbers)


@pytest.mark.parametrize("side", SIDES)
def test_the_code_is_python_and_fits_on_a_projector(side: Side) -> None:
    ast.parse(side.source)
    lines = side.source.splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("mistake", MISTAKES, ids=KEYS)
def test_mistake_and_fix_are_shown_by_different_code_or_lines(mistake: Mistake) -> None:
    assert mistake.mistake.source != mistake.fixed.source
    assert mistake.mistake.expect != mistake.fixed.expect


@pytest.mark.parametrize("mistake", MISTAKES, ids=KEYS)
def test_a_silent_mistake_tells_nobody_of_an_error(mistake: Mistake) -> None:
    raised = [told for told in mistake.mistake.expect.told if told != OK and not told.isdigit()]
    if mistake.silent:
        assert not raised


@pytest.mark.parametrize("mistake", MISTAKES, ids=KEYS)
def test_every_mistake_is_told_in_words(mistake: Mistake) -> None:
    assert all((mistake.title, mistake.story, mistake.why, mistake.cure, mistake.repeatable))
    assert len(mistake.title) <= 70
    assert len(mistake.story) <= 320


def test_keys_are_unique_and_found() -> None:
    assert len(set(KEYS)) == len(KEYS)
    assert all(find(mistake.key) is mistake for mistake in MISTAKES)
    with pytest.raises(KeyError):
        find("unknown")


def test_families_stand_together_with_their_silent_mistakes_first() -> None:
    families = [family for family, _mistakes in groupby(MISTAKES, key=lambda mistake: mistake.family)]
    assert len(set(families)) == len(families)
    for _family, mistakes in groupby(MISTAKES, key=lambda mistake: mistake.family):
        silent = [mistake.silent for mistake in mistakes]
        assert silent == sorted(silent, reverse=True)
