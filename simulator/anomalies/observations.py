"""From a history to the versions that were written and read. Nothing is claimed that was not observed."""

from __future__ import annotations

from simulator.anomalies.pending import Pending
from simulator.anomalies.reads import Reader
from simulator.anomalies.statements import refuse_unsupported, transactions
from simulator.anomalies.states import NoVerdictError, States
from simulator.anomalies.versions import Observations
from simulator.anomalies.writes import Orders, place_writes
from simulator.history import History, StatementFinished, StatementStarted
from simulator.i18n import N_


def observe(history: History) -> Observations:
    """Reads and writes of the committed transactions. Raises NoVerdictError, whose text says what is missing."""
    states = States(history)
    began = transactions(history)
    committed = {}
    for number, commit in enumerate(states.commits, start=1):
        if commit.transaction not in began:
            raise NoVerdictError(N_("The beginning of {transaction} was not seen."), transaction=commit.transaction)
        refuse_unsupported(began[commit.transaction])
        committed[number] = began[commit.transaction]
    writes = {number: place_writes(transaction, states, number) for number, transaction in committed.items()}
    orders = Orders(states, writes)
    pending = Pending(began, history)
    readers = [
        Reader(transaction, writes[number], states, orders, pending) for number, transaction in committed.items()
    ]
    for reader in readers:
        reader.read_all()
    return Observations(
        committed=tuple(transaction.name for transaction in committed.values()),
        versions=orders.versions,
        reads=tuple(read for reader in readers for read in reader.reads),
        predicate_reads=tuple(read for reader in readers for read in reader.predicate_reads),
        places=places(history),
    )


def places(history: History) -> dict[tuple[str, str], int]:
    """Where each step came in the order of the history: where it finished, or where it began if it never did."""
    found: dict[tuple[str, str], int] = {}
    for event in history.events:
        if isinstance(event, StatementStarted | StatementFinished) and event.transaction and event.step:
            found[event.transaction, event.step] = event.seq
    return found
