"""Which transactions a run's sessions began, and how each ended, by what the server answered.

A command tag and the transaction status decide. The text of a statement is looked at for what neither tells: COMMIT and
ROLLBACK have the tags of their AND CHAIN and TO forms, and who prepared what stands only in the name.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from simulator.engines.replies import ResultSet
from simulator.execution.lane import EventLog, Lane
from simulator.execution.message import Message
from simulator.history.schedule import TransactionBegan, TransactionEnded
from simulator.history.sqlstates import SqlState
from simulator.history.words import TransactionOutcome
from simulator.model import Isolation, Step
from simulator.sql.transactions import ENDINGS, Control, control, isolation_of, prepared_name
from simulator.sql.words import Statement

#: SQLSTATEs after which the same transaction, run again from its start, can succeed.
#: https://www.postgresql.org/docs/18/mvcc-serialization-failure-handling.html
RETRYABLE = (SqlState.SERIALIZATION_FAILURE, SqlState.DEADLOCK_DETECTED)


class Prepared(NamedTuple):
    """A transaction that PREPARE TRANSACTION has taken from its session."""

    session: str
    transaction: str
    xid: int | None
    #: it may have written
    wrote: bool


class Transactions:
    """Begins and ends the lanes' transactions on record; `commits` are those that nobody was told of yet."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        #: (transaction, whether it can have written)
        self.commits: list[tuple[str, bool]] = []
        #: by the name that its session gave it; only those that nobody has ended
        self.prepared: dict[str, Prepared] = {}

    def begin(self, lane: Lane, isolation: Isolation | None = None, first: Step | None = None) -> None:
        """The lane's next transaction, or the one that is run again, with this step if it begins with one."""
        if lane.ended:
            lane.number, lane.attempt = lane.number + 1, 1
            lane.saved_before = dict(lane.saved)
        if lane.script.autocommit:
            lane.work = [first] if first is not None else []
        lane.first = first
        lane.began, lane.ended, lane.retryable, lane.outside = True, False, False, False
        lane.failed, lane.xid, lane.asked_id = None, None, False
        lane.began_at = time.monotonic()
        lane.timeouts.begin()
        level = isolation or lane.isolation
        self._log.add(TransactionBegan(**self._log.of(lane), isolation=level, attempt=lane.attempt))

    def follow(self, lane: Lane, message: Message, results: Sequence[ResultSet], *, begins: bool = True) -> None:
        """Take in what the finished statements of one message did to transactions, in their order."""
        for statement, result in message.answers(results):
            if statement is None:
                self._take_id(lane, result)
            else:
                self._follow(lane, statement, result, begins=begins)

    def settle(self, lane: Lane, tag: str) -> None:
        """The message is answered without an error: the session's transaction status says what is open."""
        in_transaction = lane.connection.in_transaction
        if in_transaction and not lane.open:
            self.begin(lane)  # AND CHAIN
        if lane.open and not in_transaction:
            implicit = lane.script.autocommit and tag not in _OUTCOMES
            outcome = TransactionOutcome.COMMITTED if implicit else _OUTCOMES.get(tag, TransactionOutcome.ROLLED_BACK)
            self.end(lane, outcome)
        if not lane.connection.failed:
            lane.failed = None

    def end(self, lane: Lane, outcome: TransactionOutcome, sqlstate: str | None = None) -> None:
        """The lane's transaction is over."""
        stamp = self._log.of(lane)
        self._log.add(TransactionEnded(**stamp, outcome=outcome, xid=lane.xid, sqlstate=sqlstate))
        lane.ended, lane.failed = True, None
        kept = outcome in (TransactionOutcome.COMMITTED, TransactionOutcome.PREPARED)
        lane.timeouts.end(kept=kept)
        if outcome is TransactionOutcome.COMMITTED:
            self.commits.append((lane.transaction, _wrote(lane)))
        aborted = outcome is TransactionOutcome.ABORTED
        by_itself = lane.step is not None and lane.step.retry
        # What psql's AND CHAIN or a setup began cannot be begun again by its steps.
        whole = lane.first is not None or not lane.script.autocommit
        lane.retryable = aborted and whole and (sqlstate in RETRYABLE or (by_itself and sqlstate is None))
        # An error is an exception in the application: what would have followed is not reached. psql goes on.
        lane.given_up = aborted and not lane.script.autocommit
        lane.left_early = bool(lane.step and lane.step.when) and not lane.script.autocommit
        if not aborted:
            lane.work = []

    def _follow(self, lane: Lane, statement: Statement, result: ResultSet, *, begins: bool) -> None:
        kind = control(statement)
        if kind in (Control.COMMIT_PREPARED, Control.ROLLBACK_PREPARED):
            self._end_prepared(lane, prepared_name(statement) or "", committed=kind is Control.COMMIT_PREPARED)
        elif kind in ENDINGS:
            if lane.open:
                self._end_by(lane, kind, statement, result.tag)
        elif begins and not lane.open and not Message("", (statement,)).outside:
            self.begin(lane, isolation_of(statement) if kind is Control.BEGIN else None)

    def _end_by(self, lane: Lane, kind: Control | None, statement: Statement, tag: str) -> None:
        gives_up = kind is Control.ROLLBACK and lane.step is not None and lane.step.retry
        if tag == "ROLLBACK" and (lane.failed or kind is not Control.ROLLBACK or gives_up):
            # A COMMIT that is answered so was one of a failed transaction.
            self.end(lane, TransactionOutcome.ABORTED, lane.failed)
            return
        if kind is Control.PREPARE:
            name = prepared_name(statement) or ""
            self.prepared[name] = Prepared(lane.name, lane.transaction, lane.xid, _wrote(lane))
        self.end(lane, _OUTCOMES.get(tag, TransactionOutcome.ROLLED_BACK))

    def _end_prepared(self, lane: Lane, name: str, *, committed: bool) -> None:
        found = self.prepared.pop(name, None)
        if found is None:
            return
        step = lane.step.key if lane.step else None
        stamp = self._log.stamp(session=found.session, step=step, transaction=found.transaction)
        outcome = TransactionOutcome.COMMITTED if committed else TransactionOutcome.ROLLED_BACK
        self._log.add(TransactionEnded(**stamp, outcome=outcome, xid=found.xid))
        if committed:
            self.commits.append((found.transaction, found.wrote))

    def _take_id(self, lane: Lane, result: ResultSet) -> None:
        if lane.open and result.rows:
            xid = result.rows[0][0]
            lane.xid, lane.asked_id = None if xid is None else int(xid), True


#: By command tag: https://www.postgresql.org/docs/18/protocol-message-formats.html (CommandComplete).
_OUTCOMES = {
    "COMMIT": TransactionOutcome.COMMITTED,
    "ROLLBACK": TransactionOutcome.ROLLED_BACK,
    "PREPARE TRANSACTION": TransactionOutcome.PREPARED,
}


def _wrote(lane: Lane) -> bool:
    return lane.xid is not None or not lane.asked_id
