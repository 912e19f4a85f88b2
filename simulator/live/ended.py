"""Why a live run is over, in a sentence for its page."""

from __future__ import annotations

from enum import Enum

from simulator.errors import RunError
from simulator.history import History
from simulator.i18n import N_
from simulator.i18n import gettext as _


class EndReason(Enum):
    """The sentence, with `{minutes}` and `{why}`."""

    IDLE = N_(
        "Nobody touched this live run for {minutes} minutes: it was rolled back and closed. Start it again to go on."
    )
    PAGE_CLOSED = N_("The page of this live run was closed: it was rolled back. Start it again to go on.")
    REPLACED = N_("Another live run was started on this page: this one was rolled back and closed.")
    CLOSED = N_("This live run was closed and rolled back. Start it again to go on.")
    SERVER = N_("The server ended this live run: {why} Start it again to go on.")
    STOPPING = N_("Txscope is stopping: this live run was rolled back and closed.")


class LiveRunEnded(RunError):
    """Raised by every call on a live run that is over; `history` is what had happened until then."""

    def __init__(self, reason: EndReason, *, minutes: int = 0, why: str = "", history: History | None = None) -> None:
        sentence = why if not why or why.endswith((".", "!", "?")) else f"{why}."
        super().__init__(_(reason.value).format(minutes=minutes, why=sentence))
        self.reason = reason
        self.history = history
