"""What the server answers, put on record: how a statement ended, who waited for whom, what that did to transactions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from simulator.engines.base import Block
from simulator.engines.replies import Reply, ResultSet, ServerError, deadlock_waits
from simulator.errors import RunError
from simulator.execution.lane import EventLog, Lane
from simulator.execution.transactions import Transactions
from simulator.history.schedule import (
    AnswerCut,
    ServerMessage,
    StatementFailed,
    StatementFinished,
    StepBlocked,
    StepResumed,
    TransactionEnded,
)
from simulator.history.sqlstates import SqlState
from simulator.history.words import CutKind, TransactionOutcome
from simulator.i18n.text import Text
from simulator.sql.transactions import Control, controls, ends

#: SQLSTATEs with which a waiter gives up by itself: nobody released it.
NOT_RELEASED = (
    SqlState.DEADLOCK_DETECTED,
    SqlState.LOCK_NOT_AVAILABLE,
    SqlState.QUERY_CANCELED,
    SqlState.TRANSACTION_TIMEOUT,
)

#: How long our own ROLLBACK of a failed transaction is waited for, in seconds.
ROLLBACK_S = 2.0


class Answers:
    """Takes in replies, notices and blocks of the lanes of one run."""

    def __init__(self, log: EventLog, transactions: Transactions, lanes: Mapping[str, Lane]) -> None:
        self._log = log
        self._transactions = transactions
        self._lanes = lanes

    def note_block(self, lane: Lane, block: Block | None) -> None:
        """Who blocks the lane now, as the server says."""
        if block is not None and block.prepared:
            owners = dict.fromkeys(each.session for each in self._transactions.prepared.values())
            block = replace(block, by=tuple(dict.fromkeys((*block.by, *owners))))
        previous, lane.block = lane.block, block
        if block is None or (previous is not None and previous.since == block.since):
            return
        lane.blocked_at = time.monotonic()
        if lane.told is None or lane.told.by != block.by:
            self._log.add(StepBlocked(**self._log.of(lane), by=block.by, lock=block.lock, inferred=block.inferred))
        lane.told = block

    def take_notices(self, lane: Lane) -> None:
        """Messages of the lane's session that came since the last look."""
        for notice in lane.connection.notices():
            if notice.severity == "LOG":
                # log_lock_waits: one message when the waiter has looked for a deadlock, another when it got the lock.
                lane.reported = " still waiting for " in notice.text or (
                    lane.reported and " acquired " not in notice.text
                )
            self._log.add(
                ServerMessage(**self._log.of(lane), severity=notice.severity, text=notice.text, detail=notice.detail)
            )

    def take_reply(self, lane: Lane, reply: Reply) -> None:
        """The lane's statement has ended. Raises RunError."""
        if lane.told is None and reply.error is not None and reply.error.sqlstate == SqlState.DEADLOCK_DETECTED:
            self._note_reported_wait(lane, reply.error)
        if lane.told is not None:
            gave_up = reply.error is not None and reply.error.sqlstate in NOT_RELEASED
            self._log.add(
                StepResumed(**self._log.of(lane), released_by=None if gave_up else self._releaser(lane, lane.told))
            )
            lane.block, lane.told, lane.reported = None, None, False
        for cut in reply.cuts:
            self._log.add(AnswerCut(**self._log.of(lane), what=cut.kind, kept=cut.kept, of=cut.of))
        lane.answered_at = time.monotonic()
        if reply.error is not None:
            self._fail(lane, reply.error, reply.results)
        else:
            self._finish(lane, reply)

    def _note_reported_wait(self, lane: Lane, error: ServerError) -> None:
        """The wait that closed a deadlock may be over before anybody has looked; the server's report names it."""
        names = {other.connection.backend: other.name for other in self._lanes.values()}
        for wait in deadlock_waits(error.detail):
            if wait.waiter == lane.connection.backend and wait.blocker in names:
                self.note_block(lane, Block((names[wait.blocker],), wait.lock))

    def _releaser(self, lane: Lane, block: Block) -> str | None:
        """The blocker's last finished step since the wait began: what we saw before the waiter went on."""
        for event in reversed(self._log.events):
            if isinstance(event, StepBlocked) and event.session == lane.name:
                return None
            if isinstance(event, TransactionEnded | StatementFinished) and event.session in block.by:
                return event.step
        return None

    def _finish(self, lane: Lane, reply: Reply) -> None:
        step, sent = lane.step, lane.message
        if step is None or sent is None:  # nothing of ours was running; only a defect of an adapter gets here
            raise RunError(f"{lane.name} got a reply to nothing.")
        results = sent.own(reply.results)
        last = results[-1]
        saved = None
        if step.save is not None:
            lane.saved[step.save] = last.rows[0][0] if last.rows else None if last.columns else last.count
            if any(cut.kind is CutKind.VALUE for cut in reply.cuts):
                raise RunError(Text.of("{step}: the value to save is too long.", step=step.key))
            saved = (step.save, lane.saved[step.save])
        self._log.add(
            StatementFinished(
                **self._log.of(lane),
                tag=last.tag,
                columns=last.columns,
                rows=last.rows,
                earlier=tuple(result.tag for result in results[:-1]),
                earlier_rows=tuple(result.rows for result in results[:-1]),
                saved=saved,
            )
        )
        self._transactions.follow(lane, sent, reply.results)
        self._transactions.settle(lane, last.tag)

    def _fail(self, lane: Lane, error: ServerError, results: Sequence[ResultSet]) -> None:
        self._log.add(
            StatementFailed(
                **self._log.of(lane),
                sqlstate=error.sqlstate,
                message=error.message,
                detail=error.detail,
                hint=error.hint,
            )
        )
        if lane.message is not None:
            self._transactions.follow(lane, lane.message, results)
        lane.lost = not lane.connection.usable
        if lane.outside:
            return
        if not lane.open:
            self._transactions.begin(lane)
        if not lane.lost and lane.connection.in_transaction:
            lane.failed = lane.failed or error.sqlstate
            if lane.script.autocommit or goes_back(lane):
                return
            # As every application must: a failed transaction holds its place until it is rolled back.
            lane.connection.send("ROLLBACK", {})
            lane.connection.finish(ROLLBACK_S)
        self._transactions.end(lane, TransactionOutcome.ABORTED, lane.failed or error.sqlstate)


def goes_back(lane: Lane) -> bool:
    """Whether the rest of the lane's transaction holds a ROLLBACK TO, which goes on after an error."""
    steps = lane.script.steps
    place = next((place for place, step in enumerate(steps) if step is lane.step), len(steps))
    for step in steps[place + 1 :]:
        if Control.ROLLBACK_TO in controls(step.sql):
            return True
        if step.when is None and ends(step.sql):
            return False
    return False
