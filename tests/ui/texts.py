"""What a person reads on a page, without its markup."""

from __future__ import annotations

import re
from html import unescape

from streamlit.testing.v1 import AppTest


def html_text(at: AppTest) -> str:
    """The text of everything that was drawn as HTML."""
    return unescape(re.sub(r"<[^>]*>", " ", "\n".join(block.value for block in at.get("html"))))


def outcome(at: AppTest) -> str | None:
    """The outcome in the verdict's banner, as `simulator.model.Outcome` writes it."""
    found = re.search(r'data-outcome="([^"]*)"', "\n".join(block.value for block in at.get("html")))
    return found[1] if found else None
