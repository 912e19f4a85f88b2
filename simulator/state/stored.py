"""One value of the committed state, followed through a run: what the scenario's rule measures, or what changed most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.history.schedule import CommittedStateObserved, History
from simulator.model import Row, Scalar
from simulator.sql.measure import measure


@dataclass(frozen=True, slots=True)
class StoredValue:
    """What was stored once event `seq` had been seen, until the next one."""

    seq: int
    value: Scalar


@dataclass(frozen=True, slots=True)
class StoredValues:
    """A value and how it changed; never empty."""

    #: what it is: a column (`balance`), or what the rule computes (`COUNT(*)`)
    name: str
    #: the row that it stands in (`wallet 1`); empty where it is computed
    row: str
    values: tuple[StoredValue, ...]


def stored_values(history: History, rule: str = "") -> StoredValues | None:
    """The value to watch; None where no committed state was seen, or nothing in it ever changed.

    `rule`: the SQL of the scenario's rule, "" where it has none.
    """
    states = [event for event in history.events if isinstance(event, CommittedStateObserved)]
    return _measured(states, rule) or _most_changed(states)


def _measured(states: list[CommittedStateObserved], rule: str) -> StoredValues | None:
    """The left side of the rule's first comparison, where each state was asked for it."""
    asked = measure(rule) if rule else None
    if asked is None:
        return None
    rows = [answer.rows for state in states for answer in state.answers if answer.sql == asked.sql and answer.rows]
    if len(rows) < len(states) or not rows:
        return None
    values = (StoredValue(state.seq, each[0][0]) for state, each in zip(states, rows, strict=True))
    return StoredValues(asked.name, "", tuple(_changes(values)))


def _most_changed(states: list[CommittedStateObserved]) -> StoredValues | None:
    followed: dict[tuple[str, Row, str], list[StoredValue]] = {}
    for state in states:
        for table in state.tables:
            for row in table.rows:
                for column, value in zip(table.columns, row.values, strict=True):
                    if column not in table.key_columns:
                        followed.setdefault((table.table, row.key, column), []).append(StoredValue(state.seq, value))
    changes = {key: tuple(_changes(iter(values))) for key, values in followed.items()}
    most = Counter({key: len(values) for key, values in changes.items() if len(values) > 1}).most_common(1)
    if not most:
        return None
    name, key, column = most[0][0]
    return StoredValues(column, " ".join((name, ", ".join(map(str, key)))), changes[most[0][0]])


def _changes(values: Iterator[StoredValue]) -> Iterator[StoredValue]:
    """Where the value became another one."""
    last: StoredValue | None = None
    for each in values:
        if last is None or each.value != last.value:
            yield each
        last = each
