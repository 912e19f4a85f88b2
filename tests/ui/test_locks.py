"""The Locks page: a deadlock that has just run, waits in words, the state at each step, and what garbage does not."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from simulator.scenarios.loader import find
from simulator.ui.link import LOCKS
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
    assert not at.error


def test_the_step_that_closes_the_circle_names_the_victim(open_page: Opener) -> None:
    at = open_page("locks", step="3")
    assert "T1 waits for T2" in html_text(at)
    at = open_page("locks", step="4")
    text = html_text(at)
    assert "the server ended T2 in T2.give (40P01)" in text
    assert "T1 went on: T1.give" in text
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


def test_every_scenario_and_variant_opens(open_page: Opener) -> None:
    at = open_page("locks")
    for scenario in LOCKS.scenarios():
        at.selectbox(key="scenario").set_value(scenario.key).run()
        assert not at.exception, scenario.key
        assert not at.error, scenario.key
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
    ],
)
def test_garbage_in_a_link_is_told_and_something_runs_all_the_same(open_page: Opener, query: dict[str, str]) -> None:
    at = open_page("locks", **query)
    assert len(at.warning) == 1
    assert at.selectbox(key="scenario").value == "deadlock"
    assert outcome(at) == "retried"
