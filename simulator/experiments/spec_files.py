"""isolationtester's files run as it runs them, and their transcripts compared with those that were expected."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from simulator.engines.base import Engine, SessionHost
from simulator.execution.isolationtester import STEP_S, Broken, IsolationTester
from simulator.scenarios.spec import Spec

#: What pg_regress sets for every session: the expected transcripts show times and intervals.
REGRESS_SETTINGS: Mapping[str, str] = MappingProxyType(
    {"TimeZone": "PST8PDT", "DateStyle": "Postgres, MDY", "IntervalStyle": "postgres_verbose"}
)

#: Seconds that a whole file may take where runs of others go on beside it.
FILE_S = 600.0


@dataclass(frozen=True, slots=True)
class SpecRun:
    """What a file's run printed; `complete` is False where isolationtester would have exited before its end."""

    transcript: str
    complete: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is run, and the settings that its sessions are opened with."""

    host: SessionHost
    settings: Mapping[str, str]


@contextmanager
def visitors_place(engine: Engine, spec: Spec) -> Iterator[Place]:
    """A run's room, with the role that every visitor's run has. Raises EngineBusy, EngineError."""
    settings = {**REGRESS_SETTINGS, "client_min_messages": "notice"}
    if engine.capabilities().deadlock_timeout_settable:
        # The engine's own is so short that a deadlock would end before its wait could be seen.
        settings["deadlock_timeout"] = "1s"
    room = engine.create_room((), len(spec.sessions), deadline_s=FILE_S)
    try:
        yield Place(room, settings)
    finally:
        room.close()


@contextmanager
def superusers_place() -> Iterator[Place]:
    """A superuser's database on a throw-away server of its own. Raises EngineBusy, EngineError."""
    # Only here: where DATABASE_URL names a server, nothing else needs the one that comes along.
    from simulator.engines.postgres.embedded.superuser import superuser_server

    with superuser_server() as server:
        room = server.room()
        try:
            yield Place(room, REGRESS_SETTINGS)
        finally:
            room.close()


def run_spec(
    place: Place, spec: Spec, write: Callable[[str], object] = lambda piece: None, *, step_s: float = STEP_S
) -> SpecRun:
    """Every permutation of the file; `write` gets the transcript while it grows. Raises RunError, EngineError."""
    pieces: list[str] = []

    def keep(piece: str) -> None:
        pieces.append(piece)
        write(piece)

    try:
        IsolationTester(place.host, spec, keep, place.settings, step_s=step_s).run()
    except Broken:
        return SpecRun("".join(pieces), complete=False)
    return SpecRun("".join(pieces), complete=True)


def difference(transcript: str, expected: Mapping[str, str], name: str = "transcript") -> str:
    """A unified diff from the nearest of the expected transcripts, by their names; empty where one is equal.

    >>> difference("a\\n", {"x.out": "b\\n", "x_1.out": "a\\n"})
    ''
    """
    found = []
    for alternative, text in expected.items():
        lines = text.splitlines(keepends=True), transcript.splitlines(keepends=True)
        found.append(list(difflib.unified_diff(*lines, fromfile=alternative, tofile=name)))
    nearest = min(found, key=len, default=[])
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in nearest)
