"""The serial order keeps that of each session's transactions."""

from __future__ import annotations

from simulator.anomalies.checker import check
from tests.histories.checker.builder import Played

TWO = {1: (1, 100), 2: (2, 20)}
READ_1 = "SELECT balance FROM account WHERE id = 1"
SET_1 = "UPDATE account SET balance = 50 WHERE id = 1"
SET_2 = "UPDATE account SET balance = 50 WHERE id = 2"


def test_a_sessions_transactions_keep_their_order() -> None:
    run = Played(TWO).alone("T2", READ_1, (100,)).step("T1", SET_1, tag="UPDATE 1")
    run.alone("T2:2", SET_2, tag="UPDATE 1", r2=(2, 50)).commit("T1", r1=(1, 50)).alone("T2:3", READ_1, (50,))
    assert check(run.history()).serial_order == ("T2", "T2:2", "T1", "T2:3")


def test_where_they_would_have_to_change_it_nothing_is_called_safe() -> None:
    """T1 read row 1 before T2:1 changed it, and changed row 2 after T2:2 had read it."""
    run = Played(TWO).step("T1", READ_1, (100,)).alone("T2", SET_1, tag="UPDATE 1", r1=(1, 50))
    run.alone("T2:2", "SELECT balance FROM account WHERE id = 2", (20,)).step("T1", SET_2, tag="UPDATE 1")
    verdict = check(run.commit("T1", r2=(2, 50)).history())
    assert (verdict.serial_order, verdict.anomalies) == (None, ())
    assert verdict.no_verdict is not None
