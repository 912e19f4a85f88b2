"""Why the server refused a transaction with 40001, and whether that was needed.

Two things come as 40001. A row was changed by somebody who committed after the snapshot was taken: the first updater
wins, at REPEATABLE READ too. Or, at SERIALIZABLE only, reads and writes made a dangerous structure: a transaction with
a read-write conflict in and one out (Cahill, Röhm, Fekete 2008; Ports, Grittner 2012). SSI does not wait to see a whole
circle, so it may refuse what some serial order gives. Which of the two it was, and whether the refusal was needed, is
told by a run of the same schedule at REPEATABLE READ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.anomalies.explain import title
from simulator.history.schedule import StatementFailed, StatementStarted
from simulator.history.sqlstates import SqlState
from simulator.i18n.text import N_, Text
from simulator.model import Isolation, Outcome
from simulator.sql.label import row_named
from simulator.state.ssi import RwEdge, rw_edges
from simulator.verdict.judge import Finding
from simulator.verdict.run import RunResult


@dataclass(frozen=True, slots=True)
class Refusal:
    """One 40001 of a run."""

    transaction: str
    step: str
    message: str
    #: the server's DETAIL and HINT
    detail: str
    hint: str
    #: the row that the refused statement names; "" where it names none
    row: str
    #: read-write conflicts that the refused transaction was part of, and those that touch these
    structure: tuple[RwEdge, ...]


def refusals(result: RunResult) -> tuple[Refusal, ...]:
    """Every 40001, in order. The structure is empty where the run was not watched."""
    return tuple(_refusals(result))


def _refusals(result: RunResult) -> Iterator[Refusal]:
    sql: dict[tuple[str | None, str | None], str] = {}
    for event in result.history.events:
        if isinstance(event, StatementStarted):
            sql[event.transaction, event.step] = event.sql
        if isinstance(event, StatementFailed) and event.sqlstate == SqlState.SERIALIZATION_FAILURE:
            name = event.transaction or event.session or ""
            yield Refusal(
                transaction=name,
                step=event.step or "",
                message=event.message,
                detail=event.detail,
                hint=event.hint,
                row=row_named(sql.get((event.transaction, event.step), "")),
                structure=_structure(rw_edges(result.history, event.seq), name),
            )


def _structure(edges: tuple[RwEdge, ...], name: str) -> tuple[RwEdge, ...]:
    own = [edge for edge in edges if name in (edge.reader, edge.writer)]
    near = {each for edge in own for each in (edge.reader, edge.writer)} - {name}
    beside = [edge for edge in edges if edge not in own and {edge.reader, edge.writer} <= near]
    return (*own, *beside)


def explain_refusal(refusal: Refusal, weaker: RunResult | None) -> tuple[Text, ...]:
    """The server's words, what the transaction ran into, and whether the abort was needed.

    `weaker`: the same schedule at REPEATABLE READ; None where nobody ran it.
    """
    return tuple(_lines(refusal, weaker))


def _lines(refusal: Refusal, weaker: RunResult | None) -> Iterator[Text]:
    words = " ".join(filter(None, (refusal.message, refusal.detail, refusal.hint)))
    yield Text.of("{step} was refused with 40001. The server: {words}", step=refusal.step, words=words)
    if weaker is None:
        return
    if _refused_too(refusal, weaker):
        yield _first_updater(refusal)
        return
    for edge in refusal.structure:
        yield edge.sentence
    if refusal.structure and not any(edge.writer == refusal.transaction for edge in refusal.structure):
        yield Text.of("The other conflict is what {step} was about to write: it was never stored.", step=refusal.step)
    yield _needed(weaker)


def _refused_too(refusal: Refusal, weaker: RunResult) -> bool:
    """The same statement meets the same error where nobody looks for dangerous structures."""
    return weaker.isolation is Isolation.REPEATABLE_READ and any(
        each.step == refusal.step and each.transaction == refusal.transaction for each in refusals(weaker)
    )


def _first_updater(refusal: Refusal) -> Text:
    return Text.of(
        "Somebody had changed {row} and committed after {transaction} took its snapshot: the first updater wins. "
        "The same happens at REPEATABLE READ. {transaction} needs a new snapshot, and so a new transaction.",
        row=refusal.row or Text.of("the row"),
        transaction=refusal.transaction,
    )


def _needed(weaker: RunResult) -> Text:
    """By what the same schedule comes to at REPEATABLE READ, where nothing of this kind is refused."""
    names = Text.joined(N_(", "), [title(anomaly.name) for anomaly in weaker.confirmed.anomalies])
    if weaker.outcome is Outcome.ANOMALY and weaker.finding is not Finding.UNCONFIRMED:
        if names:
            return Text.of(
                "The abort was needed: at REPEATABLE READ the same schedule commits, and comes to {anomaly}.",
                anomaly=names,
            )
        return Text.of("The abort was needed: at REPEATABLE READ the same schedule commits, and no serial order fits.")
    if weaker.finding is Finding.RISK:
        return Text.of(
            "A false alarm for these values: at REPEATABLE READ a serial order gives the same. The reads and writes go "
            "round in a circle all the same, and with other values the abort is needed."
        )
    if weaker.finding in (Finding.SERIALIZABLE, Finding.AGAINST_CLOCK) and not weaker.aborts:
        return Text.of(
            "A false alarm: at REPEATABLE READ the same schedule commits, and a serial order gives the same. "
            "SERIALIZABLE refuses what only looks dangerous, too; a retry settles it."
        )
    return Text.of("Whether the abort was needed is not known: the same schedule at REPEATABLE READ does not tell.")
