"""One exception tree. Every message says what went wrong, where, and what to do next.

Messages are shown to people as they are: no password, no traceback, one or two sentences.
"""

from __future__ import annotations

from simulator.i18n.text import Text


class TxscopeError(Exception):
    """Base of every error that Txscope raises on purpose; `str(error)` can be shown on a page.

    It is raised with a Text (or with words that no catalogue has), so `str(error)` is in the language of who asks.
    """

    @property
    def text(self) -> Text:
        """What it says, for what keeps it or passes it on: not yet in anybody's language."""
        said = self.args[0] if len(self.args) == 1 else str(self)
        return said if isinstance(said, Text) else Text.verbatim(str(said))


class EngineError(TxscopeError):
    """The database could not be reached, or cannot do what was asked."""


class NotObservedError(EngineError):
    """The server answers, but would not show this now: a session holds a table against every reader."""


class DeadlinePassed(EngineError):
    """The server did not answer in the time that the run, or the look, has; its statement may still run."""


class LimitReached(EngineError):
    """A run wanted more than it may have (answers, locks, disk); it is ended, and the message names the limit."""


class EngineBusy(EngineError):
    """All places for concurrent runs are taken, and none became free in time."""


class ScenarioError(TxscopeError):
    """A scenario (file, link or edit) is not valid; the message names file, key and line where known."""


class RunError(TxscopeError):
    """A run could not be carried to its end (deadline passed, connection lost)."""


class HistoryError(TxscopeError):
    """A stored history cannot be read: wrong format, wrong version, or damaged."""


class RoomError(TxscopeError):
    """A room cannot be opened or reset as asked."""


class CourseError(TxscopeError):
    """A chapter of the course is not written as it must be; the message names file and line."""


class SnippetError(TxscopeError):
    """A pasted snippet cannot be read as Python; the message names the line, and `line` is it (from 1), or None."""

    def __init__(self, message: Text, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def one_line(report: object) -> str:
    """What a server, a driver or the system says, without its line breaks.

    >>> one_line(ValueError("connection\n\tlost"))
    'connection lost'
    """
    return " ".join(str(report).split())
