"""Which rows a statement was about: those for which its condition held, or those in the way of what it would insert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.statements import Statement
from simulator.anomalies.recover.states import States
from simulator.anomalies.recover.writes import proposed_keys
from simulator.anomalies.versions import Item
from simulator.history.schedule import TableState
from simulator.i18n.text import N_
from simulator.model import Row


class Predicate(Protocol):
    """Answers for every committed state. Raises NoVerdictError where that was not recorded."""

    def matching(self, number: int) -> frozenset[Row]:
        """Keys of the rows that match in this state."""

    def matches(self, item: Item, number: int) -> bool:
        """Whether this row matches in this state."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Rows for which the WHERE clause holds, as the server said."""

    states: States
    table: str
    condition: str

    def matching(self, number: int) -> frozenset[Row]:
        return self.states.matching(self.table, self.condition, number)

    def matches(self, item: Item, number: int) -> bool:
        return self.states.matches(self.table, self.condition, self.states.row(item, number))


@dataclass(frozen=True, slots=True)
class InTheWay:
    """Rows that have one of these primary keys."""

    states: States
    table: str
    keys: frozenset[Row]

    def matching(self, number: int) -> frozenset[Row]:
        return self.keys & self.states[number].rows[self.table].keys()

    def matches(self, item: Item, number: int) -> bool:
        return item.key in self.keys and self.states.row(item, number) is not None


def predicate(statement: Statement, table: TableState, states: States) -> Predicate:
    """What the statement asked of the table. Raises NoVerdictError."""
    if statement.access.any_key:
        return InTheWay(states, table.table, _in_the_way(statement, table))
    return Condition(states, table.table, statement.condition)


def _in_the_way(statement: Statement, table: TableState) -> frozenset[Row]:
    rules = table.rules
    if rules is None or rules.unique or "index" in rules.hidden:
        raise NoVerdictError(
            N_("{step} could meet a row by more than one unique key; which one is not visible."), step=statement.step
        )
    keys = [key for key in proposed_keys(statement, table) if key is not None]
    given = len(statement.access.assignments)
    if not keys or len(keys) < given or (statement.failed and given > 1):
        raise NoVerdictError(
            N_("Which rows could be in the way of {step} cannot be told from its text."), step=statement.step
        )
    return frozenset(keys)
