"""Whether the same clicks, played again on a fresh schema, were answered as before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from simulator.history.schedule import (
    AnyEvent,
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
    found: list[AnyEvent] = []
    for name in dict.fromkeys(event.session for event in (*before, *after) if event.session is not None):
        for was, now in zip_longest(_answers(before, name), _answers(after, name), fillvalue=NOTHING):
            if was[1:] != now[1:]:
                found.extend(event for event in (was[0] or now[0],) if event is not None)
                break
    first = min(found, key=lambda event: event.seq, default=None)
    return None if first is None else first.step or first.transaction


def _answers(events: Sequence[AnyEvent], session: str) -> Iterator[tuple[AnyEvent | None, str | None, object]]:
    """(event, step, what was answered) of one session, in order."""
    for event in events:
        if event.session == session and (answer := _answer(event)) is not None:
            yield event, event.step, answer


#: where one play has answers and the other has no more
NOTHING: tuple[None, None, None] = (None, None, None)


def _answer(event: AnyEvent) -> object:
    match event:
        case StatementFinished():
            return "finished", event.tag, event.rows
        case StatementFailed():
            return "failed", event.sqlstate
        case TransactionEnded():
            return "ended", event.outcome, event.sqlstate
        case StepBlocked():
            return "blocked", event.by
        case StepSkipped():
            return "skipped", event.reason
    return None
