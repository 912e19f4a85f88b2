"""Read-write conflicts that are inferred from SIRead locks while a run goes on."""

from __future__ import annotations

from dataclasses import replace

from simulator.history.schedule import RowVersionsObserved, TransactionEnded
from simulator.state.reader import state_at
from simulator.state.ssi import rw_edges
from tests.unit.observed import after, observed


def place(step: str, transaction: str) -> int:
    history = observed("write_skew_ser")
    return state_at(history, after(history, step, transaction=transaction)).seq


def test_nothing_before_anybody_wrote() -> None:
    assert rw_edges(observed("write_skew_ser"), place("T2.count", "T2")) == ()


def test_write_skew_is_two_edges_in_a_circle() -> None:
    edges = rw_edges(observed("write_skew_ser"), place("T2.leave", "T2"))
    assert [(edge.reader, edge.writer, edge.row, edge.over) for edge in edges] == [
        ("T2", "T1", "agent 1", False),
        ("T1", "T2", "agent 2", False),
    ]
    assert all(str(edge.sentence).endswith("(inferred)") for edge in edges)
    assert "T2 before T1" in str(edges[0].sentence)


def test_edges_of_a_transaction_that_was_rolled_back_are_over() -> None:
    history = observed("write_skew_ser")
    aborted = next(e for e in history.events if isinstance(e, TransactionEnded) and e.outcome == "aborted")
    edges = rw_edges(history, aborted.seq)
    assert edges
    assert all(edge.over for edge in edges)


def test_other_levels_have_none() -> None:
    for name in ("lost_update_rc", "lost_update_rr", "read_skew_rr"):
        history = observed(name)
        assert rw_edges(history, len(history.events) - 1) == ()


def test_without_dead_versions_none_is_claimed() -> None:
    history = observed("write_skew_ser")
    events = tuple(
        replace(event, with_dead=False) if isinstance(event, RowVersionsObserved) else event for event in history.events
    )
    assert rw_edges(replace(history, events=events), len(events) - 1) == ()
