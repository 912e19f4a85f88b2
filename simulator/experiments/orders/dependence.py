"""Which steps of a run may change places with their neighbours: by what the run itself saw, never by what SQL says.

A run with `locks` records after every step which relations each transaction has locked, and in which mode: so the
server tells what a statement has touched, through triggers and foreign keys too. Two neighbouring steps of different
sessions are independent where neither can notice the other (Mazurkiewicz, "Trace theory", 1987; Flanagan and Godefroid,
"Dynamic partial-order reduction", 2005). What the locks do not show counts as dependent on everything.

Readers do not see what is not committed, whatever the level (https://www.postgresql.org/docs/18/mvcc-intro.html): so
between two steps that end no transaction only writers of one table, and under SERIALIZABLE a reader and a writer of
one, depend on each other. The end of a transaction depends on all that reads or writes a table which it wrote.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from simulator.experiments.orders.plan import Plan
from simulator.history.observed import Lock
from simulator.history.schedule import (
    AnyEvent,
    CommittedStateObserved,
    History,
    LocksObserved,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    TransactionBegan,
    TransactionEnded,
)
from simulator.model import Isolation, Variant
from simulator.scenarios.guard import names as names_of_guard
from simulator.sql.bind import names

_READS = frozenset({"AccessShareLock", "SIReadLock"})
_WRITES = frozenset({"RowShareLock", "RowExclusiveLock"})
#: Of a transaction itself: every one has them.
_IDS = frozenset({"virtualxid", "transactionid"})
_ON_RELATIONS = frozenset({"relation", "page", "tuple"})
_ONE_SNAPSHOT = (Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE)


@dataclass(slots=True)
class Touched:
    """What one step did, as the run saw it."""

    #: sessions that moved on in it: its own, and those that it released or ended
    sessions: set[str] = field(default_factory=set)
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    #: it ended a transaction
    ends: bool = False
    #: with it a transaction began that keeps its snapshot: what is committed before it is seen by all that follows
    takes_snapshot: bool = False
    serializable: bool = False
    #: the locks do not tell what it touched
    unknown: bool = False

    def add(self, other: Touched) -> None:
        self.reads |= other.reads
        self.writes |= other.writes
        self.unknown |= other.unknown


@dataclass(frozen=True, slots=True)
class Seen:
    """The steps that a run carried out, in its order, and what each touched."""

    steps: tuple[str, ...]
    touched: tuple[Touched, ...]
    #: two sessions waited at once: who is served first is the server's own race
    race: bool

    def kept(self, plan: Plan) -> int:
        """The bits of the pairs whose order matters."""
        found = 0
        for (one, a), (other, b) in combinations(zip(self.steps, self.touched, strict=True), 2):
            if (one, other) in plan.bits and (self.race or dependent(a, b)):
                found |= plan.bits[one, other]
        return found


def dependent(a: Touched, b: Touched) -> bool:
    """Whether it can make a difference which of two neighbouring steps comes first."""
    if a.unknown or b.unknown or a.sessions & b.sessions:
        return True
    if a.writes & b.writes or _shows(a, b) or _shows(b, a):
        return True
    if not (a.serializable and b.serializable):
        return False
    # Which transactions run at once, and who committed first, is what SERIALIZABLE goes by.
    bounds = (a.ends or a.takes_snapshot) and (b.ends or b.takes_snapshot)
    return bool((a.ends or b.ends) and bounds) or bool(a.writes & b.reads or a.reads & b.writes)


def _shows(end: Touched, other: Touched) -> bool:
    """What one of them makes visible, the other reads."""
    return end.ends and bool(end.writes & other.reads)


#: By step: what its transaction had touched behind it, in the runs in which it did not fail.
Memory = dict[str, Touched]


def seen_in(history: History, variant: Variant, order: Sequence[str], memory: Memory) -> Seen:
    """What the steps of this order touched, as far as they were carried out; it is added to `memory`.

    The locks of a statement that fails are gone before anybody can look. Which tables it names is the same in every
    run: what it touched where it did not fail counts, if no trigger, foreign key or function makes that depend on rows.
    """
    return _Reader(history, variant, memory).read(order)


class _Reader:
    """Goes through a history step by step, with what each transaction has touched so far."""

    def __init__(self, history: History, variant: Variant, memory: Memory) -> None:
        self._history, self._variant, self._memory = history, variant, memory
        self._tables, self._acts_late = _tables(history.events)
        self._shared = _shared(variant)
        #: of each session's open transaction
        self._open: dict[str, Touched] = {}
        #: the step that took the snapshot of it
        self._first: dict[str, Touched] = {}
        self._race = False

    def read(self, order: Sequence[str]) -> Seen:
        steps, found = [], []
        for step, (events, look) in zip(order, _segments(self._history.events), strict=False):
            if look.step != step:
                break
            steps.append(step)
            found.append(self._step(step, events, look))
        return Seen(tuple(steps), tuple(found), self._race)

    def _step(self, step: str, events: Sequence[AnyEvent], look: LocksObserved) -> Touched:
        touched = Touched(sessions={step.partition(".")[0]})
        touched.unknown = step in self._shared
        touched.sessions |= {event.session for event in events if event.session is not None}
        for session in sorted(touched.sessions):
            mine = [event for event in events if event.session == session]
            self._session(session, mine, look, touched)
        self._race |= sum(bool(each.blockers) for each in look.sessions) > 1
        return touched

    def _session(self, session: str, events: Sequence[AnyEvent], look: LocksObserved, touched: Touched) -> None:
        for began in (event for event in events if isinstance(event, TransactionBegan)):
            self._open[session] = Touched()
            touched.serializable |= began.isolation is Isolation.SERIALIZABLE
            if began.isolation in _ONE_SNAPSHOT:
                touched.takes_snapshot = True
                self._first[session] = touched
        so_far = self._open.setdefault(session, Touched())
        for lock in (each for each in look.locks if each.session == session):
            self._note(lock, so_far)
        ended = any(isinstance(event, TransactionEnded) for event in events)
        if ended and not self._only_ended(events):
            self._recall(events, so_far)
        for event in events:
            if isinstance(event, StatementFinished) and event.step is not None and not ended:
                self._memory.setdefault(event.step, Touched()).add(so_far)
        touched.add(so_far)
        touched.serializable |= self._variant_level(session, touched)
        if session in self._first:
            # All that its transaction reads, or looks for to write, it finds as it was at this step.
            self._first[session].reads |= so_far.reads | so_far.writes
            self._first[session].unknown |= so_far.unknown
        if ended:
            touched.ends = True
            touched.unknown |= self._acts_late
            self._open.pop(session, None)
            self._first.pop(session, None)

    def _variant_level(self, session: str, touched: Touched) -> bool:
        first = self._first.get(session)
        return touched.serializable or (first is not None and first.serializable)

    def _only_ended(self, events: Sequence[AnyEvent]) -> bool:
        """Whether the transaction ended by a statement that does nothing else: then what it touched was seen before."""
        sent = [event for event in events if isinstance(event, StatementStarted)]
        failed = any(isinstance(event, StatementFailed) for event in events)
        plain = [self._variant.step(event.step).ends is not None for event in sent if event.step]
        return not failed and len(plain) == 1 and plain[0]

    def _recall(self, events: Sequence[AnyEvent], so_far: Touched) -> None:
        """What the statement touched with which the transaction failed; or else nobody knows."""
        failed = [event.step for event in events if isinstance(event, StatementFailed)]
        known = self._memory.get(failed[0] or "") if len(failed) == 1 and not self._acts_late else None
        if known is None:
            so_far.unknown = True
        else:
            so_far.add(known)

    def _note(self, lock: Lock, so_far: Touched) -> None:
        if lock.locktype in _IDS:
            return
        table = lock.table or lock.relation or ""
        if lock.locktype not in _ON_RELATIONS or table not in self._tables:
            so_far.unknown = True
        elif lock.mode in _READS:
            so_far.reads.add(table)
        elif lock.mode in _WRITES or lock.locktype == "tuple":
            so_far.writes.add(table)
        else:
            so_far.unknown = True


def _segments(events: Sequence[AnyEvent]) -> Iterator[tuple[list[AnyEvent], LocksObserved]]:
    """What happened from one look at the locks to the next, with that look; nothing before the first step."""
    part: list[AnyEvent] = []
    for event in events:
        if not isinstance(event, LocksObserved):
            part.append(event)
        else:
            if event.step is not None:
                yield part, event
            part = []


def _tables(events: Sequence[AnyEvent]) -> tuple[Collection[str], bool]:
    """The tables of the setup, and whether something may act at a COMMIT that no lock shows after it."""
    first = next((event for event in events if isinstance(event, CommittedStateObserved)), None)
    tables = first.tables if first is not None else ()
    late = any(table.rules is None or table.rules.foreign_keys or table.rules.hidden for table in tables)
    return frozenset(table.table for table in tables), late


def _shared(variant: Variant) -> frozenset[str]:
    """Steps that save what another session uses, or use what another one saves: their clients speak to each other."""
    savers: Mapping[str, set[str]] = _savers(variant)
    found: set[str] = set()
    for session in variant.sessions:
        own: set[str] = set()
        for step in session.steps:
            wanted = {*names(step.sql), *(names_of_guard(step.when) if step.when else ())} - own
            foreign = {name for name in wanted if savers.get(name, set()) - {session.name}}
            # A step that its guard leaves out saves nothing: another session's value may then be meant.
            own |= {step.save} if step.save is not None and step.when is None else set()
            if foreign:
                found.add(step.key)
                found |= {each.key for other in variant.sessions for each in other.steps if each.save in foreign}
    return frozenset(found)


def _savers(variant: Variant) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for session in variant.sessions:
        for step in session.steps:
            if step.save is not None:
                found.setdefault(step.save, set()).add(session.name)
    return found
