"""Why a live run is over, in a sentence for its page."""

from __future__ import annotations

from enum import Enum

from simulator.errors import RunError
from simulator.history.schedule import History
from simulator.i18n.text import N_, NOTHING, Text


class EndReason(Enum):
    """The sentence, with `{minutes}` and `{why}`."""

    IDLE = N_(
        "Nobody touched this live run for {minutes} minutes: it was rolled back and closed. Start it again to go on."
    )
    PAGE_CLOSED = N_("The page of this live run was closed: it was rolled back. Start it again to go on.")
    REPLACED = N_("Another live run was started on this page: this one was rolled back and closed.")
    CLOSED = N_("This live run was closed and rolled back. Start it again to go on.")
    SERVER = N_("The server ended this live run: {why} Start it again to go on.")
    GAVE_WAY = N_(
        "Somebody waited for a place, and nobody had touched this live run for longer than any other: it was rolled "
        "back and gave its place away. Start it again to go on."
    )
    GONE = N_(
        "The database server stopped or was started anew, and what this live run did is lost. Start it again to go on."
    )
    RESET = N_("Everything was reset for the next group: this live run was rolled back and closed.")
    STOPPING = N_("Txscope is stopping: this live run was rolled back and closed.")


class LiveRunEnded(RunError):
    """Raised by every call on a live run that is over; `history` is what had happened until then."""

    def __init__(
        self, reason: EndReason, *, minutes: int = 0, why: Text = NOTHING, history: History | None = None
    ) -> None:
        whole = not why or why.english().endswith((".", "!", "?"))
        sentence = why if whole else Text("{why}.", (("why", why),))
        super().__init__(Text(reason.value).given(minutes=minutes, why=sentence))
        self.reason = reason
        self.history = history
