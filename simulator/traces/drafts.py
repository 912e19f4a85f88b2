"""What is known of a trace while its events are still being read: drafts that become spans at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from simulator.traces.spans import (
    Commit,
    Connecting,
    Ending,
    Flush,
    Hold,
    Point,
    PoolWait,
    Request,
    SessionLife,
    Span,
    Statement,
    Transaction,
    Work,
)

#: Fields of a span by their names; those of its end come later.
Draft = dict[str, Any]

S = TypeVar("S", bound=Span)


@dataclass(slots=True)
class Drafts:
    """Spans of one kind in the order of their beginnings. The open ones stay apart: few, however many there were."""

    every: list[Draft] = field(default_factory=list)
    open: list[Draft] = field(default_factory=list)

    def begin(self, draft: Draft) -> Draft:
        """One more, and it is open."""
        self.every.append(draft)
        self.open.append(draft)
        return draft

    def latest(self, **same: object) -> Draft | None:
        """The latest open one that has these values."""
        for draft in reversed(self.open):
            if not same or all(draft.get(name) == value for name, value in same.items()):
                return draft
        return None

    def end(self, draft: Draft | None, **fields: object) -> None:
        """It ends, with these values; None ends nothing."""
        if draft is not None:
            draft.update(fields)
            if self.open[-1] is draft:
                self.open.pop()
            else:
                self.open = [other for other in self.open if other is not draft]

    def made(self, kind: type[S]) -> tuple[S, ...]:
        """Frozen."""
        return tuple(kind(**draft) for draft in self.every)


@dataclass(slots=True)
class SessionDraft:
    """One Session in one request."""

    fields: Draft
    transactions: Drafts = field(default_factory=Drafts)
    flushes: Drafts = field(default_factory=Drafts)
    commits: Drafts = field(default_factory=Drafts)

    def made(self) -> SessionLife:
        return SessionLife(
            **self.fields,
            transactions=self.transactions.made(Transaction),
            flushes=self.flushes.made(Flush),
            commits=self.commits.made(Commit),
        )


@dataclass(slots=True)
class RequestDraft:
    """One request, or what belongs to none."""

    fields: Draft
    sessions: dict[str, SessionDraft] = field(default_factory=dict)
    waits: list[Draft] = field(default_factory=list)
    holds: list[Draft] = field(default_factory=list)
    statements: Drafts = field(default_factory=Drafts)
    endings: Drafts = field(default_factory=Drafts)
    works: Drafts = field(default_factory=Drafts)
    points: list[Point] = field(default_factory=list)

    def made(self) -> Request:
        return Request(
            **self.fields,
            sessions=tuple(session.made() for session in self.sessions.values()),
            waits=tuple(_wait(draft) for draft in self.waits),
            holds=tuple(hold(draft) for draft in self.holds),
            statements=self.statements.made(Statement),
            endings=self.endings.made(Ending),
            works=self.works.made(Work),
            points=tuple(self.points),
        )


def hold(draft: Draft) -> Hold:
    """The hold of this draft."""
    return Hold(**{**draft, "begins_ms": tuple(draft["begins_ms"])})


def _wait(draft: Draft) -> PoolWait:
    return PoolWait(**{**draft, "connecting": draft["connecting"].made(Connecting)})
