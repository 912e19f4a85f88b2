"""Carries out a `.spec` file as PostgreSQL's isolationtester does, and writes its transcript.

The rules are those of isolationtester.c: one set of connections for all permutations; a step that waits for another
session's lock is reported as waiting, and looked at again after each later step; a marker delays a step's report and
never its sending. A step's answer counts once all of it is there; isolationtester looks at its first result alone.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from simulator.engines.base import SessionConnection, SessionHost
from simulator.engines.replies import Reply
from simulator.errors import RunError
from simulator.execution import transcript
from simulator.i18n.text import Text
from simulator.scenarios.spec import Blocker, BlockerKind, Permutation, PermutationStep, Spec, SpecStep

#: Seconds after which a step is cancelled (PGISOLATIONTIMEOUT); after twice as many the run is given up.
STEP_S = 300.0

#: Seconds without an answer before the server is asked whether the session waits: at first, and at most.
FIRST_LOOK, LAST_LOOK = 0.001, 0.01

CONTROL = "control connection"


class Broken(RunError):
    """isolationtester would exit here; why stands in the transcript."""


@dataclass(slots=True, eq=False)
class _Active:
    """A step that was sent and not yet reported."""

    step: SpecStep
    blockers: tuple[Blocker, ...]
    #: for each session's name how many notices it must have had
    notices_due: Mapping[str, int] = field(default_factory=dict)
    reply: Reply | None = None
    #: notices that came after a result of this step, by the number of results before them
    between: dict[int, str] = field(default_factory=lambda: defaultdict(str))


@dataclass(slots=True, eq=False)
class _Session:
    """One session of the file and its connection."""

    connection: SessionConnection
    active: _Active | None = None
    notices: int = 0

    @property
    def name(self) -> str:
        return self.connection.name


class IsolationTester:
    """Runs a file's permutations on a host; `write` gets the transcript piece by piece."""

    def __init__(
        self,
        host: SessionHost,
        spec: Spec,
        write: Callable[[str], object],
        settings: Mapping[str, str],
        *,
        step_s: float = STEP_S,
    ) -> None:
        self._host = host
        self._spec = spec
        self._write = write
        self._settings = settings
        self._step_s = step_s
        self._sessions: dict[str, _Session] = {}
        #: whose step was reported as waiting, in the order in which it was
        self._waiting: list[_Session] = []
        self._steps = {step.name: (each.name, step) for each in spec.sessions for step in each.steps}
        self._new_notice = False

    def run(self) -> None:
        """All permutations. Raises Broken where isolationtester would exit, RunError, EngineError."""
        for name in self._spec.unused:
            self._write(f"unused step name: {name}\n")
        self._write(f"Parsed test spec with {len(self._spec.sessions)} sessions\n")
        control = _Session(self._open(CONTROL))
        self._sessions = {each.name: _Session(self._open(each.name)) for each in self._spec.sessions}
        for permutation in self._spec.all_permutations:
            self._run_permutation(control, permutation)

    def _open(self, name: str) -> SessionConnection:
        own = {**self._settings, "application_name": f"isolation/{self._spec.name}/{name}"}
        return self._host.open(name, own, verbatim=True)

    def _run_permutation(self, control: _Session, permutation: Permutation) -> None:
        self._write(f"\nstarting permutation: {permutation}\n")
        for setup in self._spec.setups:
            self._script(control, setup, "setup failed", fatal=True)
        for each in self._spec.sessions:
            self._script(self._sessions[each.name], each.setup, f"setup of session {each.name} failed", fatal=True)
        for step in permutation.steps:
            self._launch(step)
        self._look_again(nonblock=False)
        if self._waiting:
            self._break("failed to complete permutation due to mutually-blocking steps")
        for each in self._spec.sessions:
            self._script(self._sessions[each.name], each.teardown, f"teardown of session {each.name} failed")
        self._script(control, self._spec.teardown, "teardown failed")

    def _launch(self, permutation_step: PermutationStep) -> None:
        name, step = self._steps[permutation_step.name]
        session = self._sessions[name]
        self._until_free(session)
        active = _Active(step, permutation_step.blockers, self._notices_due(permutation_step.blockers))
        if not session.connection.usable:
            self._break(f"failed to send query for step {step.name}: no connection to the server\n")
        session.connection.send(step.sql, {})
        session.active = active
        done = self._try(session, active, first=True, nonblock=True)
        self._look_again(nonblock=True)
        if not done:
            self._waiting.append(session)

    def _until_free(self, session: _Session) -> None:
        """Until the session's earlier step has been reported; other steps may have to be before it."""
        overdue = time.monotonic() + 2 * self._step_s
        while (active := session.active) is not None:
            if self._try(session, active, first=False, nonblock=False):
                self._waiting.remove(session)
            self._look_again(nonblock=True)
            if session.active is not None and time.monotonic() > overdue:
                self._break(f"step {active.step.name} timed out after {2 * self._step_s:.0f} seconds")

    def _look_again(self, *, nonblock: bool) -> None:
        """Report waiting steps that have ended, again while one's report may have released another's."""
        again = True
        while again:
            self._new_notice, before = False, len(self._waiting)
            held = False
            for session in tuple(self._waiting):
                if (active := session.active) is None:
                    continue
                if self._try(session, active, first=False, nonblock=nonblock):
                    self._waiting.remove(session)
                else:
                    held = held or bool(active.blockers)
            again = held and (len(self._waiting) < before or self._new_notice)

    def _try(self, session: _Session, active: _Active, *, first: bool, nonblock: bool) -> bool:
        """Whether the step has ended and was reported; `nonblock`: return where it waits for a lock."""
        once = any(blocker.kind is BlockerKind.ONCE for blocker in active.blockers)
        if (first and once) or not self._ended(session, active, nonblock) or self._is_held(active):
            if first:
                self._write(transcript.started(active.step.name, active.step.sql, waiting=True))
            return False
        self._report(session, active, first=first)
        return True

    def _ended(self, session: _Session, active: _Active, nonblock: bool) -> bool:
        """Whether the answer is complete; False where the session waits for another one's lock."""
        began, pause, cancelled = time.monotonic(), FIRST_LOOK, False
        self._pump(session, active)
        while active.reply is None:
            self._host.wait([session.connection], pause)
            self._pump(session, active)
            pause = min(2 * pause, LAST_LOOK)
            if active.reply is None and nonblock and self._is_blocked(session):
                # What had come before the question was answered is not lost.
                self._pump(session, active)
                return active.reply is not None
            lasted = time.monotonic() - began
            if lasted > 2 * self._step_s:
                self._break(f"step {active.step.name} timed out after {lasted:.0f} seconds")
            if lasted > self._step_s and not cancelled:
                session.connection.cancel()
                cancelled = True
                self._write(f"isolationtester: canceling step {active.step.name} after {lasted:.0f} seconds\n")
        return True

    def _is_blocked(self, session: _Session) -> bool:
        """As `pg_isolation_test_session_is_blocked` says: by one of the sessions, or for a safe snapshot by anybody."""
        block = self._host.blocks([session.connection]).get(session.name)
        return block is not None and (not block.deadlock_checked or any(by != CONTROL for by in block.by))

    def _is_held(self, active: _Active) -> bool:
        """Whether a marker delays the report of this step."""
        return any(self._holds(blocker) for blocker in active.blockers) or any(
            self._sessions[name].notices < due for name, due in active.notices_due.items()
        )

    def _holds(self, blocker: Blocker) -> bool:
        if blocker.kind is not BlockerKind.STEP:
            return False
        name, step = self._steps[blocker.step]
        other = self._sessions[name].active
        return other is not None and other.step is step

    def _notices_due(self, blockers: Iterable[Blocker]) -> Mapping[str, int]:
        due: dict[str, int] = {}
        for blocker in blockers:
            if blocker.kind is BlockerKind.NOTICES:
                name, _ = self._steps[blocker.step]
                due[name] = max(due.get(name, 0), self._sessions[name].notices + blocker.notices)
        return due

    def _pump(self, session: _Session, active: _Active | None) -> Reply | None:
        """Take in what has arrived; a notice is written at once where nothing of its step's answer comes before it."""
        reply = session.connection.poll() if session.connection.busy else None
        for notice in session.connection.notices():
            session.notices += 1
            self._new_notice = True
            if active is not None and notice.after:
                active.between[notice.after] += f"{session.name}: {notice.report}"
            elif session.name != CONTROL:
                self._write(f"{session.name}: {notice.report}")
        if active is not None and reply is not None:
            active.reply = reply
        return reply

    def _report(self, session: _Session, active: _Active, *, first: bool) -> None:
        reply, name = active.reply, active.step.name
        if reply is None:  # `_ended` says so only once it is there
            raise RunError(f"{name} has no answer.")
        _check_whole(reply, name)
        self._write(transcript.started(name, active.step.sql, waiting=False) if first else transcript.completed(name))
        self._write(transcript.answer(reply, active.between, usable=session.connection.usable))
        senders = {each.connection.backend: each.name for each in self._sessions.values()}
        for message in reply.notifications:
            self._write(transcript.notification(session.name, message, senders))
        session.active = None

    def _script(self, session: _Session, sql: str | None, failed: str, *, fatal: bool = False) -> None:
        """A setup or teardown: of its results the last one is printed, as `PQexec` gives no other."""
        if sql is None:
            return
        session.connection.send(sql, {})
        overdue = time.monotonic() + 2 * self._step_s
        while (reply := self._pump(session, None)) is None:
            if time.monotonic() > overdue:
                self._break(f"{failed}: it did not end in {2 * self._step_s:.0f} seconds")
            self._host.wait([session.connection], LAST_LOOK)
        _check_whole(reply, failed)
        if reply.error is None:
            self._write(transcript.table(reply.results[-1]))
        elif fatal:
            self._break(f"{failed}: {reply.error.report or reply.error.message}".rstrip("\n"))
        else:
            self._write(f"{failed}: {reply.error.report}")

    def _break(self, why: str) -> NoReturn:
        self._write(f"{why}\n")
        raise Broken(Text.verbatim(why))


def _check_whole(reply: Reply, step: str) -> None:
    """Raises RunError where something of an answer was left out: the transcript would not be isolationtester's."""
    if reply.cuts:
        raise RunError(Text.of("The answer of {step} is larger than what is kept of one.", step=step))
