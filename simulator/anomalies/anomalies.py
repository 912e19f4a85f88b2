"""The table of anomalies: what a cycle of dependencies must look like to bear a name.

A cycle bears the first name whose condition holds, so the most specific stand first within their kind.

- Adya, Liskov, O'Neil, "Generalized Isolation Level Definitions", ICDE 2000 (G0, G1a, G1b, G1c, G2-item, G2)
- Adya, "Weak Consistency", PhD thesis, MIT 1999 (G-single)
- Berenson, Bernstein, Gray, Melton, O'Neil, O'Neil, "A Critique of ANSI SQL Isolation Levels", SIGMOD 1995
  (P2, P3, P4, A5A read skew, A5B write skew)
- Bailis, Davidson, Fekete, Ghodsi, Hellerstein, Stoica, "Highly Available Transactions", VLDB 2013 (OTV, PMP)
- Fekete, O'Neil, O'Neil, "A Read-Only Transaction Anomaly Under Snapshot Isolation", SIGMOD Record 2004
- Sovran, Power, Aguilera, Li, "Transactional Storage for Geo-Replicated Systems", SOSP 2011 (long fork)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from simulator.anomalies.types import Dependency, DependencyKind, Verdict
from simulator.i18n import N_

WW, WR, RW = DependencyKind.WW, DependencyKind.WR, DependencyKind.RW


@dataclass(frozen=True)
class Cycle:
    """One cycle and what the table asks about it. Edges in their order: each target is the next one's source."""

    edges: tuple[Dependency, ...]
    #: transactions that wrote anything
    writers: Collection[str] = ()
    #: (transaction, step key) -> place in the history's order
    places: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    #: (writer, reader, row, step): the reader's step saw what the writer had written
    saw: Collection[tuple[str, str, str, str | None]] = ()

    @cached_property
    def rw(self) -> tuple[Dependency, ...]:
        return tuple(edge for edge in self.edges if edge.kind is RW)

    @cached_property
    def kinds(self) -> frozenset[DependencyKind]:
        return frozenset(edge.kind for edge in self.edges)

    @property
    def one_row(self) -> bool:
        """Every edge is about one and the same row."""
        return len({edge.evidence.subject for edge in self.edges}) == 1

    @property
    def on_predicate(self) -> bool:
        return any(edge.predicate for edge in self.rw)

    @property
    def overwrites_unseen(self) -> bool:
        """Each ww edge replaces a version, not a deletion, that the statement which replaced it had not looked at."""
        return all(
            not edge.evidence.created
            and (edge.source, edge.target, edge.evidence.item, edge.evidence.target_step) not in self.saw
            for edge in self.edges
            if edge.kind is WW
        )

    @property
    def vanishes(self) -> bool:
        """One transaction saw the other's work, and in a later read of another row did not."""
        if len(self.edges) != 2 or len(self.rw) != 1 or self.rw[0].predicate or WR not in self.kinds:
            return False
        (rw,), (wr,) = self.rw, [edge for edge in self.edges if edge.kind is WR]
        saw, missed = (self._place(rw.source, step) for step in (wr.evidence.target_step, rw.evidence.source_step))
        return saw is not None and missed is not None and saw < missed and not self.one_row

    @property
    def reader_wrote_nothing(self) -> bool:
        return any(edge.source not in self.writers for edge in self.edges)

    @property
    def rw_apart(self) -> bool:
        """No rw edge follows another at once, around the cycle."""
        kinds = [edge.kind for edge in self.edges]
        return all(kind is not RW or kinds[place - 1] is not RW for place, kind in enumerate(kinds))

    def _place(self, transaction: str, step: str | None) -> int | None:
        return None if step is None else self.places.get((transaction, step))


@dataclass(frozen=True, slots=True)
class Phenomenon:
    """One row of the table."""

    name: str
    #: for people
    title: str
    citation: str
    condition: Callable[[Cycle], bool]
    #: the wider phenomena that this is a kind of
    kind_of: tuple[str, ...] = ()


PHENOMENA: tuple[Phenomenon, ...] = (
    Phenomenon("G0", N_("dirty write"), "Adya et al. 2000, G0", lambda c: c.kinds == {WW}),
    Phenomenon("G1a", N_("aborted read"), "Adya et al. 2000, G1a", lambda c: False, ("G1",)),
    Phenomenon("G1b", N_("intermediate read"), "Adya et al. 2000, G1b", lambda c: False, ("G1",)),
    Phenomenon("G1c", N_("circular information flow"), "Adya et al. 2000, G1c", lambda c: not c.rw, ("G1",)),
    Phenomenon(
        "P4",
        N_("lost update"),
        "Berenson et al. 1995, P4",
        lambda c: len(c.rw) == 1 and WW in c.kinds and c.one_row and c.overwrites_unseen,
        ("G-single", "G2-item", "G2"),
    ),
    Phenomenon(
        "PMP",
        N_("phantom"),
        "Bailis et al. 2013, PMP; Berenson et al. 1995, P3; Adya et al. 2000, H_phantom",
        lambda c: len(c.rw) == 1 and c.on_predicate and WR in c.kinds,
        ("P3", "G-single", "G2"),
    ),
    Phenomenon(
        "P2",
        N_("non-repeatable read"),
        "Berenson et al. 1995, P2",
        lambda c: len(c.rw) == 1 and len(c.edges) == 2 and WR in c.kinds and c.one_row,
        ("G-single", "G2-item", "G2"),
    ),
    Phenomenon(
        "OTV",
        N_("observed transaction vanishes"),
        "Bailis et al. 2013, OTV",
        lambda c: c.vanishes,
        ("G-single", "G2-item", "G2"),
    ),
    Phenomenon(
        "G-single",
        N_("read skew"),
        "Adya 1999, G-single; Berenson et al. 1995, A5A",
        lambda c: len(c.rw) == 1,
        ("G2",),
    ),
    Phenomenon(
        "long fork",
        N_("long fork"),
        "Sovran et al. 2011, long fork",
        lambda c: c.rw_apart,
        ("G2",),
    ),
    Phenomenon(
        "read-only anomaly",
        N_("read-only anomaly"),
        "Fekete et al. 2004",
        lambda c: c.reader_wrote_nothing,
        ("G2",),
    ),
    Phenomenon(
        "G2-item",
        N_("write skew"),
        "Adya et al. 2000, G2-item; Berenson et al. 1995, A5B",
        lambda c: not c.on_predicate,
        ("G2",),
    ),
    Phenomenon("G2", N_("write skew over a predicate"), "Adya et al. 2000, G2", lambda c: True),
)

BY_NAME: Mapping[str, Phenomenon] = MappingProxyType({phenomenon.name: phenomenon for phenomenon in PHENOMENA})


def classify(cycle: Cycle) -> Phenomenon:
    """The first row of the table whose condition holds; the last row holds for every cycle."""
    return next(phenomenon for phenomenon in PHENOMENA if phenomenon.condition(cycle))


def exhibits(verdict: Verdict, name: str) -> bool:
    """Whether an anomaly of this name was found, or one that is a kind of it (`G1`, `G-single`, `G2` ...)."""
    return any(anomaly.name == name or name in BY_NAME[anomaly.name].kind_of for anomaly in verdict.anomalies)
