"""The Locks page: a deadlock that has just run, waits in words, the state at each step, and what garbage does not."""

from __future__ import annotations

import re

import pytest

from simulator.engines.base import Capabilities
from simulator.figures.score.info import Axis
from simulator.scenarios.loader import find
from simulator.ui.schedules.pick import LOCKS
from tests.ui.conftest import Opener
from tests.ui.texts import html_text, open_tab, outcome


def test_it_opens_on_a_deadlock_of_two_that_has_just_run(open_page: Opener) -> None:
    at = open_page("locks")
    assert at.selectbox(key="locks_scenario").value == "deadlock"
    assert outcome(at) == "retried"
    text = html_text(at)
    assert "deadlock" in text
    assert "T1 holds wallet 1 and wants wallet 2, which T2 holds." in text
    assert "run again as T2#2, it committed" in text
    assert not at.warning
    assert not at.warning


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "The victim may be another one next time"), ("zh", "下一次的牺牲者可能是另一个")]
)
@pytest.mark.parametrize(
    ("page", "scenario", "deadlock"), [("locks", "deadlock", True), ("locks", "row_lock_wait", False)]
)
def test_where_the_server_lets_chance_choose_a_victim_the_page_says_so(
    open_page: Opener, monkeypatch: pytest.MonkeyPatch, page: str, scenario: str, deadlock: bool, lang: str, said: str
) -> None:
    assert said not in html_text(open_page(page, scenario=scenario, lang=lang))
    monkeypatch.setattr(Capabilities, "deadlock_victim_certain", False)
    assert (said in html_text(open_page(page, scenario=scenario, lang=lang))) is deadlock


def test_the_step_that_closes_the_circle_names_the_victim(open_page: Opener) -> None:
    at = open_page("locks", step="3")
    assert "T1 holds wallet 1 and wants wallet 2, which T2 holds." in html_text(at)
    at = open_page("locks", step="4")
    text = html_text(at)
    assert "the server ended T2 in T2.give (40P01)" in text
    assert "T1 went on: T1.give" in text
    assert "deadlock_timeout: 1 ms · slowed" in " ".join(text.split())
    assert "T2 waits: the circle is closed" in text
    assert "ms of waiting by the server's clock" in text
    assert "The server's report" in text
    assert re.search(r"Process \d+ waits for ShareLock", text)


def test_nothing_of_an_answer_is_told_before_its_step(open_page: Opener) -> None:
    waits = html_text(open_page("anomalies", step="4"))
    assert "T2 wants wallet 1, which T1 has locked" in waits or "which T1 holds" in waits
    assert "UPDATE 1" not in waits
    assert "answered" not in waits
    goes_on = html_text(open_page("anomalies", step="5"))
    assert re.search(r"T2\.write, which had waited:\s+→\s+UPDATE 1", goes_on)


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Locks", "T1 holds RowExclusiveLock on table wallet"),
        ("Rows", "T1 sees"),
        ("Row versions", "(0,1)"),
        ("Why this read?", "T1.give"),
    ],
)
def test_the_state_panel_tells_of_locks_rows_versions_and_reads(open_page: Opener, title: str, said: str) -> None:
    at = open_page("locks", step="3")
    assert said in open_tab(at, "locks_run_state", title) + " ".join(str(one.value) for one in at.selectbox)


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
        next(group for group in at.button_group if (group.key or "").startswith("locks_guess")).set_value(chosen).run()
        assert not at.exception, at.exception
        assert any(said in block.value for block in at.markdown), chosen


@pytest.mark.parametrize(("scenario", "step"), [("deadlock", "3"), ("deadlock", "5"), ("row_lock_wait", "3")])
def test_without_a_deadlock_nothing_is_counted_down(open_page: Opener, scenario: str, step: str) -> None:
    assert "deadlock_timeout:" not in html_text(open_page("locks", scenario=scenario, step=step))


def test_every_scenario_and_variant_opens(open_page: Opener) -> None:
    at = open_page("locks")
    for scenario in LOCKS.scenarios():
        at.selectbox(key="locks_scenario").set_value(scenario.key).run()
        assert not at.exception, scenario.key
        assert not at.warning, scenario.key
        assert outcome(at) != "no verdict", scenario.key


def test_fix_it_and_run_again_runs_the_cure(open_page: Opener) -> None:
    at = open_page("locks")
    at.button(key="locks_cure").click().run()
    assert at.selectbox(key="locks_variant").value == find("deadlock").variants[2].key
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
    assert at.selectbox(key="locks_scenario").value == "deadlock"
    assert outcome(at) == "retried"


def test_the_conflict_table_is_asked_of_the_server(open_page: Opener) -> None:
    at = open_page("locks")
    assert "T1 holds" in open_tab(at, "locks_details_few", "Row-lock conflicts")
    assert "\n".join(block.value for block in at.get("html")).count("⏳ waits") >= 10


def test_serializable_reads_leave_inferred_conflicts(open_page: Opener) -> None:
    at = open_page("anomalies", scenario="write_skew", level="SER", step="4")
    text = open_tab(at, "anomalies_run_state", "Locks")
    assert "SIReadLock" in text
    assert "(inferred)" in text


def test_a_choice_on_anomalies_is_none_on_locks_and_is_still_there_when_one_comes_back(open_page: Opener) -> None:
    at = open_page("anomalies", scenario="write_skew", level="SER")
    at.button_group(key="anomalies_mode").set_value("drive").run()
    at.query_params = {}
    at.switch_page("pages/locks.py").run()
    assert not at.exception, at.exception
    assert at.button_group(key="locks_mode").value == "schedule"
    assert (at.selectbox(key="locks_scenario").value, outcome(at)) == ("deadlock", "retried")
    at.query_params = {}
    at.switch_page("pages/anomalies.py").run()
    assert at.button_group(key="anomalies_mode").value == "drive"
    assert at.selectbox(key="anomalies_scenario").value == "write_skew"
    assert at.button_group(key="anomalies_level").value == "SER"


def test_what_a_link_could_not_do_is_said_until_something_is_chosen_in_the_language_of_now(open_page: Opener) -> None:
    at = open_page("locks", variant="nothing")
    assert at.warning[0].value.startswith("The link asks for variant")
    at.selectbox(key="locks_scenario").set_value("nowait").run()
    assert not at.warning
    at = open_page("locks", variant="nothing")
    at.button_group(key="app_language_switch").set_value("zh").run()
    assert "链接" in at.warning[0].value


def test_the_time_axis_is_kept_over_a_page_change(open_page: Opener) -> None:
    at = open_page("locks")
    at.button_group(key="locks_axis").set_value(Axis.TIME).run()
    at.switch_page("pages/anomalies.py").run()
    assert at.button_group(key="anomalies_axis").value == Axis.STEPS
    at.switch_page("pages/locks.py").run()
    assert at.button_group(key="locks_axis").value == Axis.TIME


def test_the_servers_own_report_stands_on_the_page(open_page: Opener) -> None:
    text = html_text(open_page("locks", scenario="vacuum_horizon", step="4"))
    assert "3 are dead but not yet removable" in text
    assert "T4.size saw bytes 8192." in html_text(open_page("locks", scenario="vacuum_horizon"))


def test_who_has_ended_holds_nothing_and_row_locks_live_in_the_row(open_page: Opener) -> None:
    at = open_page("locks", step="5")
    text = open_tab(at, "locks_run_state", "Locks")
    assert "T1 is in no transaction and holds nothing" in text
    at = open_page("locks", step="3")
    assert "T1 holds row wallet 1 FOR NO KEY UPDATE" in open_tab(at, "locks_run_state", "Locks")
