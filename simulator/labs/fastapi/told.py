"""What is said of one cell, read off what was observed in it: a table of conditions and their sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simulator.i18n.text import Text
from simulator.labs.fastapi.matrix import Cell
from simulator.labs.fastapi.order import COMMIT, COMMIT_FAILED, LEFT, RESPONSE


class _Rule(NamedTuple):
    holds: Callable[[Cell], bool]
    sentence: Callable[[Cell], Text]


def _before(cell: Cell, first: str, second: str) -> bool:
    return first in cell.order and second in cell.order and cell.order.index(first) < cell.order.index(second)


_RULES = (
    _Rule(
        lambda cell: _before(cell, RESPONSE, COMMIT_FAILED),
        lambda cell: Text.of("The response, {told}, had been sent when the COMMIT failed.", told=cell.told),
    ),
    _Rule(
        lambda cell: _before(cell, COMMIT_FAILED, RESPONSE),
        lambda cell: Text.of("The COMMIT failed before the response, so the client was told {told}.", told=cell.told),
    ),
    _Rule(
        lambda cell: _before(cell, RESPONSE, COMMIT) and not cell.succeeded,
        lambda cell: Text.of(
            "The client was told {told}; after that came the COMMIT, and the message is stored.", told=cell.told
        ),
    ),
    _Rule(
        lambda cell: _before(cell, COMMIT, RESPONSE) and not cell.succeeded and LEFT not in cell.order,
        lambda cell: Text.of("The COMMIT came before the response, and the client was told {told}.", told=cell.told),
    ),
    _Rule(
        lambda cell: _before(cell, LEFT, COMMIT),
        lambda cell: Text.of("The client had gone when the COMMIT came: the message is stored, and nobody was told."),
    ),
    _Rule(
        lambda cell: bool(cell.leak.connections) and COMMIT_FAILED in cell.order,
        lambda cell: Text.of(
            "commit() raised, and the close() was never reached: the connection is not given back. The server "
            "has rolled back, so no transaction is open on it."
        ),
    ),
    _Rule(
        lambda cell: bool(cell.leak.transactions),
        lambda cell: Text.of(
            "The close() was never reached: the connection is not given back, and its transaction is open."
        ),
    ),
    _Rule(
        lambda cell: cell.leaks,
        lambda cell: Text.of(
            "The lab refers to the Session until its run ends; otherwise the garbage collector would end the leak, "
            "some time."
        ),
    ),
)


def sentences(cell: Cell) -> tuple[Text, ...]:
    """What happened in this cell, and why something is still held; () where there is nothing to say."""
    return tuple(rule.sentence(cell) for rule in _RULES if rule.holds(cell))
