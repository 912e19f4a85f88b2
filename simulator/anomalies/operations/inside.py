"""What a transaction alone shows to be wrong: a read that its own operations contradict.

Internal consistency is the axiom INT of Cerone, Bernardi, Gotsman, "A Framework for Transactional Consistency Models
with Atomic Visibility" (CONCUR 2015): a read gives what the transaction itself last read or wrote. To read what it only
writes later is Elle's future read.
"""

from __future__ import annotations

from collections.abc import Iterator

from simulator.anomalies.operations.conflicts import Finding
from simulator.anomalies.operations.types import Function, Name, Transaction, Value, shown


def inside_list(number: int, transaction: Transaction) -> Iterator[Finding]:
    """Of appends and reads; of each anomaly the first."""
    read: dict[Name, list[Name]] = {}
    appended: dict[Name, list[Name]] = {}
    found: dict[str, Finding] = {}
    for operation in transaction.operations:
        key, value = operation.key, operation.value
        if operation.function is Function.APPEND:
            if value in read.get(key, ()):
                found.setdefault("future read", _finding("future read", number, key, value, None))
            appended.setdefault(key, []).append(value)  # type: ignore[arg-type]  # a name, as read
            continue
        elements: list[Name] = value if isinstance(value, list) else []
        own = appended.pop(key, [])
        if key in read:
            expected = [*read[key], *own]
            agrees = elements == expected
        else:
            expected = ["…", *own]
            agrees = elements[len(elements) - len(own) :] == own and len(elements) >= len(own)
        if not agrees:
            found.setdefault("internal", _finding("internal", number, key, elements, expected))
        read[key] = elements
    yield from found.values()


def inside_register(number: int, transaction: Transaction) -> Iterator[Finding]:
    """Of writes and reads; of each anomaly the first."""
    known: dict[Name, Value] = {}
    read: set[tuple[Name, Value]] = set()
    found: dict[str, Finding] = {}
    for operation in transaction.operations:
        key, value = operation.key, operation.value
        if operation.function is Function.WRITE:
            if (key, value) in read:
                found.setdefault("future read", _finding("future read", number, key, value, None))
        else:
            if key in known and known[key] != value:
                found.setdefault("internal", _finding("internal", number, key, value, known[key]))
            read.add((key, value))
        known[key] = value
    yield from found.values()


def _finding(name: str, number: int, key: Name, value: Value, expected: Value) -> Finding:
    return Finding(name, {"reader": number}, {"key": key, "value": shown(value), "expected": shown(expected)})
