"""The table of anomalies: what a cycle of dependencies must look like to bear a name.

A cycle bears the first name whose condition holds, so the most specific stand first within their kind.

- Adya, Liskov, O'Neil, "Generalized Isolation Level Definitions", ICDE 2000 (G0, G1a, G1b, G1c, G2-item, G2)
- Adya, "Weak Consistency", PhD thesis, MIT 1999 (G-single)
- Berenson, Bernstein, Gray, Melton, O'Neil, O'Neil, "A Critique of ANSI SQL Isolation Levels", SIGMOD 1995
  (P2, P3, P4, A5A read skew, A5B write skew)
- Bailis, Davidson, Fekete, Ghodsi, Hellerstein, Stoica, "Highly Available Transactions", VLDB 2013 (OTV, PMP)
- Fekete, O'Neil, O'Neil, "A Read-Only Transaction Anomaly Under Snapshot Isolation", SIGMOD Record 2004
- Sovran, Power, Aguilera, Li, "Transactional Storage for Geo-Replicated Systems", SOSP 2011 (long fork)
- Cerone, Gotsman, "Analysing Snapshot Isolation", PODC 2016 (snapshot isolation allows exactly the cycles that have two
  adjacent rw edges), and Kingsbury, Elle, https://github.com/jepsen-io/elle (which names the others G-nonadjacent)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from simulator.anomalies.types import Dependency, DependencyKind
from simulator.i18n.text import N_

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
    def forks(self) -> bool:
        """Two readers, each of whom saw one of two writers and not yet the other."""
        return len(self.edges) == 4 and [edge.kind for edge in self.edges] in ([WR, RW, WR, RW], [RW, WR, RW, WR])

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
    #: what it means, in a sentence for people
    meaning: str
    #: where it is defined
    citation: str
    condition: Callable[[Cycle], bool]
    #: the wider phenomena that this is a kind of
    kind_of: tuple[str, ...] = ()
    #: what somebody is asked to do who is to bring it about by hand
    goal: str = ""


PHENOMENA: tuple[Phenomenon, ...] = (
    Phenomenon(
        "G0",
        N_("dirty write"),
        N_("Each transaction overwrote something that the other had written: what is stored is a mixture of both."),
        "Adya et al. 2000, G0",
        lambda c: c.kinds == {WW},
        goal=N_("Try to mix what two transactions write"),
    ),
    Phenomenon(
        "G1a",
        N_("aborted read"),
        N_("A transaction read what another had written and then rolled back."),
        "Adya et al. 2000, G1a",
        lambda c: False,
        ("G1",),
        goal=N_("Try to read what is then rolled back"),
    ),
    Phenomenon(
        "G1b",
        N_("intermediate read"),
        N_("A transaction read a value that its writer replaced before it committed."),
        "Adya et al. 2000, G1b",
        lambda c: False,
        ("G1",),
        goal=N_("Try to read a value that its writer then replaces"),
    ),
    Phenomenon(
        "G1c",
        N_("circular information flow"),
        N_("Each transaction saw or overwrote what another of them had written, all around in a circle."),
        "Adya et al. 2000, G1c",
        lambda c: not c.rw,
        ("G1",),
        goal=N_("Try to have each of two transactions see the other's work"),
    ),
    Phenomenon(
        "P4",
        N_("lost update"),
        N_("A transaction read a row, and overwrote it without seeing what another had written there in between."),
        "Berenson et al. 1995, P4",
        lambda c: len(c.rw) == 1 and WW in c.kinds and c.one_row and c.overwrites_unseen,
        ("G-single", "G2-item", "G2"),
        goal=N_("Try to lose an update"),
    ),
    Phenomenon(
        "PMP",
        N_("phantom"),
        N_("The rows that match a condition were not the same ones for the whole transaction."),
        "Bailis et al. 2013, PMP; Berenson et al. 1995, P3; Adya et al. 2000, H_phantom",
        lambda c: len(c.rw) == 1 and c.on_predicate and WR in c.kinds,
        ("P3", "G-single", "G2"),
        goal=N_("Try to see a phantom"),
    ),
    Phenomenon(
        "P2",
        N_("non-repeatable read"),
        N_("A row was not the same when the transaction came to it again."),
        "Berenson et al. 1995, P2",
        lambda c: len(c.rw) == 1 and len(c.edges) == 2 and WR in c.kinds and c.one_row,
        ("G-single", "G2-item", "G2"),
        goal=N_("Try to find a row changed when you come to it again"),
    ),
    Phenomenon(
        "OTV",
        N_("observed transaction vanishes"),
        N_("A transaction saw another's work on one row, and later did not see it on another row."),
        "Bailis et al. 2013, OTV",
        lambda c: c.vanishes,
        ("G-single", "G2-item", "G2"),
        goal=N_("Try to see another's work, and then not see it any more"),
    ),
    Phenomenon(
        "G-single",
        N_("read skew"),
        N_("A transaction saw some rows as they were before another's writes, and some as they were after them."),
        "Adya 1999, G-single; Berenson et al. 1995, A5A",
        lambda c: len(c.rw) == 1,
        ("G2",),
        goal=N_("Try to see half of another's work"),
    ),
    Phenomenon(
        "long fork",
        N_("long fork"),
        N_("Two readers saw two independent writes in opposite orders."),
        "Sovran et al. 2011, long fork",
        lambda c: c.forks,
        ("G-nonadjacent", "G2"),
        goal=N_("Try to have two readers see two writes in opposite orders"),
    ),
    Phenomenon(
        "G-nonadjacent",
        N_("skew between snapshots"),
        N_("Reads that were overtaken stand apart in the cycle: no snapshots, however chosen, explain what was seen."),
        "Elle, G-nonadjacent; Cerone and Gotsman 2016",
        lambda c: c.rw_apart,
        ("G2",),
        goal=N_("Try to see what no snapshots explain"),
    ),
    Phenomenon(
        "read-only anomaly",
        N_("read-only anomaly"),
        N_("The writers alone would have been serializable; what a transaction that only reads saw is not."),
        "Fekete et al. 2004",
        lambda c: c.reader_wrote_nothing,
        ("G2",),
        goal=N_("Try to have a reader see what never was"),
    ),
    Phenomenon(
        "G2-item",
        N_("write skew"),
        N_("Transactions read rows that others of them then changed: they decided by what was no longer so."),
        "Adya et al. 2000, G2-item; Berenson et al. 1995, A5B",
        lambda c: not c.on_predicate,
        ("G2",),
        goal=N_("Try to make a write skew"),
    ),
    Phenomenon(
        "G2",
        N_("write skew over a predicate"),
        N_("Transactions asked for rows by a condition, and others of them then changed which rows match it."),
        "Adya et al. 2000, G2",
        lambda c: True,
        goal=N_("Try to make a write skew over a predicate"),
    ),
)

BY_NAME: Mapping[str, Phenomenon] = MappingProxyType({phenomenon.name: phenomenon for phenomenon in PHENOMENA})


def classify(cycle: Cycle) -> Phenomenon:
    """The first row of the table whose condition holds; the last row holds for every cycle."""
    return next(phenomenon for phenomenon in PHENOMENA if phenomenon.condition(cycle))
