"""The page for one's own code: what is pasted is recognised, read, and leads to what shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from simulator.labs.lint.brought import recognise
from simulator.ui.app import brought, pages
from tests.ui.conftest import Opener

CASES = Path(__file__).parents[1] / "cases"


def paste(at: AppTest, text: str) -> str:
    at.text_area(key="lint_text").set_value(text).run()
    assert not at.exception, at.exception
    return " ".join(each.value for each in at.markdown)


def runs(at: AppTest) -> list[str]:
    return [str(button.key) for button in at.button if str(button.key).startswith("lint_sign_")]


def test_it_opens_with_an_example_that_shows_signs(open_page: Opener) -> None:
    at = open_page("lint")
    text = " ".join(each.value for each in at.markdown)
    assert "signs of mistakes" in text
    assert runs(at)
    at.button(key="lint_sign_0").click().run()
    assert at.selectbox(key="mistakes_select").value in {"no_finally", "commit_after_yield"}


def test_a_sign_names_its_line_and_what_is_no_python_is_told(open_page: Opener) -> None:
    at = open_page("lint")
    text = paste(at, "def get_db():\n    session = SessionLocal()\n    yield session\n    session.commit()\n")
    assert "Line 4" in text
    paste(at, "def get_db():\n    yield (\n")
    assert "Line 2" in at.warning[0].value


def test_nothing_found_proves_nothing_and_nothing_seen_is_told(open_page: Opener) -> None:
    at = open_page("lint")
    paste(at, "with SessionLocal.begin() as session:\n    session.add(Message())\n")
    assert "no proof" in at.info[0].value
    paste(at, "def f(a, b):\n    return a + b\n")
    assert "nothing was examined" in at.warning[0].value
    assert not at.info


def test_an_error_leads_to_the_mistakes_that_end_in_it(open_page: Opener) -> None:
    at = open_page("lint")
    text = paste(at, "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out")
    assert "All connections of the pool were out" in text
    at.button(key=runs(at)[0]).click().run()
    assert at.selectbox(key="mistakes_select").value == "connection_leak"


def test_a_deadlock_leads_to_the_locks(open_page: Opener) -> None:
    at = open_page("lint")
    paste(at, (CASES / "deadlock_logs" / "a-server-log-tabs.txt").read_text("utf-8"))
    at.button(key="lint_locks").click().run()
    assert not at.exception, at.exception
    assert at.session_state["locks_scenario"] == "deadlock"


@pytest.mark.parametrize("what", ["code", "error", "deadlock", "lock_wait", "history", "scenario", "spec"])
def test_each_kind_has_a_page_and_a_name(what: str) -> None:
    assert pages.is_page(brought.page_of(what))  # type: ignore[arg-type]
    assert brought.name_of(what)  # type: ignore[arg-type]


def test_a_scenario_goes_on_to_its_page(open_page: Opener) -> None:
    from simulator.ui.schedules.own import source

    text = source("write_skew").replace('key = "write_skew"', 'key = "mine"')
    assert recognise(text).what == "scenario"
    at = open_page("lint")
    paste(at, text)
    at.button(key="lint_brought_open").click().run()
    assert not at.exception, at.exception
    assert any(str(each.key or "").startswith("anomalies_") for each in at.button)
