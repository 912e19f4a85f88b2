"""Transactions of appends and reads, gathered key by key; what they say about each other is in `lists`."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.anomalies.operations.branches import Branches
from simulator.anomalies.operations.conflicts import Finding
from simulator.anomalies.operations.inside import inside_list
from simulator.anomalies.operations.types import Completion, Function, Name, Transaction, mixed, untraceable


@dataclass(frozen=True, slots=True)
class Read:
    """A committed transaction read the first `length` elements of one of the key's branches."""

    reader: int
    #: which operation of its transaction
    place: int
    branch: int
    length: int


@dataclass(slots=True)
class Key:
    """What was done with one key."""

    name: Name
    branches: Branches = field(default_factory=Branches)
    reads: list[Read] = field(default_factory=list)
    #: first reads, by transactions that appended afterwards
    updates: list[Read] = field(default_factory=list)
    #: element -> who appended it
    writers: dict[Name, int] = field(default_factory=dict)
    #: elements after which the same transaction appended another
    intermediate: set[Name] = field(default_factory=set)


@dataclass(slots=True)
class Appends:
    """All keys, and what single transactions show to be wrong."""

    completions: list[Completion] = field(default_factory=list)
    inside: list[Finding] = field(default_factory=list)
    _keys: dict[Name, Key] = field(default_factory=dict)

    def add(self, transaction: Transaction) -> None:
        """Raises HistoryError where the transaction works on something else, or an element is appended again."""
        number = len(self.completions)
        self.completions.append(transaction.completion)
        done = transaction.completion is Completion.OK
        last: dict[Name, Name] = {}
        first: dict[Name, Read] = {}
        for place, (function, name, value) in enumerate(transaction.operations):
            key = self._keys.get(name) or self._keys.setdefault(name, Key(name))
            if function is Function.APPEND and not isinstance(value, list | None):
                if value in key.writers:
                    raise untraceable(transaction, name, value)
                key.writers[value] = number
                if name in last:
                    key.intermediate.add(last[name])
                elif name in first:
                    key.updates.append(first[name])
                last[name] = value
            elif function is Function.READ and isinstance(value, list | None):
                if done:
                    elements = value or []
                    read = Read(number, place, key.branches.place(elements), len(elements))
                    key.reads.append(read)
                    if name not in last:
                        first.setdefault(name, read)
            else:
                raise mixed(transaction)
        if done:
            self.inside += inside_list(number, transaction)

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(self._keys.values())
