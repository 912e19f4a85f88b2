"""What the observer asks between two steps: every table of the run, every probe, in one snapshot.

Tables carry their schema and functions pg_catalog's: a name that a visitor gave to something of his own is not ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, lru_cache

from psycopg import pq, sql

from simulator.engines.base import Probes, StateObservation
from simulator.engines.postgres.exchange import in_time
from simulator.engines.postgres.inspector import HeapTable
from simulator.engines.postgres.statements import compose
from simulator.engines.postgres.wire import MAX_VALUE, result_set
from simulator.errors import EngineError, NotObservedError
from simulator.history.schedule import Answer, Matches, RowVersion, TableState
from simulator.i18n.text import Text

#: Rows of a table that are kept in a history; lab tables have a handful.
MAX_TABLE_ROWS = 500

#: Rows of all tables together; of each table its share, where there are many.
MAX_ALL_ROWS = 5_000


#: Bytes of recorded rows that are sent to the server to try conditions on.
MAX_MATCH_BYTES = 4_000_000

#: Stands for the schema in SQL that is composed once for all runs of a scenario.
_SCHEMA = "txscope_run_of_this_run"


class Observer:
    """Asks the committed state of one room; `ask(query)` raises NotObservedError where the server refuses."""

    def __init__(
        self, ask: Callable[[bytes], list[pq.abc.PGresult]], schema: str, tables: tuple[HeapTable, ...]
    ) -> None:
        self._ask = ask
        self._schema = schema
        self._tables = tables
        #: conditions and SELECTs that the server did not answer
        self._refused: set[tuple[str, str] | str] = set()

    def observe(self, probes: Probes) -> StateObservation:
        """Every table and probe, in one round trip. Raises NotObservedError, EngineError.

        A probe that the server refuses is left out, from then on: no two states would have it.
        """
        asked = probes.without(self._refused)
        try:
            return self._observe(asked)
        except NotObservedError:
            # Where it is not for the probes that nothing was seen, this raises once more.
            self._observe(Probes())
            self._leave_out_refused(asked)
        return self._observe(probes.without(self._refused))

    def match(
        self, states: Sequence[Sequence[TableState]], conditions: Sequence[tuple[str, str]], deadline: float
    ) -> tuple[tuple[Matches, ...], ...]:
        """For each state: the keys of its recorded rows for which each condition holds.

        A condition that the server refuses is left out. Raises NotObservedError, DeadlinePassed, EngineError.
        """

        @cache
        def recorded(place: int, table: str) -> bytes:
            in_time(deadline)
            return _recorded_sql(self._schema, states[place], table)

        try:
            return self._match(len(states), conditions, recorded)
        except NotObservedError:
            if len(conditions) < 2:
                raise
        alone: list[tuple[tuple[Matches, ...], ...]] = []
        for condition in conditions:
            in_time(deadline)
            with suppress(NotObservedError):
                alone.append(self._match(len(states), (condition,), recorded))
        return tuple(tuple(found for each in alone for found in each[place]) for place in range(len(states)))

    def _observe(self, probes: Probes) -> StateObservation:
        results = iter(self._ask(_observation_sql(self._schema, self._tables, probes))[2:-1])
        tables = tuple(_table_state(table, next(results), most_rows(len(self._tables))) for table in self._tables)
        matches = tuple(
            Matches(table, condition, result_set(next(results), MAX_VALUE).rows)
            for table, condition in probes.conditions
        )
        answers = tuple(Answer(text, result_set(next(results), MAX_VALUE).rows) for text in probes.selects)
        return StateObservation(tables, matches, answers)

    def _leave_out_refused(self, probes: Probes) -> None:
        for condition in probes.conditions:
            if self._is_refused(Probes(conditions=(condition,))):
                self._refused.add(condition)
        for select in probes.selects:
            if self._is_refused(Probes(selects=(select,))):
                self._refused.add(select)

    def _is_refused(self, probe: Probes) -> bool:
        try:
            self._ask(_observation_sql(self._schema, self._tables, probe))
        except NotObservedError:
            return True
        return False

    def _match(
        self, states: int, conditions: Sequence[tuple[str, str]], recorded: Callable[[int, str], bytes]
    ) -> tuple[tuple[Matches, ...], ...]:
        queries: list[bytes] = []
        for place in range(states):
            for table, condition in conditions:
                queries.append(recorded(place, table) + (condition or "true").encode())
                if sum(map(len, queries)) > MAX_MATCH_BYTES:
                    raise NotObservedError(Text.of("There are too many rows and conditions to look at them again."))
        results = iter(self._ask(b";\n".join([b"BEGIN READ ONLY", *queries, b"COMMIT"]))[1:-1])
        return tuple(
            tuple(Matches(table, condition, result_set(next(results)).rows) for table, condition in conditions)
            for _ in range(states)
        )


def most_rows(tables: int) -> int:
    """Rows that are kept of each of so many tables."""
    return min(MAX_TABLE_ROWS, MAX_ALL_ROWS // max(1, tables))


def _observation_sql(schema: str, tables: tuple[HeapTable, ...], probes: Probes) -> bytes:
    """One transaction: a SELECT for each table, each condition, each probe, in this order."""
    return _template(tables, probes).replace(_SCHEMA.encode(), schema.encode())


@lru_cache(maxsize=512)
def _template(tables: tuple[HeapTable, ...], probes: Probes) -> bytes:
    schema = _SCHEMA
    known = {table.name: table for table in tables}
    # A session may hold a table against every reader: better no observation than a run that hangs.
    parts = [b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", b"SET LOCAL lock_timeout = '100ms'"]
    parts += [_table_sql(schema, table, most_rows(len(tables))) for table in tables]
    parts += [_matches_sql(schema, table, condition, known.get(table)) for table, condition in probes.conditions]
    parts += [text.encode() for text in probes.selects]
    return b";\n".join([*parts, b"COMMIT"])


def _recorded_sql(schema: str, state: Sequence[TableState], table: str) -> bytes:
    """The keys of the recorded rows of a table for which holds what is put behind it. Raises EngineError: no table."""
    recorded = next((known for known in state if known.table == table), None)
    if recorded is None:
        raise EngineError(f"There is no table {table}.")
    rows = json.dumps([dict(zip(recorded.columns, row.values, strict=True)) for row in recorded.rows])
    return compose(
        "SELECT {key} FROM pg_catalog.json_populate_recordset(NULL::{full}, {rows}) AS {table} WHERE ",
        key=_names(recorded.key_columns or recorded.columns),
        full=sql.Identifier(schema, table),
        table=sql.Identifier(table),
        rows=sql.Literal(rows),
    )


def _table_state(table: HeapTable, result: pq.abc.PGresult, most: int = MAX_TABLE_ROWS) -> TableState:
    """The answer to a table's SELECT, of which so many rows are kept."""
    found = result_set(result, MAX_VALUE)
    places = [table.columns.index(name) for name in table.key_columns]
    rows = tuple(
        RowVersion(tuple(values[place] for place in places), int(str(xmin)), tuple(values))
        for xmin, *values in found.rows[:most]
    )
    truncated = len(found.rows) > most
    return TableState(table.name, table.columns, table.key_columns, rows, truncated=truncated, rules=table.rules)


def _table_sql(schema: str, table: HeapTable, most: int) -> bytes:
    return compose(
        "SELECT {columns} FROM {table} ORDER BY {order} LIMIT {limit}",
        columns=_names(("xmin", *table.columns)),
        table=sql.Identifier(schema, table.name),
        order=_order(table),
        limit=sql.Literal(most + 1),
    )


def _matches_sql(schema: str, table: str, condition: str, known: HeapTable | None) -> bytes:
    # Named as in the condition: by the table's bare name.
    select_keys = compose(
        "SELECT {key} FROM {full} AS {table}",
        key=_names(() if known is None else known.key_columns or known.columns),
        full=sql.Identifier(schema, table),
        table=sql.Identifier(table),
    )
    where = f" WHERE {condition}".encode() if condition else b""
    return select_keys + where + (compose(" ORDER BY {order}", order=_order(known)) if known else b"")


def _order(table: HeapTable) -> sql.Composable:
    """By the key, which has an order; not every type of another column has one, but every row can be written."""
    return _names(table.key_columns) if table.key_columns else sql.SQL("{}::text").format(sql.Identifier(table.name))


def _names(columns: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
