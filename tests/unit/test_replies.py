"""What PostgreSQL says about a deadlock, as waits between server processes."""

from __future__ import annotations

from simulator.engines.replies import DeadlockWait, deadlock_waits

DETAIL = """\
Process 7 waits for ShareLock on transaction 745; blocked by process 8.
Process 8 waits for ExclusiveLock on tuple (0,1) of relation 16390 of database 5; blocked by process 9.
Process 9 waits for ExclusiveLock on advisory lock [5,1,2,2]; blocked by process 7."""


def test_every_wait_of_the_circle_is_read_the_victims_first() -> None:
    assert deadlock_waits(DETAIL) == (
        DeadlockWait(7, "transactionid 745 (ShareLock)", 8),
        DeadlockWait(8, "tuple (0,1) of relation 16390 of database 5 (ExclusiveLock)", 9),
        DeadlockWait(9, "advisory lock [5,1,2,2] (ExclusiveLock)", 7),
    )


def test_words_that_are_no_report_hold_no_wait() -> None:
    assert deadlock_waits("") == ()
    assert deadlock_waits("Key (id)=(1) already exists.") == ()
