"""Terms in a text are underlined, and tell what they mean where one points, taps or tabs to them."""

from __future__ import annotations

from html import escape

from simulator.figures.terms import Term, pieces


def explained(text: str) -> str:
    """The text as HTML, each term with its meaning and source."""
    return "".join(escape(words) if term is None else _marked(words, term) for words, term in pieces(text))


def _marked(words: str, term: Term) -> str:
    return f'<abbr class="tx-term" tabindex="0" title="{escape(str(term.sentence))}">{escape(words)}</abbr>'
