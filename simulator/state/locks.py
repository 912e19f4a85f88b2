"""Who waits for whom at a place in a history, and locks in words.

A wait-for graph has an edge from a waiter to each session that must go first; a cycle in it is a deadlock
(Bernstein, Hadzilacos, Goodman, "Concurrency Control and Recovery in Database Systems", 1987, section 3.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType

import networkx as nx

from simulator.history.observed import Lock
from simulator.history.schedule import (
    AnyEvent,
    History,
    LocksObserved,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    StepResumed,
    StepSkipped,
    TransactionEnded,
)
from simulator.history.sqlstates import SqlState
from simulator.i18n.text import N_, Text


@dataclass(frozen=True, slots=True)
class Wait:
    """One edge: the waiter's statement waits until the blocker lets go of `lock`."""

    waiter: str
    blocker: str
    #: step key of the waiting statement
    step: str
    #: in the server's words: `transactionid 745 (ShareLock)`
    lock: str
    #: place in the history at which this edge was first seen
    since: int
    #: True where the engine cannot name a blocker and it was concluded
    inferred: bool = False

    @property
    def words(self) -> Text:
        """What is waited for: `ShareLock on T1's transaction 745`."""
        return wanted(self.lock, self.blocker)

    @property
    def sentence(self) -> Text:
        """`T2 waits for T1: ShareLock on T1's transaction 745`, marked where it was concluded."""
        text = Text.of(
            "{waiter} waits for {blocker}: {lock}", waiter=self.waiter, blocker=self.blocker, lock=self.words
        )
        return Text.of("{sentence} (inferred)", sentence=text) if self.inferred else text


@dataclass(frozen=True, slots=True)
class Deadlock:
    """A cycle that the server broke: its edges from the victim on, and the victim's step."""

    victim: str
    step: str
    waits: tuple[Wait, ...]
    #: place of the victim's error
    at: int
    #: the server's report, DETAIL of the error
    detail: str


@dataclass(frozen=True, slots=True)
class WaitForGraph:
    """Waits that go on, in the order in which they began; `deadlock` is the one that the last step ended in."""

    sessions: tuple[str, ...]
    waits: tuple[Wait, ...] = ()
    deadlock: Deadlock | None = None

    def cycle(self) -> tuple[Wait, ...]:
        """The edges of a cycle of waits that go on, each waiter's blocker the next waiter; empty without one."""
        return _cycle(self.waits)

    def blockers(self, session: str) -> tuple[str, ...]:
        """Whom this session waits for directly."""
        return tuple(wait.blocker for wait in self.waits if wait.waiter == session)

    def chain(self, session: str) -> tuple[str, ...]:
        """Everybody who must go first, directly or not; the nearest first. The session itself: a cycle."""
        found: dict[str, None] = {}
        todo = list(self.blockers(session))
        while todo:
            name = todo.pop(0)
            if name not in found:
                found[name] = None
                todo += self.blockers(name)
        return tuple(found)

    def roots(self) -> tuple[str, ...]:
        """Sessions that others wait for and that wait for nobody: whose next step decides."""
        waiting = {wait.waiter for wait in self.waits}
        wanted_by = {wait.blocker for wait in self.waits} - waiting
        return tuple(name for name in self.sessions if name in wanted_by)


def wait_for_graph(history: History, seq: int) -> WaitForGraph:
    """The waits that go on once event `seq` has been seen; -1 is before the first one."""
    replay = _Replay()
    for event in history.events:
        if event.seq > seq:
            break
        replay.read(event)
    waits = sorted((wait for edges in replay.waits.values() for wait in edges), key=lambda wait: wait.since)
    return WaitForGraph(history.sessions, tuple(waits), replay.deadlock)


@dataclass(slots=True)
class _Replay:
    """Waits by waiter while a history is gone through."""

    waits: dict[str, tuple[Wait, ...]] = field(default_factory=dict)
    #: all waits as they were before the last one ended: an error comes after the end of its wait
    before: tuple[Wait, ...] = ()
    deadlock: Deadlock | None = None

    def read(self, event: AnyEvent) -> None:
        match event:
            case StatementStarted() | StepSkipped():
                self.deadlock = None
            case StepBlocked(session=str(session)):
                self._wait(session, event.step or "", event.by, event.lock, event.seq, event.inferred)
            case StepResumed(session=str(session)):
                self.before = self._all()
                self.waits.pop(session, None)
            case StatementFailed(session=str(session), sqlstate=SqlState.DEADLOCK_DETECTED):
                self._break(session, event)
            case StatementFinished(session=str(session)) | StatementFailed(session=str(session)):
                self.waits.pop(session, None)
            case TransactionEnded(session=str(session)):
                self._released_by(session)
            case LocksObserved():
                self._correct(event)

    def _all(self) -> tuple[Wait, ...]:
        return tuple(wait for edges in self.waits.values() for wait in edges)

    def _wait(self, session: str, step: str, by: Iterable[str], lock: str, seq: int, inferred: bool) -> None:
        known = {(wait.blocker, wait.lock, wait.step): wait for wait in self.waits.get(session, ())}
        self.waits[session] = tuple(
            known.get((name, lock, step)) or Wait(session, name, step, lock, seq, inferred) for name in by
        )

    def _break(self, victim: str, event: StatementFailed) -> None:
        cycle = _cycle(dict.fromkeys((*self.before, *self._all())), victim)
        self.deadlock = Deadlock(victim, event.step or "", cycle, event.seq, event.detail)
        self.waits.pop(victim, None)

    def _released_by(self, session: str) -> None:
        """Locks end with their transaction, but for those on a session: only another look tells of them."""
        self.waits.pop(session, None)
        for waiter, waits in self.waits.items():
            self.waits[waiter] = tuple(
                wait for wait in waits if wait.blocker != session or wait.lock.startswith("advisory")
            )

    def _correct(self, seen: LocksObserved) -> None:
        """A queue moves on without a word to those who still wait; the server's answer counts."""
        for session in seen.sessions:
            waits = self.waits.get(session.session, ())
            if not waits:
                continue
            known = {wait.blocker: wait for wait in waits}
            self.waits[session.session] = tuple(
                known.get(name) or replace(waits[0], blocker=name, since=seen.seq) for name in session.blockers
            )


def _cycle(waits: Iterable[Wait], start: str | None = None) -> tuple[Wait, ...]:
    edges = {(wait.waiter, wait.blocker): wait for wait in waits}
    graph = nx.DiGraph(list(edges))
    if start is not None and start not in graph:
        return ()
    try:
        found = [edge[:2] for edge in nx.find_cycle(graph, start)]
    except nx.NetworkXNoCycle:
        return ()
    nodes = [waiter for waiter, _blocker in found]
    if start in nodes:
        place = nodes.index(start)
        nodes = nodes[place:] + nodes[:place]
    return tuple(edges[pair] for pair in pairwise((*nodes, nodes[0])))


_OBJECTS: Mapping[str, str] = MappingProxyType(
    {
        "relation": N_("table {relation}"),
        "index": N_("index {relation}"),
        "tuple": N_("row ({page},{place}) of {relation}"),
        "page": N_("page {page} of {relation}"),
        "extend": N_("the end of {relation}"),
        "advisory": N_("advisory lock {key}"),
    }
)


def lock_sentence(lock: Lock) -> Text:
    """`T2 holds RowExclusiveLock on table account`, `T2 waits for ShareLock on T1's transaction 745`."""
    if lock.is_own_id:
        own = (
            Text.of("its own transaction id {id}")
            if lock.xid is not None
            else Text.of("its own virtual transaction id {id}")
        )
        target = own.given(id=str(_id(lock)))
    else:
        target = lock_object(lock)
    text = (
        Text.of("{session} holds {mode} on {object}")
        if lock.granted
        else Text.of("{session} waits for {mode} on {object}")
    )
    return text.given(session=lock.session, mode=lock.mode, object=target)


def lock_object(lock: Lock) -> Text:
    """What is locked, in words: `table account`, `row (0,1) of account`, `T1's transaction 745`."""
    if lock.locktype in ("transactionid", "virtualxid"):
        return _transaction(str(_id(lock)), lock.owner)
    kind = "index" if lock.locktype == "relation" and lock.table is not None else lock.locktype
    if kind in _OBJECTS:
        return Text(_OBJECTS[kind]).given(
            relation=lock.relation, page=lock.page, place=lock.place, key=_advisory_key(lock)
        )
    return Text.verbatim(" ".join(filter(None, (lock.locktype, lock.relation))))


def wanted(lock: str, blocker: str) -> Text:
    """The words of a `StepBlocked.lock`; what has another form stays as the server wrote it."""
    found = _WANTED.fullmatch(lock)
    if found is None:
        return Text.verbatim(lock)
    locktype, name, mode = found.groups()
    target: str | Text = name
    if locktype in ("transactionid", "virtualxid"):
        target = _transaction(name, blocker)
    elif locktype == "tuple":
        target = Text.of("a row of {relation}", relation=name)
    elif locktype == "advisory":
        target = Text.of("advisory lock {key}", key=name)
    elif locktype == "relation":
        target = Text.of("table {relation}", relation=name)
    else:
        target = f"{locktype} {name}".strip()
    return Text.of("{mode} on {object}", mode=mode, object=target)


_WANTED = re.compile(r"(\w+) (.*) \((\w+)\)")


def _transaction(number: str, owner: str | None) -> Text:
    if owner is None:
        return Text.of("transaction {id}", id=number)
    return Text.of("{owner}'s transaction {id}", owner=owner, id=number)


def _id(lock: Lock) -> object:
    return lock.xid if lock.xid is not None else dict(lock.raw).get("virtualxid", "")


def _advisory_key(lock: Lock) -> str:
    """As it was given: one number of 64 bits (objsubid 1), or two of 32."""
    raw = dict(lock.raw)
    high, low = int(str(raw.get("classid", 0))), int(str(raw.get("objid", 0)))
    if raw.get("objsubid") == 2:
        return f"{_signed(high, 32)}, {_signed(low, 32)}"
    return str(_signed(high << 32 | low, 64))


def _signed(number: int, bits: int) -> int:
    return number - (1 << bits) if number >> (bits - 1) else number
