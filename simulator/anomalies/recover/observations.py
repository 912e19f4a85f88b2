"""From a history to the versions that were written and read. Nothing is claimed that was not observed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from simulator.anomalies.recover.commits import commits
from simulator.anomalies.recover.constraints import checks, refuse_hidden
from simulator.anomalies.recover.pending import Pending
from simulator.anomalies.recover.reads import ReadRecovery
from simulator.anomalies.recover.statements import Transaction, refuse_unsupported, transactions
from simulator.anomalies.recover.states import States
from simulator.anomalies.recover.writes import Orders, Writes, place_writes
from simulator.anomalies.versions import Observations
from simulator.history.schedule import History, StatementFinished, StatementStarted


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a history tells: statements of its transactions, the states that they left, who wrote which version."""

    transactions: Mapping[str, Transaction]
    states: States
    #: by the number of the state that each commit left
    writes: Mapping[int, Writes]
    orders: Orders
    pending: Pending
    #: tables that somebody wrote
    changing: frozenset[str]

    @property
    def committed(self) -> Mapping[int, Transaction]:
        """In the order of their commits, by the number of the state that each left."""
        return {number: commit.transaction for number, commit in enumerate(self.states.commits, start=1)}


def recover(history: History) -> Recovered:
    """Writes and versions of the committed transactions. Raises NoVerdictError, whose text says what is missing."""
    began = transactions(history)
    made = tuple(commits(history, began.values()))
    committed = [commit.transaction for commit in made]
    for transaction in committed:
        refuse_unsupported(transaction)
    states = States(history, made)
    refuse_hidden(committed, states)
    writes = {number: place_writes(each, states, number) for number, each in enumerate(committed, start=1)}
    changing = states.changed_tables | _written(committed)
    return Recovered(began, states, writes, Orders(states, writes), Pending(began, history), changing)


def observe(history: History) -> Observations:
    """Reads and writes of the committed transactions. Raises NoVerdictError, whose text says what is missing."""
    found = recover(history)
    readers = [
        ReadRecovery(transaction, found.writes[number], found.states, found.orders, found.pending, found.changing)
        for number, transaction in found.committed.items()
    ]
    for reader in readers:
        reader.read_all()
    reads_of_the_server = checks(found.states, found.orders)
    return Observations(
        committed=tuple(transaction.name for transaction in found.committed.values()),
        versions=found.orders.versions,
        reads=tuple(read for reader in readers for read in reader.reads),
        predicate_reads=(*(read for reader in readers for read in reader.predicate_reads), *reads_of_the_server),
        places=places(history),
    )


def _written(committed: Iterable[Transaction]) -> frozenset[str]:
    """Tables that statements wrote, also where nothing of it is left in any committed state."""
    return frozenset(
        statement.access.table
        for transaction in committed
        for statement in transaction.statements
        if statement.access.kind.writes and statement.count != 0 and not statement.failed
    )


def places(history: History) -> dict[tuple[str, str], int]:
    """Where each step came in the order of the history: where it finished, or where it began if it never did."""
    found: dict[tuple[str, str], int] = {}
    for event in history.events:
        if isinstance(event, StatementStarted | StatementFinished) and event.transaction and event.step:
            found[event.transaction, event.step] = event.seq
    return found
