"""The Locks page: a deadlock that has just run, waits in words, the state at each step, and what garbage does not."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from simulator.live import LiveRuns
from simulator.scenarios.loader import find
from simulator.ui.link import LOCKS
from simulator.ui.manager import manager
from tests.ui.conftest import Opener
from tests.ui.texts import html_text, outcome


def open_tab(at: AppTest, key: str, title: str) -> str:
    """The page's HTML once this tab is open."""
    at.session_state[key] = title
    at.run()
    assert not at.exception, at.exception
    return html_text(at)


def test_it_opens_on_a_deadlock_of_two_that_has_just_run(open_page: Opener) -> None:
    at = open_page("locks")
    assert at.selectbox(key="scenario").value == "deadlock"
    assert outcome(at) == "retried"
    text = html_text(at)
    assert "deadlock" in text
    assert "for T2" in text
    assert "run again as T2#2, it committed" in text
    assert not at.warning
    assert not at.warning


def test_the_step_that_closes_the_circle_names_the_victim(open_page: Opener) -> None:
    at = open_page("locks", step="3")
    assert "T1 waits for T2" in html_text(at)
    at = open_page("locks", step="4")
    text = html_text(at)
    assert "the server ended T2 in T2.give (40P01)" in text
    assert "T1 went on: T1.give" in text
    assert "deadlock_timeout: 1 ms · slowed" in " ".join(text.split())
    assert "T2 waits: the circle is closed" in text
    assert "ms of waiting by the server's clock" in text
    assert "Process" in at.code[-2].value or any("Process" in code.value for code in at.code)


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Locks", "T1 holds RowExclusiveLock on wallet"),
        ("Rows", "T1 sees"),
        ("Row versions", "(0,1)"),
        ("Why this read?", "T1.give"),
    ],
)
def test_the_state_panel_tells_of_locks_rows_versions_and_reads(open_page: Opener, title: str, said: str) -> None:
    at = open_page("locks", step="3")
    assert said in open_tab(at, "run_state", title) + " ".join(str(one.value) for one in at.selectbox)


@pytest.mark.parametrize(
    ("query", "came"),
    [
        ({}, "deadlock T2"),
        ({"variant": "other_victim"}, "deadlock T1"),
        ({"scenario": "row_lock_wait"}, "waits"),
        ({"scenario": "nowait", "variant": "nowait"}, "gives up"),
        ({"scenario": "siread_locks"}, "nobody"),
    ],
)
def test_a_guess_at_who_waits_and_who_is_ended_is_answered(open_page: Opener, query: dict[str, str], came: str) -> None:
    at = open_page("locks", **query)
    wrong = "waits" if came != "waits" else "nobody"
    for chosen, said in ((wrong, "Not quite"), (came, "Right")):
        next(group for group in at.button_group if (group.key or "").startswith("guess")).set_value(chosen).run()
        assert not at.exception, at.exception
        assert any(said in block.value for block in at.markdown), chosen


@pytest.mark.parametrize(("scenario", "step"), [("deadlock", "3"), ("deadlock", "5"), ("row_lock_wait", "3")])
def test_without_a_deadlock_nothing_is_counted_down(open_page: Opener, scenario: str, step: str) -> None:
    assert "deadlock_timeout:" not in html_text(open_page("locks", scenario=scenario, step=step))


def test_every_scenario_and_variant_opens(open_page: Opener) -> None:
    at = open_page("locks")
    for scenario in LOCKS.scenarios():
        at.selectbox(key="scenario").set_value(scenario.key).run()
        assert not at.exception, scenario.key
        assert not at.warning, scenario.key
        assert outcome(at) != "no verdict", scenario.key


def test_fix_it_and_run_again_runs_the_cure(open_page: Opener) -> None:
    at = open_page("locks")
    at.button(key="cure").click().run()
    assert at.selectbox(key="variant").value == find("deadlock").variants[2].key
    assert outcome(at) == "safe"
    assert "waits" in html_text(at)


@pytest.mark.parametrize(
    "query",
    [
        {"scenario": "no_such_thing"},
        {"scenario": "lost_update"},
        {"scenario": "<script>alert(1)</script>"},
        {"variant": "nothing"},
        {"level": "SER"},
        {"order": "T1.give T1.take"},
        {"step": "-1"},
        {"mode": "fly"},
    ],
)
def test_garbage_in_a_link_is_told_and_something_runs_all_the_same(open_page: Opener, query: dict[str, str]) -> None:
    at = open_page("locks", **query)
    assert len(at.warning) == 1
    assert at.selectbox(key="scenario").value == "deadlock"
    assert outcome(at) == "retried"


def driving(open_page: Opener, **query: str) -> AppTest:
    at = open_page("locks", **query)
    at.button_group(key="mode").set_value("drive").run()
    assert not at.exception, at.exception
    return at


def press(at: AppTest, *names: str) -> str:
    """The page's HTML after these buttons were clicked one after the other."""
    for name in names:
        at.button(key=f"drive_{name}").click().run()
        assert not at.exception, at.exception
    return html_text(at)


def test_a_deadlock_is_driven_to_its_victim_by_clicks(open_page: Opener) -> None:
    at = driving(open_page)
    assert at.button(key="drive_T1_next").label == "`UPDATE wallet SET balance = balance - 20 WHERE id = 1`"
    text = press(at, "T1_next", "T2_next", "T1_next")
    assert "T1 waits in T1.give for T2." in text
    assert at.button(key="drive_T1_next").disabled
    assert not at.button(key="drive_T1_cancel").disabled
    text = press(at, "T2_next")
    assert "The server aborted this transaction (40P01)." in text
    assert "the server ended T2 in T2.give (40P01)" in text
    press(at, "T1_next", "T2_next", "T2_next", "T2_next")
    assert outcome(at) == "retried"
    assert manager().live.going_on() == 1


def test_undo_takes_a_click_back_and_start_again_all_of_them(open_page: Opener) -> None:
    at = driving(open_page)
    press(at, "T1_next", "T2_next", "T1_next")
    assert "T1 waits" not in press(at, "undo")
    assert not at.button(key="drive_T1_next").disabled
    press(at, "restart")
    assert at.button(key="drive_undo").disabled
    assert at.button(key="drive_T1_next").label.endswith("id = 1`")


def test_free_choices_roll_back_and_cancel(open_page: Opener) -> None:
    at = driving(open_page)
    assert "rolled back" in press(at, "T1_next", "T1_rollback")
    press(at, "restart", "T1_next", "T2_next", "T1_next")
    assert "57014" in press(at, "T1_cancel")


def test_an_ended_run_says_so_and_can_be_started_again(open_page: Opener) -> None:
    at = driving(open_page)
    press(at, "T1_next")
    manager().live.close_of(at.session_state["live_run"][2])
    at.run()
    assert "The page of this live run was closed" in at.info[0].value.replace("\\", "")
    press(at, "anew")
    assert not at.info
    assert at.button(key="drive_undo").disabled


def test_after_five_minutes_the_page_says_that_the_run_was_rolled_back_and_closed(open_page: Opener) -> None:
    minutes = [0.0]
    manager().live = LiveRuns(clock=lambda: 60 * minutes[0])
    at = driving(open_page)
    press(at, "T1_next", "T2_next", "T1_next")
    minutes[0] = 4.9
    at.run()
    assert not at.info
    minutes[0] = 5.1
    manager().live.reap()
    at.run()
    assert not at.exception
    said = at.info[0].value.replace("\\", "")
    assert "Nobody touched this live run for 5 minutes: it was rolled back and closed" in said
    assert manager().live.going_on() == 0
    press(at, "anew", "T1_next")
    assert not at.info
    assert manager().live.going_on() == 1


def test_a_link_restores_the_wheel(open_page: Opener) -> None:
    at = open_page("locks", mode="drive", scenario="nowait")
    assert at.button_group(key="mode").value == "drive"
    assert not at.warning
    assert not at.button(key=f"drive_{find('nowait').variants[0].sessions[0].name}_next").disabled
    assert manager().live.going_on() == 1
    at.button_group(key="mode").set_value("schedule").run()
    assert not at.exception
    assert outcome(at) is not None


def test_the_run_ends_with_the_mode_and_with_another_scenario(open_page: Opener) -> None:
    at = driving(open_page)
    at.selectbox(key="scenario").set_value("nowait").run()
    assert manager().live.going_on() == 1
    at.button_group(key="mode").set_value("schedule").run()
    assert manager().live.going_on() == 0
    assert outcome(at) is not None


def test_every_scenario_can_be_driven(open_page: Opener) -> None:
    at = driving(open_page)
    for scenario in LOCKS.scenarios():
        at.selectbox(key="scenario").set_value(scenario.key).run()
        first = scenario.variants[0].sessions[0].name
        press(at, f"{first}_next")
        assert not at.warning, scenario.key


def test_watch_live_shows_who_blocks_whom(open_page: Opener) -> None:
    at = driving(open_page)
    press(at, "T1_next", "T2_next", "T1_next")
    text = open_tab(at, "driving_few", "Watch live")
    assert "Who blocks whom" in text
    assert "idle in transaction" in text


def test_the_conflict_table_is_asked_of_the_server(open_page: Opener) -> None:
    at = open_page("locks")
    assert "T1 holds" in open_tab(at, "locks_few", "Row-lock conflicts")
    assert "\n".join(block.value for block in at.get("html")).count("⏳ waits") >= 10


def test_serializable_reads_leave_inferred_conflicts(open_page: Opener) -> None:
    at = open_page("anomalies", scenario="write_skew", level="SER", step="4")
    text = open_tab(at, "run_state", "Locks")
    assert "SIReadLock" in text
    assert "(inferred)" in text


def test_an_anomaly_can_be_driven_too(open_page: Opener) -> None:
    at = open_page("anomalies")
    at.button_group(key="mode").set_value("drive").run()
    press(at, "T1_next", "T2_next", "T1_next", "T1_next", "T2_next", "T2_next")
    assert outcome(at) == "anomaly"
