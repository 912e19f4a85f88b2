"""Requests of the Session lifecycle lab, without a database: their tables, their code, the documents they search."""

from __future__ import annotations

import inspect
from collections import Counter

import pytest

from simulator.labs.backend.documents import QUESTIONS, documents, question
from simulator.labs.backend.setup import setup
from simulator.labs.sessions import kinds
from simulator.labs.sessions.catalogue import KINDS, MIXES, Mix, RequestKind, alone, code, deal, kind, mix

KEYS = [it.key for it in KINDS]


@pytest.mark.parametrize("each", KINDS, ids=KEYS)
def test_the_code_shown_is_what_runs_in_both_styles(each: RequestKind) -> None:
    assert code(each, is_async=False).startswith(f"def {each.key}(SessionLocal: sessionmaker[Session], job: Job)")
    assert code(each, is_async=True).startswith(f"async def {each.key}(SessionLocal: async_sessionmaker[AsyncSession]")
    assert "await " in code(each, is_async=True)


@pytest.mark.parametrize("each", KINDS, ids=KEYS)
def test_code_fits_on_a_projector(each: RequestKind) -> None:
    for is_async in (False, True):
        lines = code(each, is_async).splitlines()
        assert len(lines) <= 16
        assert max(map(len, lines)) <= 120


def test_every_function_that_takes_a_sessionmaker_is_a_kind() -> None:
    written = [
        name
        for name, function in inspect.getmembers(kinds, inspect.isfunction)
        if "SessionLocal" in inspect.signature(function).parameters
    ]
    assert sorted(written) == sorted(KEYS)


def test_keys_are_unique_and_found() -> None:
    assert len(set(KEYS)) == len(KEYS)
    assert all(kind(it.key) is it for it in KINDS)
    assert all(mix(it.key) is it for it in MIXES)
    with pytest.raises(KeyError):
        kind("unknown")


@pytest.mark.parametrize("each", MIXES, ids=[it.key for it in MIXES])
def test_a_mix_is_dealt_in_its_proportions(each: Mix) -> None:
    whole = sum(weight for _, weight in each.weights)
    dealt = Counter(it.key for it in deal(each, 3 * whole))
    assert dealt == {key: 3 * weight for key, weight in each.weights}


def test_dealing_is_the_same_every_time_and_a_longer_one_begins_like_a_shorter_one() -> None:
    day = mix("working_day")
    assert deal(day, 50) == deal(day, 50)
    assert deal(day, 50)[:7] == deal(day, 7)
    assert deal(day, 0) == ()


def test_kinds_are_spread_over_the_whole() -> None:
    dealt = [it.key for it in deal(mix("working_day"), 20)]
    assert len(set(dealt[:10])) >= 5
    assert dealt[:6] != ["save_message"] * 6


def test_one_kind_alone() -> None:
    assert deal(alone(kind("llm_inside")), 3) == (kind("llm_inside"),) * 3


def test_documents_are_400_different_ones_and_always_the_same() -> None:
    found = documents()
    assert len(found) == 400
    assert len({document.title for document in found}) == 400
    assert len({document.body for document in found}) == 400
    documents.cache_clear()
    assert documents() == found


def test_documents_are_whole_sentences() -> None:
    for document in documents():
        sentences = document.body.count(". ") + document.body.count("? ") + 1
        assert 4 <= sentences <= 7, document.body
        assert document.body.endswith("."), document.body
        assert document.body[0].isupper(), document.body
        assert not set("{}") & set(document.body), document.body


def test_questions_come_round_again() -> None:
    assert question(1) == QUESTIONS[0]
    assert question(len(QUESTIONS) + 1) == QUESTIONS[0]


def test_the_setup_is_the_same_every_time() -> None:
    before = setup()
    setup.cache_clear()
    documents.cache_clear()
    assert setup() == before
