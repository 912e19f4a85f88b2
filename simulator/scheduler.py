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
from typing import Any

from simulator.engines.base import NO_SETTINGS, Block, Capabilities, Room
from simulator.errors import RunError
from simulator.history import (
    AnyEvent,
    ServerMessage,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    StepBlocked,
    StepResumed,
    StepSkipped,
    TransactionBegan,
    TransactionEnded,
)
from simulator.i18n import gettext
from simulator.lane import EventLog, Lane, Overdue, StillWaiting
from simulator.model import Isolation, SessionScript, Step
from simulator.replies import Reply, ServerError, deadlock_waits
from simulator.scenarios.guard import evaluate
from simulator.scenarios.parameters import names, sets

#: First look at who blocks, and the longest pause between looks; in seconds.
FIRST_LOOK, LAST_LOOK = 0.0001, 0.001

#: How long an answer is waited for that must already be on its way, in seconds.
ANSWER_ON_ITS_WAY = 0.01

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
        self._commits: list[tuple[str, bool]] = []
        self.lanes: dict[str, Lane] = {}

    def open(self, script: SessionScript, settings: Mapping[str, str] = NO_SETTINGS) -> Lane:
        """Open a session for this script, with server settings of its own. Raises EngineError."""
        lane = Lane(script, self._room.open(script.name, settings))
        self.lanes[script.name] = lane
        return lane

    def restart(self, lane: Lane) -> None:
        """Begin the lane's transaction again from its first step, with nothing saved."""
        lane.attempt += 1
        lane.began = lane.ended = lane.retryable = lane.own_timeout = False
        lane.saved, lane.xid, lane.step = {}, None, None

    def issue(self, step: Step) -> None:
        """Send one step and settle. Raises StillWaiting, RunError, ScenarioError (a guard that cannot be read)."""
        lane = self.lanes[step.session]
        if lane.connection.busy:
            raise StillWaiting(lane)
        if lane.ended:
            self._add(lane, StepSkipped, step=step.key, reason="ended")
        elif step.when is not None and not evaluate(step.when, lane.saved):
            self._add(lane, StepSkipped, step=step.key, reason="guard", detail=step.when)
        else:
            self._send(lane, step)
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
            self._take_notices(lane)
            lane.lost = True
            if lane.began and not lane.ended:
                self._end(lane, "aborted", error.sqlstate)

    def waiting(self) -> tuple[Lane, ...]:
        """Lanes whose statement is still running."""
        return tuple(lane for lane in self.lanes.values() if lane.connection.busy)

    def _send(self, lane: Lane, step: Step) -> None:
        lane.step = step
        lane.own_timeout |= sets(step.sql, "deadlock_timeout")
        before = ""
        if not lane.began:
            isolation = lane.script.isolation or self._isolation
            before = "" if lane.script.autocommit else self._room.begin_sql(isolation)
            lane.began = True
            self._add_step(lane, TransactionBegan, isolation=isolation, attempt=lane.attempt)
        elif step.ends == "COMMIT":
            before = self._room.xid_sql
        parameters = {name: lane.saved[name] for name in names(step.sql) if name in lane.saved}
        self._add_step(lane, StatementStarted, sql=step.sql, parameters=tuple(parameters.items()))
        lane.connection.send(step.sql, parameters, before=before)

    def settle(self) -> None:
        """Take in what happened, until every busy session waits for an idle one. Raises RunError, Overdue."""
        pause = FIRST_LOOK
        while busy := self._pump():
            if time.monotonic() > self.deadline:
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
                self._note_block(lane, blocks.get(lane.name))
            if self._stuck(busy):
                if self._all_checked(busy):
                    break
                pause = LAST_CHECK
        self._report_commits()

    def _report_commits(self) -> None:
        while self._commits:
            self._on_commit(*self._commits.pop(0))

    def _note_block(self, lane: Lane, block: Block | None) -> None:
        previous, lane.block = lane.block, block
        if block is None or (previous is not None and previous.since == block.since):
            return
        lane.blocked_at = time.monotonic()
        if lane.told is None or lane.told.by != block.by:
            self._add_step(lane, StepBlocked, by=block.by, lock=block.lock, inferred=block.inferred)
        lane.told = block

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
        stuck: set[str] = set()
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
            self._take_reply(lane, reply)
        return [lane for lane in self.lanes.values() if lane.connection.busy]

    def _poll(self, lanes: Iterable[Lane]) -> list[tuple[Lane, Reply]]:
        replies = []
        for lane in lanes:
            if lane.connection.busy:
                reply = lane.connection.poll()
                self._take_notices(lane)
                if reply is not None:
                    replies.append((lane, reply))
        return replies

    def _ending(self, woken: Iterable[Lane]) -> list[Lane]:
        """Of the blockers of these lanes: those whose COMMIT or ROLLBACK is not answered yet."""
        names = {name for lane in woken if lane.block is not None for name in lane.block.by}
        blockers = (lane for lane in self.lanes.values() if lane.name in names and lane.connection.busy)
        return [lane for lane in blockers if lane.step is not None and lane.step.ends]

    def _take_notices(self, lane: Lane) -> None:
        for notice in lane.connection.notices():
            if notice.severity == "LOG":
                # log_lock_waits: one message when the waiter has looked for a deadlock, another when it got the lock.
                lane.reported = " still waiting for " in notice.text or (
                    lane.reported and " acquired " not in notice.text
                )
            self._add_step(lane, ServerMessage, severity=notice.severity, text=notice.text, detail=notice.detail)

    def _take_reply(self, lane: Lane, reply: Reply) -> None:
        if lane.told is None and reply.error is not None and reply.error.sqlstate == "40P01":
            self._note_reported_wait(lane, reply.error)
        if lane.told is not None:
            gave_up = reply.error is not None and reply.error.sqlstate in NOT_RELEASED
            self._add_step(lane, StepResumed, released_by=None if gave_up else self._releaser(lane, lane.told))
            lane.block, lane.told, lane.reported = None, None, False
        if reply.before is not None and reply.before.columns:
            xid = reply.before.rows[0][0]
            lane.xid = None if xid is None else int(xid)
        if reply.error is not None:
            self._fail(lane, reply.error)
        else:
            self._finish(lane, reply)

    def _note_reported_wait(self, lane: Lane, error: ServerError) -> None:
        """The wait that closed a deadlock may be over before anybody has looked; the server's report names it."""
        names = {other.connection.backend: other.name for other in self.lanes.values()}
        for wait in deadlock_waits(error.detail):
            if wait.waiter == lane.connection.backend and wait.blocker in names:
                self._note_block(lane, Block((names[wait.blocker],), wait.lock))

    def _releaser(self, lane: Lane, block: Block) -> str | None:
        """The blocker's last finished step since the wait began: what we saw before the waiter went on."""
        for event in reversed(self._log.events):
            if isinstance(event, StepBlocked) and event.session == lane.name:
                return None
            if isinstance(event, TransactionEnded | StatementFinished) and event.session in block.by:
                return event.step
        return None

    def _finish(self, lane: Lane, reply: Reply) -> None:
        step = lane.step
        if step is None:  # nothing of ours was running; only a defect of an adapter gets here
            raise RunError(f"{lane.name} got a reply to nothing.")
        last = reply.results[-1]
        saved = None
        if step.save is not None:
            lane.saved[step.save] = last.rows[0][0] if last.rows else None if last.columns else last.count
            saved = (step.save, lane.saved[step.save])
        self._add_step(
            lane,
            StatementFinished,
            tag=last.tag,
            columns=last.columns,
            rows=last.rows,
            earlier=tuple(result.tag for result in reply.results[:-1]),
            saved=saved,
        )
        if not lane.connection.in_transaction:
            committed = last.tag == "COMMIT" or lane.script.autocommit
            self._end(lane, "committed" if committed else "aborted" if step.retry else "rolled back")
            lane.retryable = step.retry

    def _fail(self, lane: Lane, error: ServerError) -> None:
        self._add_step(
            lane,
            StatementFailed,
            sqlstate=error.sqlstate,
            message=error.message,
            detail=error.detail,
            hint=error.hint,
        )
        if lane.connection.usable and lane.connection.in_transaction:
            # As every application must: a failed transaction holds its place until it is rolled back.
            lane.connection.send("ROLLBACK", {})
            lane.connection.finish()
        lane.lost = not lane.connection.usable
        lane.retryable = error.sqlstate in RETRYABLE
        self._end(lane, "aborted", error.sqlstate)

    def _end(self, lane: Lane, outcome: str, sqlstate: str | None = None) -> None:
        self._add_step(lane, TransactionEnded, outcome=outcome, xid=lane.xid, sqlstate=sqlstate)
        lane.ended = True
        if outcome == "committed":
            self._commits.append((lane.transaction, lane.xid is not None or lane.script.autocommit))

    def _add_step(self, lane: Lane, kind: Callable[..., AnyEvent], **fields: Any) -> None:
        self._add(lane, kind, step=lane.step.key if lane.step else None, **fields)

    def _add(self, lane: Lane, kind: Callable[..., AnyEvent], **fields: Any) -> None:
        self._log.add(kind, session=lane.name, transaction=lane.transaction, **fields)


#: SQLSTATEs after which the same transaction, run again from its start, can succeed.
#: https://www.postgresql.org/docs/18/mvcc-serialization-failure-handling.html
RETRYABLE: Mapping[str, str] = {"40001": "serialization_failure", "40P01": "deadlock_detected"}


#: SQLSTATEs with which a waiter gives up by itself: nobody released it.
NOT_RELEASED = ("40P01", "55P03", "57014")


def _causes_first(arrived: tuple[Lane, Reply]) -> int:
    """Of replies that arrived together: a deadlock's victim released the others, then who did not wait did."""
    lane, reply = arrived
    if reply.error is not None and reply.error.sqlstate == "40P01":
        return 0
    return 1 if lane.told is None else 2


def _overdue(busy: list[Lane]) -> str:
    names = ", ".join(f"{lane.name} ({lane.step.key})" for lane in busy if lane.step)
    told = gettext("The run took too long and was stopped while these statements were running: {names}.")
    return told.format(names=names)
