"""Lists that grow at their ends: what transactions of appends and reads say about each other.

An element is appended to a key once, so a list that was read names all the appends before it, in their order: the order
of versions is seen and not guessed (Kingsbury, Alvaro, "Elle", VLDB 2020, section 4: traceable objects).

Of the lists that were read of a key the longest is its trunk, and gives that order. One that the trunk does not begin
with says who appended its last element, and nothing of an order. What committed and is in no list came after the trunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise

from simulator.anomalies.operations.appends import Appends
from simulator.anomalies.operations.conflicts import Conflict, Finding, Overtaken
from simulator.anomalies.operations.types import Completion, Data, Name, Transaction
from simulator.anomalies.operations.unclean import disorder, lost_updates, unclean, vanished
from simulator.anomalies.operations.versions import Versions
from simulator.anomalies.types import DependencyKind

WW, WR, RW = DependencyKind.WW, DependencyKind.WR, DependencyKind.RW


class Lists:
    """What all transactions of appends and reads say together."""

    data = Data.LISTS

    def __init__(self) -> None:
        self._appends = Appends()

    def add(self, transaction: Transaction) -> None:
        """Raises HistoryError where it works on something else, or an element is appended again."""
        self._appends.add(transaction)

    @cached_property
    def committed(self) -> frozenset[int]:
        """Those that completed, and those without a completion of which an element was read."""
        seen = {
            key.writers.get(element)
            for key in self._appends.keys
            for elements in key.branches.lists
            for element in elements
        }
        return frozenset(
            number
            for number, completion in enumerate(self._appends.completions)
            if completion is Completion.OK or (completion is Completion.INFO and number in seen)
        )

    @property
    def unread(self) -> int:
        """Elements of committed transactions that are in no list."""
        return sum(versions.unread_elements for versions in self._versions.values())

    def conflicts(self) -> Iterator[Conflict | Overtaken]:
        """Between committed transactions."""
        for versions in self._versions.values():
            yield from _appended(versions)
            yield from _read(versions)

    def findings(self) -> Iterator[Finding]:
        """Anomalies that are no cycles."""
        yield from self._appends.inside
        for versions in self._versions.values():
            yield from unclean(versions, self._appends.completions)
            yield from disorder(versions)
            yield from lost_updates(versions)
        yield from vanished(self._versions)

    @cached_property
    def _versions(self) -> Mapping[Name, Versions]:
        return {key.name: Versions.of(key, self.committed) for key in self._appends.keys}


def _appended(versions: Versions) -> Iterator[Conflict]:
    """ww: in the order of the trunk, and what is in no list after all of it."""
    key, writers = versions.key.name, versions.key.writers
    for before, after in pairwise(versions.order):
        if writers[before] != writers[after]:
            yield Conflict(writers[before], writers[after], WW, key, before, after)
    if versions.order:
        last = versions.order[-1]
        for writer, element in versions.unread.items():
            if writer != writers[last]:
                yield Conflict(writers[last], writer, WW, key, last, element)


def _read(versions: Versions) -> Iterator[Conflict | Overtaken]:
    """wr with who appended the last element, rw with who appended the next one."""
    key, writers, order = versions.key.name, versions.key.writers, versions.order
    current: set[int] = set()
    for read in versions.key.reads:
        writer = versions.writer_of(read)
        if read.length and (writer is None or writer == read.reader):
            continue
        element = versions.last(read)
        if writer is not None:
            yield Conflict(writer, read.reader, WR, key, after=element)
        if not versions.on_trunk(read):
            continue
        reached = versions.reached[read.length]
        if reached == len(order):
            current.add(read.reader)
        elif writers[order[reached]] != read.reader:
            yield Conflict(read.reader, writers[order[reached]], RW, key, element, order[reached])
    if current and versions.unread:
        yield Overtaken(key, order[-1] if order else None, frozenset(current), versions.unread)
