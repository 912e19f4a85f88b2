"""Rows that have names are called by them."""

from __future__ import annotations

import pytest

from simulator.history.schedule import CommittedStateObserved, History, RowVersion, TableState
from simulator.state.names import row_names


def seen(*rows: tuple[int, str]) -> History:
    versions = tuple(RowVersion((key,), 3, (key, name)) for key, name in rows)
    table = TableState("agent", ("id", "name"), ("id",), versions)
    return History(("T1",), (CommittedStateObserved(seq=0, at_ns=0, session=None, step=None, tables=(table,)),))


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (((1, "Ada"), (2, "Ben")), {("agent", "1"): "Ada", ("agent", "2"): "Ben"}),
        (((1, "Ada"), (2, "Ada")), {}),
        ((), {}),
    ],
)
def test_a_name_counts_where_every_row_has_its_own(rows, names) -> None:
    assert row_names(seen(*rows)) == names
