"""The order of the versions of one key, as the lists that were read of it tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.anomalies.operations.appends import Key, Read
from simulator.anomalies.operations.types import Name


@dataclass(frozen=True, slots=True)
class Versions:
    """One key's versions. Transactions are numbers; only committed ones have versions."""

    key: Key
    committed: frozenset[int]
    #: number of the branch that gives the order, 0 where nothing was read
    trunk: int
    #: elements of the trunk that committed transactions appended, each once
    order: Sequence[Name]
    #: how many of those are among the first n of the trunk, for each n
    reached: Sequence[int]
    #: for each branch how many of its elements the trunk begins with
    shared: Sequence[int]
    #: transaction -> the last of its elements that are in no list
    unread: Mapping[int, Name]
    #: how many such elements there are
    unread_elements: int
    #: transaction -> how long a beginning of the trunk must be to have all its appends; longer than the trunk: none has
    complete: Mapping[int, int]

    @classmethod
    def of(cls, key: Key, committed: frozenset[int]) -> Versions:
        branches = key.branches.lists
        number = key.branches.longest() if branches else 0
        trunk = branches[number] if branches else []
        order: dict[Name, None] = {}
        reached = [0]
        complete: dict[int, int] = {}
        for length, element in enumerate(trunk, start=1):
            writer = key.writers.get(element)
            if writer is not None and writer in committed and element not in order:
                order[element] = None
                complete[writer] = length
            reached.append(len(order))
        read = {element for elements in branches for element in elements}
        unread = [
            (writer, element) for element, writer in key.writers.items() if writer in committed and element not in read
        ]
        complete |= {writer: len(trunk) + 1 for writer, _ in unread}
        shared = tuple(key.branches.shared(branch, number) for branch in range(len(branches)))
        return cls(key, committed, number, tuple(order), reached, shared, dict(unread), len(unread), complete)

    def last(self, read: Read) -> Name | None:
        """The last element of the list that was read."""
        return self.key.branches.lists[read.branch][read.length - 1] if read.length else None

    def on_trunk(self, read: Read) -> bool:
        """Whether the trunk begins with the list, so that what follows it is known."""
        return read.length <= self.shared[read.branch]

    def writer_of(self, read: Read) -> int | None:
        """Who installed the version that was read; None where it is the first, or no commit installed it (G1a, G1b)."""
        element = self.last(read)
        if element is None or element in self.key.intermediate:
            return None
        writer = self.key.writers.get(element)
        return writer if writer in self.committed else None

    def lacks(self, read: Read, writer: int) -> bool:
        """Whether the transaction appended to the key what is not in the list that was read."""
        return self.on_trunk(read) and read.length < self.complete.get(writer, 0)
