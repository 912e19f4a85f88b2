"""The lists that were read of one key, each of which the next ones should begin with."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import takewhile

from simulator.anomalies.operations.types import Name


@dataclass(slots=True)
class Branches:
    """Lists that were read, without those that another begins with: one where all is well."""

    lists: list[list[Name]] = field(default_factory=list)

    def place(self, elements: list[Name]) -> int:
        """The number of the list that begins with these elements; it grows to them where they begin with it."""
        length = len(elements)
        for number, known in enumerate(self.lists):
            shared = min(length, len(known))
            # Of two lists that differ the last shared place mostly does: a look at it spares the comparison.
            if shared and known[shared - 1] != elements[shared - 1]:
                continue
            if known[:shared] == elements[:shared]:
                if length > shared:
                    self.lists[number] = elements
                return number
        self.lists.append(elements)
        return len(self.lists) - 1

    def longest(self) -> int:
        """The number of the longest, of the first among equals. Raises ValueError where nothing was read."""
        return max(range(len(self.lists)), key=lambda number: (len(self.lists[number]), -number))

    def shared(self, one: int, other: int) -> int:
        """How many elements these two both begin with."""
        if one == other:
            return len(self.lists[one])
        pairs = zip(self.lists[one], self.lists[other], strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
