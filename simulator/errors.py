"""One exception tree. Every message says what went wrong, where, and what to do next.

Messages are shown to people as they are: no password, no traceback, one or two sentences.
"""

from __future__ import annotations


class TxscopeError(Exception):
    """Base of every error that Txscope raises on purpose; `str(error)` can be shown on a page."""


class EngineError(TxscopeError):
    """The database could not be reached, or cannot do what was asked."""


class NotObservedError(EngineError):
    """The server answers, but would not show this now: a session holds a table against every reader."""


class EngineBusy(EngineError):
    """All places for concurrent runs are taken, and none became free in time."""


class ScenarioError(TxscopeError):
    """A scenario (file, link or edit) is not valid; the message names file, key and line where known."""


class RunError(TxscopeError):
    """A run could not be carried to its end (deadline passed, connection lost)."""


class HistoryError(TxscopeError):
    """A stored history cannot be read: wrong format, wrong version, or damaged."""


class SnippetError(TxscopeError):
    """A pasted snippet cannot be read as Python; the message names the line, and `line` is it (from 1), or None."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line
