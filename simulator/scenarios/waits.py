"""Which step is expected to wait for which sessions, as a scenario file writes it: `T2.update <- T1, T3`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from simulator.errors import ScenarioError
from simulator.i18n import gettext as _
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
            _("{text!r} is not a wait; write session.step <- sessions, such as T2.update <- T1.").format(text=text[:80])
        )
    return Wait(match["step"], tuple(re.split(r"\s*,\s*", match["by"])))


def problem(text: str, sessions: Mapping[str, Sequence[str]]) -> str | None:
    """What is wrong with an expected wait of these sessions (name -> step names), if anything."""
    try:
        wait = parse(text)
    except ScenarioError as error:
        return str(error)
    session, _dot, step = wait.step.partition(".")
    if step not in sessions.get(session, ()):
        return _("There is no step {step}.").format(step=wait.step)
    return _blockers(session, wait.by, sessions)


def _blockers(session: str, by: Sequence[str], sessions: Collection[str]) -> str | None:
    unknown = [name for name in by if name not in sessions]
    if unknown:
        known = ", ".join(sessions)
        return _("There is no session {session!r}; the sessions are {known}.").format(session=unknown[0], known=known)
    if session in by:
        return _("{session} cannot wait for itself.").format(session=session)
    if len(set(by)) < len(by):
        return _("A session is named twice.")
    return None
