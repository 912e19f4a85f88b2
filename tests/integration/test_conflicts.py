"""The row locks' conflict table on a real server against the manual's, written out here and nowhere read from code."""

from __future__ import annotations

import pytest

from simulator.conflicts import Strength, row_lock_conflicts
from simulator.engines.base import Engine
from simulator.engines.fake import FakeEngine
from simulator.errors import TxscopeError

#: https://www.postgresql.org/docs/18/explicit-locking.html#ROW-LOCK-COMPATIBILITY: X the two exclude each other.
#: Rows and columns: FOR KEY SHARE, FOR SHARE, FOR NO KEY UPDATE, FOR UPDATE.
MANUAL = {
    "FOR KEY SHARE": "...X",
    "FOR SHARE": "..XX",
    "FOR NO KEY UPDATE": ".XXX",
    "FOR UPDATE": "XXXX",
}


def test_the_table_is_the_manuals_and_never_differs(engine: Engine) -> None:
    for _ in range(5):
        cells = {(cell.held.value, cell.asked.value): cell.waits for cell in row_lock_conflicts(engine)}
        seen = {held: "".join(".X"[cells[held, asked]] for asked in MANUAL) for held in MANUAL}
        assert seen == MANUAL


def test_the_cells_come_by_rows_from_the_strongest_down(engine: Engine) -> None:
    cells = row_lock_conflicts(engine)
    assert [(cell.held, cell.asked) for cell in cells] == [(held, asked) for held in Strength for asked in Strength]
    assert cells[0].result.variant.title == "FOR UPDATE / FOR UPDATE"


def test_a_server_that_gives_no_clear_answer_is_not_believed() -> None:
    with pytest.raises(TxscopeError, match="FOR UPDATE beside FOR UPDATE"):
        row_lock_conflicts(FakeEngine())
