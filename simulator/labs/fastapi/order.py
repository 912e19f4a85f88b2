"""The order in which one request's parts ran: read off the events, never assumed."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.history.application import ConnectionEnding, Moment, SessionEnded, WorkStarted
from simulator.history.schedule import AnyEvent, History
from simulator.history.words import EndingCommand, SessionOutcome
from simulator.i18n.text import N_
from simulator.labs.fastapi.observed import AFTER, BEFORE

#: The parts, as `order` names them; translated where they are shown.
ENTER = N_("before yield")
ENDPOINT = N_("endpoint")
COMMIT = "COMMIT"
COMMIT_FAILED = N_("COMMIT failed")
ROLLBACK = "ROLLBACK"
RESPONSE = N_("response")
BACKGROUND = N_("background tasks")
EXIT = N_("after yield")
LEFT = N_("client disconnected")

_MOMENTS = {"response started": RESPONSE, LEFT: LEFT}
_WORKS = {("dependency", BEFORE): ENTER, ("dependency", AFTER): EXIT}


def order(history: History, request: str | None = None) -> tuple[str, ...]:
    """What began after what, in the course of `request` (default: the first): `("before yield", "endpoint", …)`."""
    name = request or next((event.request for event in history.events if event.request), None)
    events = [event for event in history.events if event.request == name]
    parts = (_part(event, events[place:]) for place, event in enumerate(events))
    return tuple(part for part in parts if part)


def _part(event: AnyEvent, later: Sequence[AnyEvent]) -> str:
    match event:
        case WorkStarted(category="endpoint"):
            return ENDPOINT
        case WorkStarted(category="background"):
            return BACKGROUND
        case WorkStarted(category=category, label=label):
            return _WORKS.get((category, label), "")
        case ConnectionEnding(command=EndingCommand.COMMIT, session=session):
            return COMMIT if _committed(session, later) else COMMIT_FAILED
        case ConnectionEnding(command=EndingCommand.ROLLBACK):
            return ROLLBACK
        case Moment(label=label):
            return _MOMENTS.get(label, "")
    return ""


def _committed(session: str | None, later: Sequence[AnyEvent]) -> bool:
    """A Session whose COMMIT failed ends its transaction in another way."""
    ends = (event.outcome for event in later if isinstance(event, SessionEnded) and event.session == session)
    return next(ends, None) == SessionOutcome.COMMITTED
