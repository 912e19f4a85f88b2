"""A text that is of another page: taken there, and opened by that page when it is shown next."""

from __future__ import annotations

from urllib.parse import urlencode

from simulator.ui.app import links, pages
from simulator.ui.kit.slots import Slot

_TEXT: Slot[str] = Slot("app", "carried", "")
_TO: Slot[str] = Slot("app", "carried_to", "")


def carry(text: str, page: str, **asked: str) -> None:
    """Open a page with a text. Ends the script run."""
    if pages.is_page(page):
        _TEXT.set(text)
        _TO.set(page)
        links.open_link(f"./{page}?{urlencode(asked)}")


def take(page: str) -> str:
    """What was brought to this page, once; "" for nothing."""
    if _TO.get() != page:
        return ""
    _TO.pop()
    return _TEXT.pop()
