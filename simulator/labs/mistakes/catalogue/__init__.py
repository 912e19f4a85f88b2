"""All mistakes, family by family, the silent ones first in each; a module may have some of several families."""

from __future__ import annotations

from simulator.labs.mistakes.catalogue import (
    asynchronous,
    changes,
    collisions,
    commits,
    contention,
    engines,
    forking,
    global_session,
    handed_over,
    http,
    isolation,
    leaking,
    objects,
    pooled,
    scoped_http,
    sharing,
    streaming,
    transactions,
    workers,
)
from simulator.labs.mistakes.entry import Mistake

#: In this order; what is silent stands first in its family, wherever its module stands here.
_MODULES = (
    sharing,
    global_session,
    collisions,
    forking,
    pooled,
    engines,
    leaking,
    transactions,
    commits,
    workers,
    contention,
    objects,
    changes,
    asynchronous,
    isolation,
    http,
    handed_over,
    scoped_http,
    streaming,
)
_FAMILIES = ("sharing", "leaking", "transactions", "objects", "asynchronous", "isolation", "fastapi")


def _place(mistake: Mistake) -> tuple[int, bool]:
    return _FAMILIES.index(mistake.family), not mistake.silent


MISTAKES: tuple[Mistake, ...] = tuple(sorted((each for module in _MODULES for each in module.MISTAKES), key=_place))
_BY_KEY = {mistake.key: mistake for mistake in MISTAKES}


def find(key: str) -> Mistake:
    """The mistake of this key. Raises KeyError."""
    return _BY_KEY[key]
