"""The commits of a history in their order, and which of them may have written: whose a new state can be."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.statements import Transaction
from simulator.history.schedule import CommittedStateObserved, History, StatementStarted, TransactionEnded
from simulator.history.words import TransactionOutcome
from simulator.i18n.text import N_
from simulator.sql.transactions import Control, control
from simulator.sql.words import statements

_COMMITS = (Control.COMMIT, Control.COMMIT_PREPARED)


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit: its transaction, and where in the history the statement that committed was sent and answered."""

    transaction: Transaction
    #: None where no id was assigned, or where it could not be asked
    xid: int | None
    sent: int
    answered: int
    #: nothing else was sent with the COMMIT: it releases its locks at once, before its answer arrives
    alone: bool
    #: the observer looked for what it wrote, as after every commit that is not known to have no id
    looked_for: bool

    @property
    def name(self) -> str:
        return self.transaction.name

    @property
    def may_have_written(self) -> bool:
        """False where its statements or its missing id show that it changed no row."""
        if self.transaction.only_read:
            return False
        return self.xid is not None or self.looked_for or self.transaction.counted_rows


def commits(history: History, transactions: Collection[Transaction]) -> Iterator[Commit]:
    """In the order of their answers. Raises NoVerdictError."""
    by_name = {transaction.name: transaction for transaction in transactions}
    looked_for = {event.transaction for event in history.events if isinstance(event, CommittedStateObserved)}
    sent: dict[str | None, StatementStarted] = {}
    seen: set[str] = set()
    for event in history.events:
        if isinstance(event, StatementStarted):
            sent[event.step] = event
        elif (
            isinstance(event, TransactionEnded) and event.outcome == TransactionOutcome.COMMITTED and event.transaction
        ):
            name = event.transaction
            if name not in by_name:
                raise NoVerdictError(N_("The beginning of {transaction} was not seen."), transaction=name)
            if name in seen:
                raise NoVerdictError(N_("{session} committed more than once under one name."), session=name)
            # Another session may have said COMMIT PREPARED; a session's teardown is no step.
            started = sent.get(event.step) if event.step is not None else None
            if started is None:
                raise NoVerdictError(N_("What {transaction} did last was not seen."), transaction=name)
            seen.add(name)
            alone = [control(each) in _COMMITS for each in statements(started.sql)] == [True]
            yield Commit(by_name[name], event.xid, started.seq, event.seq, alone, name in looked_for)
