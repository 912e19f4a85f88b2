"""Registers whose every value is written once: what transactions of writes and reads say about each other.

A value does not tell which ones were before it. What is inferred is this and no more:

- who read a value comes after who wrote it (wr);
- what a transaction writes to a register follows what it read there (unless it does, it has overwritten what it depends
  on backwards, which is G1c by itself); so other readers of the same value come before it (rw);
- every value follows the initial one, nothing; so who read nothing comes before whoever wrote (rw).

In both rw cases other versions may lie between, and the edge then stands for one rw and some ww edges: classes that
forbid rw edges beyond some number are right all the same. No ww edge is inferred without a wr one beside it, so G0 is
never claimed. (Kingsbury, Alvaro, "Elle", VLDB 2020, section 5: registers.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from simulator.anomalies.operations.conflicts import Conflict, Finding, Overtaken
from simulator.anomalies.operations.inside import inside_register
from simulator.anomalies.operations.types import (
    Completion,
    Data,
    Function,
    Name,
    Transaction,
    mixed,
    shown,
    untraceable,
)
from simulator.anomalies.paths import strong_components
from simulator.anomalies.types import DependencyKind


@dataclass(frozen=True, slots=True)
class _Read:
    reader: int
    #: which operation of its transaction
    place: int
    #: None: nothing had been written
    value: Name | None


@dataclass(slots=True)
class _Register:
    name: Name
    #: value -> who wrote it
    writers: dict[Name, int] = field(default_factory=dict)
    #: transaction -> its last value
    final: dict[int, Name] = field(default_factory=dict)
    #: by committed transactions, of what they had not written themselves just before
    reads: list[_Read] = field(default_factory=list)
    #: value -> transactions that first read it and then wrote
    updates: dict[Name | None, list[int]] = field(default_factory=dict)


class Registers:
    """What all transactions of writes and reads say together."""

    data = Data.REGISTERS

    def __init__(self) -> None:
        self._registers: dict[Name, _Register] = {}
        self._completions: list[Completion] = []
        self._inside: list[Finding] = []

    def add(self, transaction: Transaction) -> None:
        """Raises HistoryError where it works on something else, or a value is written again."""
        number = len(self._completions)
        self._completions.append(transaction.completion)
        done = transaction.completion is Completion.OK
        first: dict[Name, Name | None] = {}
        for place, (function, name, value) in enumerate(transaction.operations):
            register = self._registers.get(name) or self._registers.setdefault(name, _Register(name))
            if isinstance(value, list) or function is Function.APPEND:
                raise mixed(transaction)
            if function is Function.WRITE and value is not None:
                if value in register.writers:
                    raise untraceable(transaction, name, value)
                register.writers[value] = number
                if name in first and number not in register.final:
                    register.updates.setdefault(first[name], []).append(number)
                register.final[number] = value
            elif done and (number not in register.final or register.final[number] != value):
                register.reads.append(_Read(number, place, value))
                if number not in register.final:
                    first.setdefault(name, value)
        if done:
            self._inside += inside_register(number, transaction)

    @cached_property
    def committed(self) -> frozenset[int]:
        """Those that completed, and those without a completion of which a value was read."""
        seen = {
            register.writers.get(read.value)
            for register in self._all
            for read in register.reads
            if read.value is not None
        }
        return frozenset(
            number
            for number, completion in enumerate(self._completions)
            if completion is Completion.OK or (completion is Completion.INFO and number in seen)
        )

    @property
    def unread(self) -> int:
        """Last values of committed transactions that none has read."""
        read = {(register.name, one.value) for register in self._all for one in register.reads}
        return sum(
            writer in self.committed and (register.name, value) not in read
            for register in self._all
            for writer, value in register.final.items()
        )

    def conflicts(self) -> Iterator[Conflict | Overtaken]:
        """Between committed transactions."""
        for register in self._all:
            readers: dict[Name | None, set[int]] = {}
            for read in register.reads:
                writer = self._writer_of(register, read)
                if writer is not None and writer != read.reader:
                    yield Conflict(writer, read.reader, DependencyKind.WR, register.name, after=read.value)
                if read.value is None or writer is not None:
                    readers.setdefault(read.value, set()).add(read.reader)
            for value, ones in readers.items():
                following = self._following(register, value)
                if following:
                    yield Overtaken(register.name, value, frozenset(ones), following)

    def findings(self) -> Iterator[Finding]:
        """Anomalies that are no cycles."""
        yield from self._inside
        for register in self._all:
            yield from self._unclean(register)
            yield from _lost_updates(register)
        yield from self._cyclic_versions()
        yield from self._vanished()

    @property
    def _all(self) -> tuple[_Register, ...]:
        return tuple(self._registers.values())

    def _writer_of(self, register: _Register, read: _Read) -> int | None:
        """Who installed the version that was read; None where it is the initial one, or no commit installed it."""
        writer = None if read.value is None else register.writers.get(read.value)
        installed = writer is not None and writer in self.committed and register.final[writer] == read.value
        return writer if installed else None

    def _following(self, register: _Register, value: Name | None) -> dict[int, Name]:
        """Committed transactions whose last value is known to have come after this one, with it."""
        writers = register.final if value is None else register.updates.get(value, ())
        return {writer: register.final[writer] for writer in writers if writer in self.committed}

    def _follows(self, register: _Register, writer: int, value: Name | None) -> bool:
        """Whether the transaction is one of those."""
        if value is None:
            return writer in register.final and writer in self.committed
        return writer in register.updates.get(value, ())

    def _unclean(self, register: _Register) -> Iterator[Finding]:
        """G1a, G1b, and values that nobody wrote."""
        for read in register.reads:
            if read.value is None:
                continue
            values = {"key": register.name, "value": read.value, "element": read.value}
            writer = register.writers.get(read.value)
            if writer is None:
                yield Finding("garbage read", {"reader": read.reader}, values)
            elif self._completions[writer] is Completion.FAIL:
                yield Finding("G1a", {"reader": read.reader, "writer": writer}, values)
            elif register.final[writer] != read.value and writer != read.reader:
                yield Finding("G1b", {"reader": read.reader, "writer": writer}, values)

    def _cyclic_versions(self) -> Iterator[Finding]:
        """Values of which each was written by who had read the one before, all around."""
        for register in self._all:
            follows: dict[int, dict[int, int]] = {}
            for value, ones in register.updates.items():
                if value is not None and value in register.writers:
                    follows.setdefault(register.writers[value], {}).update(dict.fromkeys(ones, 1))
            for members in strong_components(follows):
                values = " ".join(str(register.final[writer]) for writer in sorted(members))
                yield Finding("cyclic versions", {}, {"key": register.name, "value": values})

    def _vanished(self) -> Iterator[Finding]:
        """OTV: a transaction saw another's value, and later in another register one that the other had replaced."""
        reads: dict[int, list[tuple[int, _Register, _Read]]] = {}
        for register in self._all:
            for read in register.reads:
                reads.setdefault(read.reader, []).append((read.place, register, read))
        for reader, own in reads.items():
            own.sort(key=lambda one: one[0])
            seen: list[tuple[int, _Register]] = []
            for _, register, read in own:
                for writer, saw in seen:
                    if saw is not register and self._follows(register, writer, read.value):
                        names = {"key": saw.name, "other": register.name}
                        yield Finding("OTV", {"reader": reader, "writer": writer}, names)
                writer_of_this = self._writer_of(register, read)
                if writer_of_this is not None and writer_of_this != reader:
                    seen.append((writer_of_this, register))


def _lost_updates(register: _Register) -> Iterator[Finding]:
    """P4: several transactions read one and the same value, and all of them wrote."""
    for value, writers in register.updates.items():
        if len(writers) > 1:
            first_two = {"reader": writers[0], "second": writers[1]}
            yield Finding("P4", first_two, {"key": register.name, "value": shown(value)})
