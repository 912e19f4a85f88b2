"""What people call a row: the value of its column `name`, where the setup gave every row one of its own."""

from __future__ import annotations

from simulator.history.schedule import CommittedStateObserved, History, TableState
from simulator.sql.label import NO_NAMES, RowNames
from simulator.sql.values import cell

#: The column that holds them.
NAME = "name"


def row_names(history: History) -> RowNames:
    """(table, id) -> name, by the first committed state that was seen."""
    first = next((event for event in history.events if isinstance(event, CommittedStateObserved)), None)
    if first is None:
        return NO_NAMES
    return {key: name for table in first.tables for key, name in _named(table).items()}


def _named(table: TableState) -> dict[tuple[str, str], str]:
    if NAME not in table.columns or len(table.key_columns) != 1:
        return {}
    place = table.columns.index(NAME)
    names = {(table.table, cell(row.key[0])): row.values[place] for row in table.rows}
    if len(set(names.values())) < len(names):
        return {}
    return {key: name for key, name in names.items() if isinstance(name, str)}
