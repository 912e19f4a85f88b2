"""Whether this person has just come to the page: then its link counts, and never again."""

from __future__ import annotations

from simulator.ui.kit.slots import PAGE, Slot

_PENDING: Slot[bool] = Slot("app", "arrival", False)


def note(page: str) -> None:
    """Called in every script run with the page that is about to be shown."""
    if not PAGE.is_set() or PAGE.get() != page:
        PAGE.set(page)
        _PENDING.set(True)


def expect() -> None:
    """The next script run is an arrival, also on the page that is open now."""
    _PENDING.set(True)


def just_now() -> bool:
    """True for the first who asks after an arrival, also where the script run of the arrival was cut short."""
    return _PENDING.pop()
