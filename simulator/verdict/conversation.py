"""Statements for one session while nobody else runs: sent together where nothing has to be known in between.

A round trip costs more than most statements of a scenario do, so an order of transactions takes as few as can be.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from simulator.engines.base import Room, SessionConnection
from simulator.engines.replies import Reply
from simulator.errors import RunError
from simulator.i18n.text import Text
from simulator.model import Scalar
from simulator.sql.words import statements

#: Seconds that one round trip may take.
STEP_S = 2.0

#: How long one look at a socket lasts, in seconds.
_LOOK_S = 0.05

_NONE: Mapping[str, Scalar] = MappingProxyType({})


class NotReplayedError(RunError):
    """The transactions could not be run again; the message says why."""


class StepWaits(NotReplayedError):
    """A step waits for a lock although nobody else runs: something of an earlier transaction outlives it."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What is sent together with others, and how many results come of it."""

    sql: str
    results: int
    #: of a client's, whose answer is wanted; ours must not fail
    step: bool


class Conversation:
    """What is said to one session. Raises StepWaits, NotReplayedError, RunError where an answer does not come."""

    def __init__(self, room: Room, session: SessionConnection) -> None:
        self._room, self._session = room, session
        self._parts: list[_Part] = []

    @property
    def inside(self) -> bool:
        """Whether what is sent next is part of a transaction that goes on."""
        return self._session.in_transaction or bool(self._parts)

    def say(self, sql: str) -> None:
        """One statement of ours, sent with what comes next; it must not fail."""
        self._parts.append(_Part(sql, 1, step=False))

    def put(self, sql: str, results: int | None = None) -> None:
        """A step that can be cut, sent with what comes next; where its words are wrong, nothing of it all is run.

        `results`: of so many statements, where that is known.
        """
        number = len(statements(sql)) if results is None else results
        self._parts.append(_Part(sql.rstrip().removesuffix(";"), number, step=True))

    def ask(self, sql: str, parameters: Mapping[str, Scalar] = _NONE) -> Reply:
        """A step's answer; before it what was said."""
        if parameters or not statements(sql):
            self.answers()
            return self._exchange(sql, parameters)
        self.put(sql)
        return self.answers()[-1]

    def drop(self) -> None:
        """Forget what was said and not sent."""
        self._parts = []

    def answers(self) -> list[Reply]:
        """Send it all: the steps' answers, up to and with the one that failed; what stands behind that was not run."""
        parts, self._parts = self._parts, []
        if not parts:
            return []
        # A comment at the end of one must not swallow the semicolon.
        reply = self._exchange("\n;\n".join(part.sql for part in parts), _NONE)
        results = list(reply.results)
        answers: list[Reply] = []
        for part in parts:
            own, results = results[: part.results], results[part.results :]
            failed = len(own) < part.results
            if failed and not part.step:
                raise NotReplayedError(Text.of("The transactions could not be run again: {why}", why=_why(reply)))
            if failed and reply.error is not None:
                return [*answers, Reply(tuple(own), reply.error, cuts=reply.cuts)]
            if part.step:
                answers.append(Reply(tuple(own), cuts=reply.cuts))
        if reply.error is not None or results:
            raise NotReplayedError(Text.of("The answers of several statements could not be told apart."))
        return answers

    def _exchange(self, sql: str, parameters: Mapping[str, Scalar]) -> Reply:
        session = self._session
        session.send(sql, parameters)
        until = time.monotonic() + STEP_S
        while (reply := session.poll()) is None:
            now = time.monotonic()
            if now > self._room.deadline:
                raise NotReplayedError(Text.of("There was no time left to run the transactions again."))
            if now > until:
                waits = bool(self._room.blocks([session]))
                session.cancel()
                session.finish(STEP_S)
                if not waits:
                    raise NotReplayedError(Text.of("A step did not end in time when it was run again."))
                raise StepWaits(Text.of("{session} waits although nobody else runs.", session=session.name))
            self._room.wait([session], _LOOK_S)
        session.notices()
        return reply


def _why(reply: Reply) -> str:
    return reply.error.message if reply.error else ""
