"""What a run changed in the committed state: from what the setup left to what was seen last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from simulator.history.schedule import CommittedStateObserved, History, StatementFinished
from simulator.i18n.text import N_, Text
from simulator.model import Row, Scalar
from simulator.sql.values import brief

#: Changes that are told one by one.
MAX_CHANGES = 3


@dataclass(frozen=True, slots=True)
class Change:
    """One value of a row; `column` "" where the row itself came or went, and `row` a table that has a new column."""

    #: `wallet 1`
    row: str
    column: str = ""
    before: Scalar = None
    after: Scalar = None
    #: the row is there now, and was not; the other way round where neither this nor a column is set
    is_new: bool = False
    of_table: bool = False

    @property
    def sentence(self) -> Text:
        """`balance of wallet 1 was 100 and is 150`."""
        if self.of_table:
            return Text.of("{table} has a column {column} now", table=self.row, column=self.column)
        if not self.column:
            return Text.of(N_("{row} is new") if self.is_new else N_("{row} is gone"), row=self.row)
        text = Text.of("{column} of {row} was {before} and is {after}")
        return text.given(column=self.column, row=self.row, before=_quoted(self.before), after=_quoted(self.after))


def changes(history: History) -> tuple[Change, ...]:
    """In the order of tables and rows; nothing where fewer than two committed states were seen."""
    states = [event for event in history.events if isinstance(event, CommittedStateObserved)]
    return tuple(_between(states[0], states[-1])) if states else ()


def explain_changes(history: History) -> Text:
    """What is stored now that was not, the first few; else the last answer that anybody got."""
    found = changes(history)
    if found:
        told = Text.joined(N_("; "), [change.sentence for change in found[:MAX_CHANGES]])
        more = len(found) - MAX_CHANGES
        if more > 0:
            return Text.many("{told}; and {n} more change.", "{told}; and {n} more changes.", more, told=told)
        return Text.of("{told}.", told=told)
    answers = [event for event in history.events if isinstance(event, StatementFinished) and _says_something(event)]
    if answers:
        return Text.of("Nothing that is stored has changed; {answer}", answer=explain_answer(answers[-1]))
    return Text.of("Nothing that is stored has changed.")


def _says_something(event: StatementFinished) -> bool:
    """Unlike `pg_sleep`, whose answer is an empty one."""
    return bool(event.columns) and (not event.rows or any(value != "" for row in event.rows for value in row))


def explain_answer(event: StatementFinished) -> Text:
    """`T4.size saw bytes 8192.`, of several rows the first few."""
    if not event.rows:
        return Text.of("{step} saw no row.", step=event.step)
    return Text.of("{step} saw {values}.", step=event.step, values=answer(event))


def answer(event: StatementFinished) -> str:
    """`bytes 8192`: names and values of the first few rows; "" for none."""
    named = (dict(zip(event.columns, row, strict=True)) for row in event.rows[:MAX_CHANGES])
    rows = [", ".join(f"{name} {brief(value)}" for name, value in row.items()) for row in named]
    more = ["…"] if len(event.rows) > MAX_CHANGES else []
    return " | ".join([*rows, *more])


def _between(first: CommittedStateObserved, last: CommittedStateObserved) -> Iterator[Change]:
    columns = {table.table: table.columns for table in first.tables}
    for table in last.tables:
        for column in table.columns:
            if column not in columns.get(table.table, table.columns):
                yield Change(table.table, column, of_table=True)
    before, after = _rows(first), _rows(last)
    for key, (name, values) in {**before, **after}.items():
        if key not in after:
            yield Change(name)
        elif key not in before:
            yield Change(name, is_new=True)
        else:
            old = before[key][1]
            for column, value in values.items():
                if column in old and value != old[column]:
                    yield Change(name, column, old[column], value)


def _quoted(value: Scalar) -> str:
    return f"“{brief(value)}”" if value and isinstance(value, str) else brief(value)


def _rows(state: CommittedStateObserved) -> dict[tuple[str, Row], tuple[str, Mapping[str, Scalar]]]:
    """(table, key) -> the row's name and its values; a row without a key is known by all of them."""
    return {
        (table.table, row.key or row.values): (
            " ".join((table.table, ", ".join(map(brief, row.key or row.values)))),
            dict(zip(table.columns, row.values, strict=True)),
        )
        for table in state.tables
        for row in table.rows
    }
