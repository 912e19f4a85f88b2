"""The row locks' conflict table on a real server against the manual's, written out here and nowhere read from code."""

from __future__ import annotations

import pytest

from simulator.engines.base import Engine
from simulator.errors import TxscopeError
from simulator.experiments.conflicts import Strength, row_lock_conflicts
from tests.fake_engine import FakeEngine

#: https://www.postgresql.org/docs/18/explicit-locking.html#ROW-LOCK-COMPATIBILITY: X the two exclude each other.
#: Rows and columns: FOR KEY SHARE, FOR SHARE, FOR NO KEY UPDATE, FOR UPDATE.
MANUAL = {
    "FOR KEY SHARE": "...X",
    "FOR SHARE": "..XX",
    "FOR NO KEY UPDATE": ".XXX",
    "FOR UPDATE": "XXXX",
}


def test_the_table_is_the_manuals_and_its_cells_come_by_rows_from_the_strongest_down(engine: Engine) -> None:
    cells = row_lock_conflicts(engine)
    waits = {(cell.held.value, cell.asked.value): cell.waits for cell in cells}
    assert {held: "".join(".X"[waits[held, asked]] for asked in MANUAL) for held in MANUAL} == MANUAL
    assert [(cell.held, cell.asked) for cell in cells] == [(held, asked) for held in Strength for asked in Strength]
    assert cells[0].result.variant.title == "FOR UPDATE / FOR UPDATE"


def test_a_server_that_gives_no_clear_answer_is_not_believed() -> None:
    with pytest.raises(TxscopeError, match="FOR UPDATE beside FOR UPDATE"):
        row_lock_conflicts(FakeEngine())
