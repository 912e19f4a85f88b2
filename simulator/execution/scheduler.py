"""Drives the sessions of one run, step by step, from one thread; nothing here is decided by sleeping.

A step is *settled* when every busy session has either finished or waits, through a chain of waits, for a session that
has no running statement. A cycle of waits is a deadlock that the server has yet to break: we go on waiting for it.

Which session a deadlock's victim is must not depend on timing. PostgreSQL's waiting session looks for a deadlock once,
`deadlock_timeout` after its wait began, and the one whose look finds a cycle dies. So before the next step is sent we
wait until every new waiter has had its look: where the server reports it (`log_lock_waits`), until that report arrives;
elsewhere for twice the timeout.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from simulator.engines.base import NO_SETTINGS, STOPPED, Capabilities, Room
from simulator.engines.replies import Reply
from simulator.errors import RunError
from simulator.execution.answers import Answers
from simulator.execution.lane import EventLog, Lane, Overdue, StillWaiting
from simulator.execution.message import Message, message
from simulator.execution.transactions import Transactions
from simulator.execution.waiting import ends_by_itself
from simulator.history.schedule import (
    StatementStarted,
    StepSkipped,
)
from simulator.history.sqlstates import SqlState
from simulator.history.words import SkipReason, TransactionOutcome
from simulator.i18n.text import Text
from simulator.model import Isolation, Scalar, SessionScript, Step
from simulator.scenarios.guard import evaluate
from simulator.scenarios.guard import names as names_of_guard
from simulator.sql.bind import names
from simulator.sql.transactions import ENDINGS, begins, control, ends, isolation_of
from simulator.sql.words import statements, value_set

#: First look at who blocks, and the longest pause between looks; in seconds.
FIRST_LOOK, LAST_LOOK = 0.0001, 0.001

#: How long an answer is waited for that must already be on its way, in seconds.
ANSWER_ON_ITS_WAY = 0.01

#: How long a wait may outlast the time-out that ends it, and the pause between looks at it, in seconds.
LATE, TIMED_LOOK = 1.0, 0.02

#: How long a session that is left open is waited for until it is rolled back, in seconds.
ROLLBACK_S = 0.25

#: How long the server's report of a deadlock check is waited for, in seconds; it needs `deadlock_timeout`.
LAST_CHECK = 1.0


class Scheduler:
    """Issues steps and settles them. `on_commit(transaction, wrote)` runs when a commit has been settled.

    Raises RunError where the deadline (monotonic seconds) passes or a connection is lost.
    """

    def __init__(
        self,
        room: Room,
        capabilities: Capabilities,
        isolation: Isolation,
        log: EventLog,
        *,
        deadline: float,
        on_commit: Callable[[str, bool], None] = lambda transaction, wrote: None,
    ) -> None:
        self._room = room
        self._capabilities = capabilities
        self._isolation = isolation
        self._log = log
        #: monotonic seconds; whoever issues steps over a long time sets it anew before each
        self.deadline = deadline
        self._on_commit = on_commit
        self._transactions = Transactions(log)
        self.lanes: dict[str, Lane] = {}
        self._answers = Answers(log, self._transactions, self.lanes)

    def open(self, script: SessionScript, settings: Mapping[str, str] = NO_SETTINGS) -> Lane:
        """Open a session for this script, with server settings of its own, and send its setup.

        Raises EngineError, RunError (its setup failed).
        """
        isolation = script.isolation or self._isolation
        lane = Lane(script, self._room.open(script.name, settings), isolation)
        self.lanes[script.name] = lane
        if script.autocommit:
            self._ask(lane, self._room.defaults_sql(isolation, script.read_only, script.deferrable))
        if script.setup:
            self._note_settings(lane, script.setup)
            self._ask(lane, script.setup)
            if lane.connection.in_transaction:
                levels = [isolation_of(each) for each in statements(script.setup) if begins(each.text)]
                self._transactions.begin(lane, levels[-1] if levels else None)
        return lane

    def tear_down(self) -> None:
        """Send the teardown of each session that has one. Raises RunError (it failed, or did not end in time)."""
        for lane in self.lanes.values():
            if not lane.script.teardown or lane.lost or lane.connection.busy:
                continue
            lane.step, lane.outside = None, False
            sent = self._message(lane, lane.script.teardown, bound=False)
            reply = self._ask(lane, sent.sql)
            self._transactions.follow(lane, sent, reply.results, begins=False)
            if lane.open and not lane.connection.in_transaction:
                self._transactions.settle(lane, reply.results[-1].tag)
        self._report_commits()

    def leave_open(self) -> None:
        """The run is over: what nobody has ended is put on record as left open, and rolled back."""
        left = [lane for lane in self.lanes.values() if lane.open and not lane.lost]
        for lane in left:
            self._transactions.end(lane, TransactionOutcome.OPEN)
        # Who waits first: a lock that comes free must wake nobody who would then commit.
        with suppress(RunError):  # the server is gone, and with it what was open; or the room's end closes it
            for lane in self.waiting():
                lane.connection.cancel()
            for lane in self.waiting():
                lane.connection.finish(ROLLBACK_S)
            for lane in left:
                if lane.connection.usable and lane.connection.in_transaction:
                    lane.connection.send("ROLLBACK", {})
                    lane.connection.finish(ROLLBACK_S)

    def restart(self, lane: Lane) -> tuple[Step, ...]:
        """Make ready to run the lane's last transaction again; its steps, and those that followed it and were skipped.

        What the session saved before it is kept. An application that catches the error runs the function again that
        makes the transaction, and only then goes on to the next one: so the session's later transactions follow.
        """
        work = tuple(lane.work)
        lane.attempt += 1
        lane.began = lane.ended = lane.retryable = lane.given_up = lane.left_early = False
        lane.work, lane.saved, lane.xid, lane.step = [], dict(lane.saved_before), None, None
        return work

    def issue(self, step: Step) -> None:
        """Send one step and settle; first wait for the end of a wait that ends by its own time-out.

        Raises StillWaiting, RunError, ScenarioError (a guard that cannot be read).
        """
        lane = self.lanes[step.session]
        self.outwait(lane)
        if lane.open or not lane.script.autocommit:
            lane.work.append(step)
        skipped = self._skipped(lane, step)
        if skipped is None:
            self._send(lane, step)
            self.settle()
            return
        reason, detail = skipped
        lane.outside = False
        self._log.add(StepSkipped(**self._log.of(lane, step), reason=reason, detail=detail))
        if lane.left_early and step.when is None and ends(step.sql):
            lane.left_early = False

    def outwait(self, lane: Lane) -> None:
        """Where the lane still waits, and a time-out of a session's own will end that in time: wait for it.

        Raises StillWaiting where none will, RunError.
        """
        while lane.connection.busy:
            until = ends_by_itself(lane, self.lanes)
            late = self._room.deadline == STOPPED or (until is not None and time.monotonic() > until + LATE)
            if until is None or until > self.deadline or late:
                raise StillWaiting(lane)
            seen = len(self._log.events)
            self._room.wait([each.connection for each in self.lanes.values() if not each.lost], TIMED_LOOK)
            self.note_lost()
            self._pump()
            if len(self._log.events) > seen:
                # Who has gone on, or is gone, may be whom it waited for.
                self.settle()

    def cancel(self, lane: Lane) -> None:
        """Have the server give up the lane's statement, and settle. Raises RunError."""
        lane.connection.cancel()
        while lane.connection.busy and time.monotonic() < self.deadline:
            # Until its answer is there the lane still seems to wait as before.
            self._room.wait([lane.connection], LAST_LOOK)
            self._pump()
        self.settle()

    def note_lost(self) -> None:
        """End the transactions of sessions whose connection the server has closed between two statements."""
        for lane in self.lanes.values():
            if lane.lost or lane.connection.busy or (error := lane.connection.lost()) is None:
                continue
            self._answers.take_notices(lane)
            lane.lost = True
            if lane.open:
                self._transactions.end(lane, TransactionOutcome.ABORTED, error.sqlstate)

    def waiting(self) -> tuple[Lane, ...]:
        """Lanes whose statement is still running."""
        return tuple(lane for lane in self.lanes.values() if lane.connection.busy)

    def _skipped(self, lane: Lane, step: Step) -> tuple[SkipReason, str] | None:
        """Why the step is not sent, with the detail; None where it is."""
        # A COMMIT where no transaction is open does nothing, and begins none.
        idle = lane.ended and not lane.script.autocommit and _only_ends(step.sql)
        if lane.lost or lane.given_up or lane.left_early or idle:
            return SkipReason.ENDED, ""
        saved = self.saved(lane)
        needed = (*(names_of_guard(step.when) if step.when else ()), *names(step.sql))
        if missing := next((name for name in needed if name in self._savable(lane) and name not in saved), None):
            return SkipReason.UNSAVED, missing
        if step.when is not None and not evaluate(step.when, saved):
            return SkipReason.GUARD, step.when
        return None

    def _savable(self, lane: Lane) -> frozenset[str]:
        """Names that some step of the run saves."""
        return frozenset(step.save for each in self.lanes.values() for step in each.script.steps if step.save)

    def saved(self, lane: Lane) -> Mapping[str, Scalar]:
        """Every value that the lane may use: of one name, its own."""
        others = [each.saved for each in self.lanes.values() if each is not lane]
        return dict(item for saved in (*others, lane.saved) for item in saved.items())

    def _send(self, lane: Lane, step: Step) -> None:
        lane.step = step
        saved = self.saved(lane)
        parameters = {name: saved[name] for name in names(step.sql) if name in saved}
        sent = lane.message = self._message(lane, step.sql, bound=bool(parameters))
        before = ""
        if not lane.open and not lane.script.autocommit and not sent.ends_prepared:
            before = self._room.begin_sql(lane.isolation, lane.script.read_only, lane.script.deferrable)
        lane.outside = not lane.open and not before and sent.outside
        if not lane.open and not lane.outside:
            self._transactions.begin(lane, next(filter(None, map(isolation_of, sent.statements)), None), step)
        self._note_settings(lane, step.sql)
        stamp = self._log.of(lane)
        self._log.add(StatementStarted(**stamp, sql=step.sql, parameters=tuple(parameters.items())))
        lane.sent_at = time.monotonic()
        lane.connection.send(sent.sql, parameters, before=before)

    def _message(self, lane: Lane, sql: str, *, bound: bool) -> Message:
        in_block = not lane.script.autocommit or lane.connection.in_transaction
        return message(sql, self._room.xid_sql, in_block=in_block, failed=lane.connection.failed, bound=bound)

    def _note_settings(self, lane: Lane, sql: str) -> None:
        lane.own_timeout |= value_set(sql, "deadlock_timeout") is not None
        lane.timeouts.take(sql)

    def _ask(self, lane: Lane, sql: str) -> Reply:
        """Have a lane's session do what is no step. Raises RunError where it fails."""
        lane.connection.send(sql, {})
        reply = lane.connection.finish(max(0.1, self.deadline - time.monotonic()))
        self._answers.take_notices(lane)
        if reply.error is not None:
            told = Text.of("Before or after its steps, {session} failed: {report}.")
            raise RunError(told.given(session=lane.name, report=reply.error.message))
        return reply

    def settle(self) -> None:
        """Take in what happened, until every busy session waits for an idle one. Raises RunError, Overdue."""
        pause = FIRST_LOOK
        while busy := self._pump():
            if time.monotonic() > self.deadline or self._room.deadline == STOPPED:
                self._report_commits()
                raise Overdue(_overdue(busy))
            connections = [lane.connection for lane in busy]
            self._room.wait(connections, pause)
            pause = min(pause * 2, LAST_LOOK)
            if self._pump() != busy:
                continue
            blocks = self._room.blocks(connections)
            # The answer may be older than a reply that was on its way: only where none was is it believed.
            if self._pump() != busy:
                continue
            for lane in busy:
                self._answers.note_block(lane, blocks.get(lane.name))
            if self._stuck(busy):
                if self._all_checked(busy):
                    break
                pause = LAST_CHECK
        self._report_commits()

    def _report_commits(self) -> None:
        while self._transactions.commits:
            self._on_commit(*self._transactions.commits.pop(0))

    def _all_checked(self, busy: list[Lane]) -> bool:
        """True once every waiter has had its look for a deadlock; who chose the time for it is not waited for."""
        timeout = self._capabilities.deadlock_timeout_s
        if timeout is None:
            return True
        patience = LAST_CHECK if self._capabilities.reports_deadlock_check else 2 * timeout
        now = time.monotonic()
        return all(
            lane.reported
            or lane.own_timeout
            or (lane.block is not None and not lane.block.deadlock_checked)
            or now - lane.blocked_at > patience
            for lane in busy
        )

    def _stuck(self, busy: list[Lane]) -> bool:
        """True where every busy lane waits, through whatever chain, for a lane that has no running statement."""
        waits = {lane.name: lane.block.by for lane in busy if lane.block is not None}
        if len(waits) < len(busy):
            return False
        # A prepared transaction runs nothing, whatever its session does now.
        stuck = {lane.name for lane in busy if lane.block is not None and lane.block.prepared}
        while more := {
            name for name, by in waits.items() if name not in stuck and any(b not in waits or b in stuck for b in by)
        }:
            stuck |= more
        return len(stuck) == len(busy)

    def _pump(self) -> list[Lane]:
        """Take in whatever the server has sent; the lanes that are still busy."""
        replies = self._poll(self.lanes.values())
        # The server releases locks before it answers a COMMIT: the waiter's answer may overtake it.
        until = time.monotonic() + ANSWER_ON_ITS_WAY
        while (ending := self._ending(lane for lane, _ in replies)) and time.monotonic() < until:
            self._room.wait([lane.connection for lane in ending], ANSWER_ON_ITS_WAY)
            replies += self._poll(ending)
        for lane, reply in sorted(replies, key=_causes_first):
            self._answers.take_reply(lane, reply)
        return [lane for lane in self.lanes.values() if lane.connection.busy]

    def _poll(self, lanes: Iterable[Lane]) -> list[tuple[Lane, Reply]]:
        replies = []
        for lane in lanes:
            if lane.connection.busy:
                reply = lane.connection.poll()
                self._answers.take_notices(lane)
                if reply is not None:
                    replies.append((lane, reply))
        return replies

    def _ending(self, woken: Iterable[Lane]) -> list[Lane]:
        """Of the blockers of these lanes: those whose COMMIT, or ROLLBACK, is not answered yet."""
        names = {name for lane in woken if lane.block is not None for name in lane.block.by}
        blockers = (lane for lane in self.lanes.values() if lane.name in names and lane.connection.busy)
        return [lane for lane in blockers if lane.ending]


def _only_ends(sql: str) -> bool:
    found = statements(sql)
    return bool(found) and all(control(each) in ENDINGS for each in found)


def _causes_first(arrived: tuple[Lane, Reply]) -> int:
    """Of replies that arrived together: a deadlock's victim released the others, then who did not wait did."""
    lane, reply = arrived
    if reply.error is not None and reply.error.sqlstate == SqlState.DEADLOCK_DETECTED:
        return 0
    return 1 if lane.told is None else 2


def _overdue(busy: list[Lane]) -> Text:
    names = ", ".join(f"{lane.name} ({lane.step.key})" for lane in busy if lane.step)
    told = Text.of("The run took too long and was stopped while these statements were running: {names}.")
    return told.given(names=names)
