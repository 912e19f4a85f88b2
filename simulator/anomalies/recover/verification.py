"""Whether a session got what the committed state that it is taken to have seen says, row by row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.statements import Statement, View
from simulator.anomalies.recover.states import States
from simulator.anomalies.recover.writes import proposed_keys
from simulator.history.schedule import TableState
from simulator.i18n.text import N_
from simulator.model import Row
from simulator.sql.access import AccessKind


class UnexplainedError(NoVerdictError):
    """A statement returned what no committed state explains."""

    def __init__(self, statement: Statement) -> None:
        super().__init__(N_("{step} returned rows that no committed state explains."), step=statement.step)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Keys that a statement's condition chose, without those that its transaction had written itself."""

    #: chosen, and still matching when they were taken
    taken: frozenset[Row]
    #: chosen, then found changed or deleted, and left out
    dropped: frozenset[Row]
    #: written before by the same transaction: no dependency, and no surprise in the result
    own: frozenset[Row]
    #: rows that it had inserted and took away again later
    passing: int = 0

    @property
    def any_own(self) -> bool:
        """Rows of the same transaction may be in the result."""
        return bool(self.own or self.passing)


def verified(statement: Statement, table: TableState, view: View, chosen: Chosen, states: States) -> bool:
    """Whether the session got what the assumed state says."""
    if statement.access.does_nothing:
        return chosen.any_own or _left_out(statement, table, chosen)
    if statement.access.kind is not AccessKind.READ:
        # An UPDATE that waited, or that meets rows of its own transaction, may count others.
        counts = statement.access.kind in (AccessKind.UPDATE, AccessKind.DELETE) and statement.count is not None
        return not counts or bool(statement.waits) or chosen.any_own or statement.count == len(chosen.taken)
    if statement.access.aggregate:
        return chosen.any_own or _answered(statement, view, states)
    rows = states[view.taken].rows[table.table]
    places = column_places(statement, table)
    expected = Counter(tuple(rows[key].values[place] for place in places) for key in chosen.taken)
    surplus = Counter(statement.rows)
    surplus.subtract(expected)
    return min(surplus.values(), default=0) >= 0 and surplus.total() <= len(chosen.own) + chosen.passing


def _left_out(statement: Statement, table: TableState, chosen: Chosen) -> bool:
    """Whether just those rows were not inserted that another row was in the way of, or one of the same statement."""
    if statement.failed:
        return bool(chosen.taken)
    keys = proposed_keys(statement, table)
    given = len(keys) if None in keys else len(set(keys))
    return statement.count == given - len(chosen.taken)


def _answered(statement: Statement, view: View, states: States) -> bool:
    """A computed result is compared with the observer's answer to the same question."""
    answers = [states[number].answers.get(statement.select) for number in dict.fromkeys((view.taken, view.chosen))]
    known = [Counter(answer) for answer in answers if answer is not None]
    if not known:
        raise NoVerdictError(
            N_("The result of {step} could not be verified: the observer was not asked the same."), step=statement.step
        )
    return Counter(statement.rows) in known


def keyed_rows(statement: Statement, table: TableState, chosen: Chosen) -> dict[Row, Row]:
    """The result's rows by primary key. Raises UnexplainedError where they cannot be told from one another."""
    places = column_places(statement, table)
    wanted = [table.columns.index(name) for name in table.key_columns]
    rows = statement.rows or ()
    if set(wanted) <= set(places):
        return {tuple(row[places.index(place)] for place in wanted): row for row in rows}
    if len(rows) == 1 and len(chosen.taken) == 1:
        return {next(iter(chosen.taken)): rows[0]}
    raise UnexplainedError(statement)


def column_places(statement: Statement, table: TableState) -> list[int]:
    """Where the result's columns stand in the table's."""
    places: list[int] = []
    for column in statement.access.columns:
        if column == "*":
            places += range(len(table.columns))
        elif column in table.columns:
            places.append(table.columns.index(column))
        else:
            raise UnexplainedError(statement)
    return places


def returned_keys(statement: Statement, table: TableState, chosen: Chosen) -> frozenset[Row]:
    """Keys of the rows that a SELECT ... SKIP LOCKED returned; it promises no others."""
    if "*" not in statement.access.columns and not set(table.key_columns) <= set(statement.access.columns):
        raise NoVerdictError(
            N_("{step} skips locked rows; select the primary key too, so that its rows can be recognised."),
            step=statement.step,
        )
    keys = frozenset(keyed_rows(statement, table, chosen))
    if not keys <= chosen.taken | chosen.own:
        raise UnexplainedError(statement)
    return keys - chosen.own
