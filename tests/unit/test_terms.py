"""The table of terms: every name on a page is in it, each with a source, and is found in a sentence as a word."""

from __future__ import annotations

import pytest

from simulator.figures.terms import SIGNS, TERMS, pieces, term_of
from simulator.ui.kit.terms import explained


@pytest.mark.parametrize(
    "words",
    ["P4", "G2-item", "ww", "wr", "rw", "T2#2", "40001", "40P01", "23505", "ShareLock", "AccessExclusiveLock", "OTV"],
)
def test_what_stands_on_the_pages_has_a_meaning_and_a_source(words: str) -> None:
    term = term_of(words)
    assert term is not None
    assert term.meaning
    assert term.source in str(term.sentence)


def test_the_longest_name_counts() -> None:
    found = [piece.words for piece in pieces("G2-item, AccessShareLock (P2)") if piece.term]
    assert found == ["G2-item", "AccessShareLock", "P2"]


@pytest.mark.parametrize("text", ["140001", "T2", "draw", "P42", ""])
def test_parts_of_words_are_no_terms(text: str) -> None:
    assert [piece for piece in pieces(text) if piece.term] == []


def test_a_text_stays_a_text() -> None:
    html = explained("<b>40001</b> & rw")
    assert html.startswith("&lt;b&gt;<abbr")
    assert "&amp; <abbr" in html
    assert "".join(piece.words for piece in pieces("<b>40001</b> & rw")) == "<b>40001</b> & rw"


def test_no_sign_is_explained_twice() -> None:
    assert len({sign.symbol for sign in SIGNS}) == len(SIGNS)
    assert len({term.pattern for term in TERMS}) == len(TERMS)
