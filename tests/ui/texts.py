"""What a person reads on a page, without its markup."""

from __future__ import annotations

import re
from html import unescape

from streamlit.testing.v1 import AppTest


def _drawn(at: AppTest) -> str:
    """All that was drawn as HTML, but for what another step of the score brings to light."""
    drawn = "\n".join(block.value for block in at.get("html"))
    assert "Text(template=" not in drawn, "a sentence that nobody has put into words"
    return re.sub(r'<section data-txs-at="[^"]*">.*?</section>', "", drawn, flags=re.DOTALL)


def html_text(at: AppTest) -> str:
    """The text of everything that was drawn as HTML; a term in it is a word of its sentence."""
    drawn = re.sub(r"</?abbr[^>]*>", "", _drawn(at))
    return unescape(re.sub(r"<[^>]*>", " ", drawn))


def outcome(at: AppTest) -> str | None:
    """The outcome in the verdict's banner, as `simulator.model.Outcome` writes it."""
    found = re.search(r'data-outcome="([^"]*)"', _drawn(at))
    return found[1] if found else None


def open_tab(at: AppTest, key: str, title: str) -> str:
    """The page's HTML once this tab is open."""
    at.session_state[key] = title
    at.run()
    assert not at.exception, at.exception
    return html_text(at)
