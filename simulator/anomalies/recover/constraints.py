"""What the server reads by itself: the checks of unique and foreign keys, and what it does where no statement shows it.

A unique key that somebody gave up and another took, a parent row that somebody made and another's row refers to, a
child row that was taken away before its parent was: each time the later transaction could not have come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from simulator.anomalies.recover.missing import NoVerdictError
from simulator.anomalies.recover.statements import Transaction
from simulator.anomalies.recover.states import States
from simulator.anomalies.recover.writes import Orders
from simulator.anomalies.versions import Change, PredicateRead, Version
from simulator.i18n.text import N_
from simulator.model import Row

_OF_READERS = frozenset(("policy", "rule"))
_OF_WRITERS = _OF_READERS | frozenset(("trigger", "function"))


@dataclass(frozen=True, slots=True)
class _Step:
    """A version that replaced another, with the number of the state that it came with."""

    number: int
    before: Version
    after: Version


def refuse_hidden(transactions: Iterable[Transaction], states: States) -> None:
    """Raise NoVerdictError where a table's own code could have read or written what no statement shows."""
    for transaction in transactions:
        for statement in transaction.statements:
            for source in statement.sources:
                writes = statement.access.kind.writes and source.table == statement.access.table
                if _OF_READERS.union(_OF_WRITERS if writes else ()).intersection(states.rules(source.table).hidden):
                    raise NoVerdictError(
                        N_(
                            "{step} runs code of {table} (a trigger, a rule, a policy, a function) that is not visible."
                        ),
                        step=statement.step,
                        table=source.table,
                    )


def checks(states: States, orders: Orders) -> tuple[PredicateRead, ...]:
    """What each version shows that the server had read of other rows. Raises NoVerdictError."""
    found: list[PredicateRead] = []
    for table in orders.items:
        steps = list(_steps(orders, table))
        rules = states.rules(table)
        if "index" in rules.hidden:
            _refuse_unclear(table, steps)
        for columns in rules.unique:
            found += _handed_over(table, columns, steps, columns, steps)
        for key in rules.foreign_keys:
            parents = list(_steps(orders, key.parent))
            found += _made_before(key.parent, key.parent_columns, parents, key.columns, steps)
            found += _handed_over(table, key.columns, steps, key.parent_columns, parents, gone=True)
    return tuple(found)


def _steps(orders: Orders, table: str) -> Iterator[_Step]:
    for item in orders.items.get(table, ()):
        for (_, before), (number, after) in pairwise(orders.of(item)):
            yield _Step(number, before, after)


def _refuse_unclear(table: str, steps: list[_Step]) -> None:
    """Whether one row was in another's way only the server can say, where an index is not on plain columns."""
    for first in steps:
        for second in steps:
            other = first.after.writer != second.after.writer and first.after.item != second.after.item
            if other and first.number < second.number and first.before.exists and second.after.exists:
                raise NoVerdictError(
                    N_("Which rows of {table} exclude one another is decided by an index that cannot be followed."),
                    table=table,
                )


def _handed_over(
    table: str,
    columns: tuple[str, ...],
    leaving: list[_Step],
    taken: tuple[str, ...],
    taking: list[_Step],
    *,
    gone: bool = False,
) -> Iterator[PredicateRead]:
    """Values that a row of `table` had ceased to have before another row took them (`gone`: or ceased to have them)."""
    for step in taking:
        old, new = _values(step.before, taken), _values(step.after, taken)
        wanted = old if gone else new
        if old == new or wanted is None:
            continue
        left = (
            each
            for each in leaving
            if each.number < step.number
            and each.after.item != step.after.item
            and _values(each.before, columns) == wanted != _values(each.after, columns)
        )
        yield from _read(table, columns, wanted, step, left, entered=False)


def _made_before(
    table: str, columns: tuple[str, ...], making: list[_Step], referring: tuple[str, ...], steps: list[_Step]
) -> Iterator[PredicateRead]:
    """Values that a row of `table` had come to have before another row referred to them."""
    for step in steps:
        wanted = _values(step.after, referring)
        if wanted is None or wanted == _values(step.before, referring):
            continue
        made = (
            each
            for each in making
            if each.number < step.number and _values(each.before, columns) != wanted == _values(each.after, columns)
        )
        yield from _read(table, columns, wanted, step, made, entered=True)


def _read(
    table: str, columns: tuple[str, ...], wanted: Row, step: _Step, seen: Iterable[_Step], *, entered: bool
) -> Iterator[PredicateRead]:
    latest = max(seen, key=lambda each: each.number, default=None)
    if latest is not None and latest.after.writer != step.after.writer:
        change = Change(latest.before, latest.after, entered)
        condition = " AND ".join(f"{name} = {value}" for name, value in zip(columns, wanted, strict=True))
        yield PredicateRead(
            step.after.writer, step.after.first_step or "", f"{table} WHERE {condition}", seen=(change,)
        )


def _values(version: Version, columns: tuple[str, ...]) -> Row | None:
    """The version's values; None where one is NULL or there is no row: neither is ever in anybody's way."""
    values = tuple(version.value(column) for column in columns)
    return None if None in values else values
