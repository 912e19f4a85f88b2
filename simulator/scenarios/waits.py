"""Which step is expected to wait for which sessions, as a scenario file writes it: `T2.update <- T1, T3`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from simulator.errors import ScenarioError
from simulator.i18n.text import Text
from simulator.model import Wait

#: Longest expected wait, in characters.
MAX_TEXT = 200

_WAIT = re.compile(r"\s*(?P<step>\w+\.\w+)\s*<-\s*(?P<by>\w+(?:\s*,\s*\w+)*)\s*", re.ASCII)


def parse(text: str) -> Wait:
    """Read one expected wait. Raises ScenarioError.

    >>> parse("T3.read <- T2, T1")
    Wait(step='T3.read', by=('T2', 'T1'))
    """
    match = _WAIT.fullmatch(text)
    if match is None:
        raise ScenarioError(
            Text.of("{text!r} is not a wait; write session.step <- sessions, such as T2.update <- T1.", text=text[:80])
        )
    return Wait(match["step"], tuple(re.split(r"\s*,\s*", match["by"])))


def problem(text: str, sessions: Mapping[str, Sequence[str]]) -> Text | None:
    """What is wrong with an expected wait of these sessions (name -> step names), if anything."""
    try:
        wait = parse(text)
    except ScenarioError as error:
        return error.text
    session, _dot, step = wait.step.partition(".")
    if step not in sessions.get(session, ()):
        return Text.of("There is no step {step}.", step=wait.step)
    return _blockers(session, wait.by, sessions)


def _blockers(session: str, by: Sequence[str], sessions: Collection[str]) -> Text | None:
    unknown = [name for name in by if name not in sessions]
    if unknown:
        known = ", ".join(sessions)
        return Text.of("There is no session {session!r}; the sessions are {known}.", session=unknown[0], known=known)
    if session in by:
        return Text.of("{session} cannot wait for itself.", session=session)
    if len(set(by)) < len(by):
        return Text.of("A session is named twice.")
    return None
