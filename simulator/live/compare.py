"""Whether the same clicks, played again on a fresh schema, were answered as before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from simulator.history import (
    AnyEvent,
    CommittedStateObserved,
    StatementFailed,
    StatementFinished,
    StepBlocked,
    StepSkipped,
    TransactionEnded,
)


def first_difference(before: Sequence[AnyEvent], after: Sequence[AnyEvent]) -> str | None:
    """The first step that was answered differently, as its key; None where none was.

    Sessions are compared each for itself: in which order two that woke together answered means nothing. Times, ids and
    the server's words may differ.
    """
    names = dict.fromkeys(event.session for event in (*before, *after))
    for name in names:
        pairs = zip_longest(_answers(before, name), _answers(after, name))
        for was, now in pairs:
            if was != now:
                return (was or now or ("",))[0]
    return None


def _answers(events: Sequence[AnyEvent], session: str | None) -> Iterator[tuple[str, ...]]:
    """(step, what was answered) of one session; the committed states where it is None."""
    for event in events:
        if event.session == session and (answer := _answer(event)) is not None:
            yield (event.step or event.transaction or "", type(event).__name__, repr(answer))


def _answer(event: AnyEvent) -> object:
    match event:
        case StatementFinished():
            return event.tag, event.rows
        case StatementFailed() | TransactionEnded():
            return event.sqlstate
        case StepBlocked():
            return event.by
        case StepSkipped():
            return event.reason
        case CommittedStateObserved():
            return tuple((table.table, tuple(row.values for row in table.rows)) for table in event.tables)
    return None
