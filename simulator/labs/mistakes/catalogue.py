"""All mistakes, family by family, the silent ones first in each."""

from __future__ import annotations

from simulator.labs.mistakes import (
    asynchronous,
    collisions,
    contention,
    global_session,
    http,
    isolation,
    leaking,
    objects,
    pooled,
    sharing,
    transactions,
)
from simulator.labs.mistakes.entry import Mistake

MISTAKES: tuple[Mistake, ...] = (
    *sharing.MISTAKES,
    *global_session.MISTAKES,
    *collisions.MISTAKES,
    *pooled.MISTAKES,
    *leaking.MISTAKES,
    *transactions.MISTAKES,
    *contention.MISTAKES,
    *objects.MISTAKES,
    *asynchronous.MISTAKES,
    *isolation.MISTAKES,
    *http.MISTAKES,
)
_BY_KEY = {mistake.key: mistake for mistake in MISTAKES}


def find(key: str) -> Mistake:
    """The mistake of this key. Raises KeyError."""
    return _BY_KEY[key]
