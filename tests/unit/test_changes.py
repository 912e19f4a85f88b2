"""What a run changed, in words."""

from __future__ import annotations

import pytest

from simulator.history.schedule import (
    AnyEvent,
    CommittedStateObserved,
    History,
    RowVersion,
    StatementFinished,
    TableState,
)
from simulator.model import Row
from simulator.state.changes import explain_changes

COLUMNS = ("id", "state")


def seen(seq: int, rows: dict[int, str], columns: tuple[str, ...] = COLUMNS) -> CommittedStateObserved:
    more = (None,) * (len(columns) - len(COLUMNS))
    versions = tuple(RowVersion((key,), 3, (key, state, *more)) for key, state in rows.items())
    table = TableState("job", columns, ("id",), versions)
    return CommittedStateObserved(seq=seq, at_ns=seq, session=None, step=None, tables=(table,))


def answered(*rows: Row) -> StatementFinished:
    return StatementFinished(
        seq=2, at_ns=2, session="T1", step="T1.look", tag=f"SELECT {len(rows)}", columns=("id", "state"), rows=rows
    )


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([seen(0, {1: "new"}), seen(1, {1: "done"})], "state of job 1 was “new” and is “done”."),
        ([seen(0, {1: "new"}), seen(1, {2: "new"})], "job 1 is gone; job 2 is new."),
        ([seen(0, {1: "new"}), seen(1, {1: "new"}, (*COLUMNS, "note"))], "job has a column note now."),
        (
            [seen(0, {}), seen(1, dict.fromkeys(range(1, 6), "new"))],
            "job 1 is new; job 2 is new; job 3 is new; and 2 more changes.",
        ),
        (
            [seen(0, {1: "new"}), answered((1, "new"))],
            "Nothing that is stored has changed; T1.look saw id 1, state new.",
        ),
        (
            [seen(0, {1: "new"}), answered((1, "new")), answered(("", ""))],  # as pg_sleep answers
            "Nothing that is stored has changed; T1.look saw id 1, state new.",
        ),
        ([seen(0, {}), answered()], "Nothing that is stored has changed; T1.look saw no row."),
        ([], "Nothing that is stored has changed."),
    ],
)
def test_the_first_few_changes_are_named(events: list[AnyEvent], told: str) -> None:
    assert str(explain_changes(History(("T1",), tuple(events)))) == told
