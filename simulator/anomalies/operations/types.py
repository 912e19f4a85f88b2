"""Transactions as a client saw them, and what a check of them comes to.

The form is Jepsen's: https://jepsen-io.github.io/jepsen.history/jepsen.history.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from simulator.errors import HistoryError
from simulator.i18n.text import Text

#: elements of a list that are shown
_SHOWN = 5

#: a key, an element of a list, a register's value
Name = int | str
#: what a read returned: a list, a register's value, or None: nothing was there
Value = Name | list[Name] | None


class Completion(StrEnum):
    """How a transaction ended, as far as its client knows."""

    OK = "ok"
    FAIL = "fail"
    #: it may have taken effect, or may still
    INFO = "info"


class Function(StrEnum):
    """What one operation of a transaction does."""

    READ = "r"
    APPEND = "append"
    WRITE = "w"


class Operation(NamedTuple):
    """What one operation did; the value is what it wrote, or what it read."""

    function: Function
    key: Name
    value: Value


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction by its completion. What it read is only known where it is `ok`."""

    #: line or entry of the file where it is completed (begun, where it has no completion), from 1
    place: int
    completion: Completion
    operations: tuple[Operation, ...]

    @property
    def name(self) -> str:
        return f"T{self.place}"


def shown(value: Value, start: int | None = None) -> str:
    """A value as a person reads it: of a long list its end, or what begins at `start`.

    >>> shown([1, 2]), shown(None), shown(list(range(9))), shown(list(range(9)), 2)
    ('[1 2]', 'nothing', '[… 4 5 6 7 8]', '[… 2 3 4 5 6 …]')
    """
    if not isinstance(value, list):
        return "nothing" if value is None else str(value)
    first = max(0, len(value) - _SHOWN) if start is None else start
    before, after = ("…",) if first else (), ("…",) if first + _SHOWN < len(value) else ()
    return f"[{' '.join(map(str, (*before, *value[first : first + _SHOWN], *after)))}]"


class Data(StrEnum):
    """What the transactions work on, in Elle's words."""

    LISTS = "list-append"
    #: every value written to a register at most once
    REGISTERS = "rw-register"


@dataclass(frozen=True, slots=True)
class Occurrences:
    """All that was found of one anomaly."""

    name: str
    #: how often; of a kind of cycle, how many tangles of transactions have it as their worst
    count: int
    #: the first few: what was seen, in sentences
    examples: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a history came to."""

    data: Data
    committed: int
    failed: int
    #: of which nobody knows whether they committed
    unknown: int
    #: elements or values that were written, and that nobody read
    unread: int
    #: worst first
    anomalies: tuple[Occurrences, ...]


def untraceable(transaction: Transaction, key: Name, value: Value) -> HistoryError:
    """Who wrote what cannot be told."""
    return HistoryError(
        Text.of(
            "Line {line}: {value} is written to {key} a second time; who wrote what can only be told where it is new "
            "each time.",
            line=transaction.place,
            value=shown(value),
            key=key,
        )
    )


def mixed(transaction: Transaction) -> HistoryError:
    """It is neither only lists nor only registers."""
    return HistoryError(
        Text.of(
            "Line {line}: this history has both lists (append) and registers (w); check each by itself.",
            line=transaction.place,
        )
    )
