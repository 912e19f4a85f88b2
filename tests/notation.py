"""Adya's notation: a whole history in one line, for tests and for reading beside the literature.

    w1(x) r2(x1) c1 c2                          T2 reads x as T1 wrote it
    r1(x0) r2(x0) w1(x) c1 w2(x) c2             a lost update; x0 is the initial version
    w1(x1.1) r2(x1.1) w1(x1.2) c1 c2            x1.1 is T1's first version of x, which it then overwrites
    w1(x) r2(x1) a1 c2                          T1 aborts
    r1(P: x0, y0) w2(z) in P c2                 a predicate read; T2's z comes to match P
    w2(x) out P                                 T2's x ceases to match P
    r1(y0, x0)                                  several rows in one read
    w1(x=5) d1(x)                               with a value; a delete
    ... [x0 << x2 << x1]                        version order, where it is not the order of commits

Operations are divided by blanks; what a predicate read selects and names is read as well, row by row. In `r1(P)` no row
matched. The versions that a predicate read selects of rows that do not match are those committed before it, unless it
names them after a bar: `r1(P: x0 | z2)`. A transaction that neither commits nor aborts counts as aborted.

What a checker answers is as short: `edges` and `silence`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from simulator.anomalies.checker import check
from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.observations import observe
from simulator.anomalies.types import Verdict
from simulator.anomalies.versions import SETUP, Change, Item, Observations, PredicateRead, Read, Version
from simulator.history.schedule import History

_OPERATION = re.compile(
    r"(?P<verb>[rwd])(?P<by>\d+)\((?P<what>[^)]*)\)(?:\s+(?P<way>in|out)\s+(?P<of>[A-Z]\w*))?"
    r"|(?P<end>[ca])(?P<ended>\d+)"
    r"|\[(?P<order>[^\]]*)\]"
)
_VERSION = re.compile(r"(?P<item>[a-z]+)(?:(?P<writer>\d+)(?:\.(?P<number>\d+))?)?(?:=(?P<value>\S+))?$")


def read_notation(text: str) -> Observations:
    """Observations of a history in one line. Steps are named by their place: `T1.0`. Raises ValueError."""
    return _History(text).observations()


def edges(judged: History | Verdict) -> set[tuple[str, str, str]]:
    """The dependencies, `("T1", "rw", "T2")`; fails where there is no verdict."""
    verdict = check(judged) if isinstance(judged, History) else judged
    assert verdict.no_verdict is None, verdict.no_verdict
    return {(edge.source, str(edge.kind), edge.target) for edge in verdict.dependencies}


def silence(history: History) -> str:
    """Why there is no verdict; fails where there is one."""
    with pytest.raises(NoVerdictError) as caught:
        observe(history)
    return str(caught.value)


@dataclass(slots=True)
class _Write:
    version: Version
    number: int
    place: int
    way: str | None
    predicate: str | None


@dataclass(slots=True)
class _Read:
    transaction: str
    step: str
    place: int
    #: version names as they stand: x1, x1.1
    names: list[str]
    predicate: str | None = None
    #: versions of rows that did not match
    others: list[str] = field(default_factory=list)


class _History:
    def __init__(self, text: str) -> None:
        self.writes: list[_Write] = []
        self.reads: list[_Read] = []
        #: transaction -> place of its commit
        self.commits: dict[str, int] = {}
        self.given: dict[str, list[str]] = {}
        self.places: dict[tuple[str, str], int] = {}
        end = 0
        for place, match in enumerate(_OPERATION.finditer(text)):
            if text[end : match.start()].strip():
                break
            end = match.end()
            self._operation(place, match)
        if text[end:].strip():
            raise ValueError(f"{text[end:].strip()!r} is not an operation; see the notation's description")

    def observations(self) -> Observations:
        names = sorted({f"{write.version.item}" for write in self.writes} | set(self._read_items()))
        orders = {Item(name, ()): tuple(self._order(name)) for name in names}
        reads = [Read(read.transaction, read.step, self._named(name)) for read in self.reads for name in read.names]
        return Observations(
            committed=tuple(self.commits),
            versions=orders,
            reads=tuple(read for read in reads if read.transaction in self.commits),
            predicate_reads=tuple(
                self._predicate_read(read, orders)
                for read in self.reads
                if read.predicate and read.transaction in self.commits
            ),
            places=self.places,
        )

    def _operation(self, place: int, match: re.Match[str]) -> None:
        if match["order"]:
            names = [name.strip() for name in match["order"].split("<<")]
            self.given[_parsed(names[0])["item"]] = names
            return
        transaction = f"T{match['by'] or match['ended']}"
        if match["end"]:
            if match["end"] == "c":
                self.commits[transaction] = place
            return
        step = f"{transaction}.{place}"
        self.places[transaction, step] = place
        if match["verb"] == "r":
            self.reads.append(_reading(transaction, step, place, match["what"]))
        else:
            self._write(transaction, step, place, match)

    def _write(self, transaction: str, step: str, place: int, match: re.Match[str]) -> None:
        parts = _parsed(match["what"])
        if parts["writer"] is not None and f"T{parts['writer']}" != transaction:
            raise ValueError(f"{match[0]!r}: a transaction writes its own versions")
        item = Item(parts["item"], ())
        earlier = [write for write in self.writes if (write.version.item, write.version.writer) == (item, transaction)]
        for write in earlier:
            write.version = replace(write.version, final=False)
        values = None if match["verb"] == "d" else (parts["value"],)
        first = earlier[0].version.first_step if earlier else step
        version = Version(item, transaction, ("value",), values, first, step)
        number = int(parts["number"] or len(earlier) + 1)
        self.writes.append(_Write(version, number, place, match["way"], match["of"]))

    def _read_items(self) -> Iterator[str]:
        for read in self.reads:
            yield from (_parsed(name)["item"] for name in (*read.names, *read.others))

    def _final(self, name: str) -> list[_Write]:
        """Last writes of the item by the committed transactions, in the order of their commits."""
        last = {write.version.writer: write for write in self.writes if write.version.item.table == name}
        return sorted(
            (write for writer, write in last.items() if writer in self.commits),
            key=lambda write: self.commits[write.version.writer],
        )

    def _order(self, name: str) -> Iterator[Version]:
        yield Version(Item(name, ()), SETUP, ("value",), (None,))
        if name in self.given:
            yield from (self._named(version) for version in self.given[name] if _parsed(version)["writer"] != "0")
        else:
            yield from (write.version for write in self._final(name))

    def _named(self, name: str) -> Version:
        parts = _parsed(name)
        writer = f"T{parts['writer'] or 0}"
        if writer == SETUP:
            return Version(Item(parts["item"], ()), SETUP, ("value",), (None,))
        found = [w for w in self.writes if (w.version.item.table, w.version.writer) == (parts["item"], writer)]
        numbered = [write for write in found if parts["number"] is None or write.number == int(parts["number"])]
        if not numbered:
            raise ValueError(f"{name!r} was never written")
        return numbered[-1].version

    def _predicate_read(self, read: _Read, orders: dict[Item, tuple[Version, ...]]) -> PredicateRead:
        selected = {_parsed(name)["item"]: self._named(name) for name in (*read.names, *read.others)}
        named = {_parsed(name)["item"] for name in read.names}
        seen, missed = [], []
        for item, order in orders.items():
            version = selected.get(item.table) or self._current(order, read)
            at = next((place for place, other in enumerate(order) if other.writer == version.writer), 0)
            changes = [
                (place, change)
                for place, pair in enumerate(pairwise(order), start=1)
                if (change := self._change(*pair, read)) is not None
            ]
            before = [change for place, change in changes if place <= at]
            if before and not (item.table in named and before[-1].after.writer == version.writer):
                seen.append(before[-1])
            if item.table not in named:
                missed += [change for place, change in changes if place > at]
        return PredicateRead(read.transaction, read.step, read.predicate or "", tuple(seen), tuple(missed))

    def _current(self, order: tuple[Version, ...], read: _Read) -> Version:
        """The version that was committed when the read took place."""
        done = [version for version in order if self.commits.get(version.writer, -1) < read.place]
        return done[-1]

    def _change(self, before: Version, after: Version, read: _Read) -> Change | None:
        for write in self.writes:
            if write.version == after and write.predicate == read.predicate and after.writer != read.transaction:
                return Change(before, after, entered=write.way == "in")
        return None


def _reading(transaction: str, step: str, place: int, what: str) -> _Read:
    head, colon, rest = what.partition(":")
    if not (colon or head.strip()[:1].isupper()):
        return _Read(transaction, step, place, _names(what))
    if not head.strip().isalnum():
        raise ValueError(f"{head.strip()!r} is not the name of a predicate, such as P")
    matching, _, others = rest.partition("|")
    return _Read(transaction, step, place, _names(matching), head.strip(), _names(others))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _parsed(name: str) -> re.Match[str]:
    match = _VERSION.match(name.strip())
    if match is None:
        raise ValueError(f"{name!r} is not a version such as x1 or x1.2")
    return match
