"""The table of mistakes, without a database: the code that is shown, its decisive line, and what is said of it."""

from __future__ import annotations

import ast
import threading
from itertools import groupby

import pytest
from sqlalchemy.exc import IntegrityError, MissingGreenlet, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from simulator.errors import RunError
from simulator.labs.mistakes.catalogue import MISTAKES, find
from simulator.labs.mistakes.entry import Mistake, Side
from simulator.labs.mistakes.gate import Gate
from simulator.labs.mistakes.told import OK, Told, answered, failed
from simulator.ui.mistakes import words

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


@pytest.mark.parametrize("mistake", [it for it in MISTAKES if it.silent], ids=lambda it: it.key)
def test_a_silent_mistake_tells_nobody_of_an_error(mistake: Mistake) -> None:
    assert [told for told in mistake.mistake.expect.told if told != OK and not told.isdigit()] == []


@pytest.mark.parametrize("mistake", [it for it in MISTAKES if not it.silent], ids=lambda it: it.key)
def test_every_other_raises_costs_or_keeps_something(mistake: Mistake) -> None:
    wrong, right = mistake.mistake.expect, mistake.fixed.expect
    raised = [told for told in wrong.told if told != OK and not told.isdigit()]
    kept = (wrong.connections, wrong.transactions) != (right.connections, right.transactions)
    assert raised or kept or wrong.figure != right.figure


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


def test_a_gate_holds_a_client_until_it_is_opened() -> None:
    gate, passed = Gate("checkout"), []
    client = threading.Thread(target=lambda: (gate.stop(), passed.append(True)))
    client.start()
    gate.reached()
    assert not passed
    gate.open()
    client.join()
    assert passed


def test_a_gate_that_nobody_opens_or_reaches_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.labs.mistakes.gate.DEADLINE_S", 0.01)
    with pytest.raises(RunError, match="opened"):
        Gate("llm").stop()
    with pytest.raises(RunError, match="came"):
        Gate("llm").reached()


def test_a_client_is_told_the_class_that_was_raised_and_the_one_inside() -> None:
    told = failed("A", IntegrityError("INSERT", {}, ValueError("no such role")))
    assert (told.status, told.outcome, told.cause) == (500, "IntegrityError", "ValueError")
    assert answered("A", 41).outcome == OK
    assert answered("A", None).answer == ""


def test_the_banner_names_what_was_raised_inside() -> None:
    wrapped = StatementError("(…) greenlet_spawn has not been called", "SELECT 1", {}, MissingGreenlet("await"))
    assert words.error(failed("A", wrapped)) == "StatementError: MissingGreenlet"
    refused = failed("A", IntegrityError("INSERT", {}, ValueError("no such role")))
    assert words.error(refused) == "IntegrityError: ValueError"
    assert words.error(Told("A", 500, error="IntegrityError", cause="UniqueViolation", sqlstate="23505")) == (
        "IntegrityError 23505"
    )
    assert words.error(failed("A", PoolTimeout("QueuePool limit"))) == "TimeoutError"
