"""What the state panel shows at one place of a stored history."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.history.observed import Unseen
from simulator.history.schedule import History, LocksObserved, RowVersionsObserved
from simulator.model import Scalar
from simulator.state.reader import PanelState, SessionView, VersionRow, state_at
from simulator.state.views import Difference, ViewRow
from tests.unit.observed import after, observed


def view(state: PanelState, session: str) -> SessionView:
    return next(each for each in state.views if each.session == session)


def row(state: PanelState, session: str, key: Scalar) -> ViewRow:
    return next(each for table in view(state, session).tables for each in table.rows if each.key == (key,))


def values(found: ViewRow) -> list[Scalar]:
    return [cell.value for cell in found.cells]


def versions(state: PanelState) -> dict[str, VersionRow]:
    return {each.version.ctid: each for each in state.versions[0].versions}


def at(name: str, step: str, transaction: str | None = None) -> PanelState:
    history = observed(name)
    return state_at(history, after(history, step, transaction=transaction))


def test_before_the_first_step_everybody_sees_the_setup() -> None:
    state = state_at(observed("lost_update_rr"), -1)
    assert state.watched
    assert [values(each) for each in state.committed[0].rows] == [[1, 100]]
    assert [each.transaction for each in state.views] == [None, None]
    assert not any(table.differs for each in state.views for table in each.tables)
    assert versions(state)["(0,1)"].writer == "T0"
    assert "no open transaction" in str(view(state, "T1").sentence)


def test_an_uncommitted_write_is_seen_by_its_session_alone() -> None:
    state = at("lost_update_rr", "T1.write")
    mine = row(state, "T1", 1)
    assert mine.difference is Difference.CHANGED
    assert [(cell.value, cell.changed, cell.committed) for cell in mine.cells] == [(1, False, 1), (120, True, 100)]
    assert mine.writer == "T1"
    assert row(state, "T2", 1).difference is Difference.SAME
    assert values(row(state, "T2", 1)) == [1, 100]


def test_versions_say_who_wrote_replaced_and_sees_them() -> None:
    found = versions(at("lost_update_rr", "T1.write"))
    old, new = found["(0,1)"], found["(0,2)"]
    assert (old.writer, old.ended_by, old.visible_to, old.status) == ("T0", "T1", ("T2",), "visible")
    assert (new.writer, new.ended_by, new.visible_to, new.status) == ("T1", None, ("T1",), "uncommitted")
    assert old.row_locks == (("T1", "FOR NO KEY UPDATE"),)


def test_a_kept_snapshot_still_shows_what_was_committed_before_it() -> None:
    state = at("read_skew_rr", "T2.commit")
    kept = view(state, "T1")
    assert kept.snapshot is not None
    assert (kept.snapshot.step, kept.snapshot.kept) == ("T1.read_1", True)
    assert [(values(each), each.difference) for each in kept.tables[0].rows] == [
        ([1, 100], Difference.CHANGED),
        ([2, 100], Difference.CHANGED),
    ]
    assert [values(each) for each in state.committed[0].rows] == [[1, 140], [2, 60]]
    assert "T1.read_1" in str(kept.sentence)


def test_a_row_that_a_kept_snapshot_lacks_is_missing_there() -> None:
    found = row(at("phantom_rr", "T2.commit"), "T1", 3)
    assert found.difference is Difference.MISSING
    assert found.writer == "T2"


def test_an_inserted_row_is_only_here_until_it_is_committed() -> None:
    assert row(at("phantom_rr", "T2.send"), "T2", 3).difference is Difference.ONLY_HERE


def test_read_committed_sees_what_is_committed_with_the_next_statement() -> None:
    state = at("lost_update_rc", "T1.commit")
    assert values(row(state, "T2", 1)) == [1, 130], "its own write, which went on when T1 committed"
    assert "a snapshot for each statement" in str(view(state, "T2").sentence)


def test_a_waiting_statement_keeps_the_snapshot_that_it_began_with() -> None:
    state = at("lost_update_rc", "T2.write")  # seen from the place where it had finished
    history = observed("lost_update_rc")
    waits = next(event.seq for event in history.events if type(event).__name__ == "StepBlocked")
    state = state_at(history, waits)
    snapshot = view(state, "T2").snapshot
    assert snapshot is not None
    assert snapshot.waiting
    assert [(wait.waiter, wait.blocker) for wait in state.graph.waits] == [("T2", "T1")]


def test_rolled_back_versions_stay_and_nobody_sees_them() -> None:
    history = observed("g1a_rc")
    state = state_at(history, len(history.events) - 1)
    assert ("rolled back", "T1", ()) in {(v.status, v.writer, v.visible_to) for v in versions(state).values()}


def test_any_event_of_a_step_gives_the_state_that_it_led_to() -> None:
    history = observed("lost_update_rr")
    state = at("lost_update_rr", "T1.write")
    places = [event.seq for event in history.events if event.step == "T1.write" and event.transaction == "T1"]
    assert {state_at(history, place).seq for place in places} == {state.seq}


def test_locks_of_serializable_reads_are_there() -> None:
    state = at("write_skew_ser", "T1.count", "T1")
    assert [lock.relation for lock in state.locks if lock.is_predicate] == ["agent"]
    assert [seen.state for seen in state.sessions] == ["idle in transaction", "idle"]


def without(history: History, *kinds: type) -> History:
    kept = tuple(event for event in history.events if not isinstance(event, kinds))
    return replace(history, events=tuple(replace(event, seq=seq) for seq, event in enumerate(kept)))


def test_a_run_that_was_not_watched_shows_committed_rows_and_says_what_is_not_known() -> None:
    history = without(observed("lost_update_rr"), LocksObserved, RowVersionsObserved)
    state = state_at(history, after(history, "T1.write"))
    assert not state.watched
    assert not state.with_dead
    assert state.versions == state.locks == ()
    assert values(row(state, "T1", 1)) == [1, 100]
    assert not view(state, "T1").complete
    assert "could not be looked at" in str(view(state, "T1").sentence)


def plain(history: History) -> History:
    """As a server shows it that lets nobody look into pages."""
    events = tuple(
        replace(
            event,
            with_dead=False,
            tables=tuple(
                replace(
                    table,
                    versions=tuple(
                        replace(version, replaced_by=None, row_locks=(), xmax_status="unknown")
                        for version in table.versions
                        if version.visible
                    ),
                )
                for table in event.tables
            ),
        )
        if isinstance(event, RowVersionsObserved)
        else event
        for event in history.events
    )
    return replace(history, events=events)


def test_where_pages_may_not_be_read_nothing_is_claimed_of_uncommitted_rows() -> None:
    history = plain(observed("lost_update_rr"))
    state = state_at(history, after(history, "T1.write"))
    assert not state.with_dead
    (only,) = versions(state).values()
    assert only.ended_by is None
    assert only.row_locks == ()
    assert not view(state, "T1").complete
    assert view(state, "T2").complete, "it has written nothing"


def test_a_table_that_was_not_looked_at_has_its_sentence() -> None:
    history = observed("lost_update_rr")
    unseen = (Unseen("wallet", ("T1",)), Unseen("other", reason="relation does not exist"))
    events = tuple(
        replace(event, unseen=unseen) if isinstance(event, RowVersionsObserved) else event for event in history.events
    )
    notes = state_at(replace(history, events=events), -1).notes
    assert "T1 has or wants its AccessExclusiveLock" in str(notes[0])
    assert "relation does not exist" in str(notes[1])


@pytest.mark.parametrize("name", ["lost_update_rc", "deadlock_rc", "queue_rc", "write_skew_ser", "g1b_rc"])
def test_at_every_place_views_and_versions_tell_the_same(name: str) -> None:
    """A view is made from committed states and own versions, `visible_to` from ids: two ways to one answer."""
    history = observed(name)
    for seq in range(-1, len(history.events)):
        state = state_at(history, seq)
        for each in state.views:
            if each.transaction is not None:
                seen = {
                    tuple(cell.value for cell in row.cells)
                    for row in each.tables[0].rows
                    if row.difference is not Difference.MISSING
                }
                visible = {v.version.values for v in versions(state).values() if each.transaction in v.visible_to}
                assert seen == visible, (seq, each.session)
