"""A report of a deadlock on the page of one's own code: told in words, and run again as a scenario."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.test_lint import paste
from tests.unit.deadlock_samples import FORMS, KINDS, PUBLISHED, in_language

Opener = Callable[..., AppTest]


def said(at: AppTest) -> str:
    return "\n".join(each.value for each in at.markdown)


@pytest.mark.parametrize(
    "text", [FORMS["csvlog"], FORMS["jsonlog"], FORMS["syslog"], in_language("de"), in_language("zh")]
)
def test_whatever_carries_it_the_circle_is_told(open_page: Opener, text: str) -> None:
    at = open_page("lint")
    paste(at, text)
    assert not at.exception
    assert "101 → 102 → 101" in said(at)
    assert "What the log does not say" in said(at)


def test_the_circle_closes_again_on_the_page_of_scenarios(open_page: Opener) -> None:
    at = open_page("lint")
    paste(at, PUBLISHED["f-docker-prefix.txt"])
    at.button(key="lint_circle").click().run()
    assert not at.exception
    shown = "".join(each.proto.body for each in at.get("html"))
    assert "process 14475 waits for ShareLock" in said(at)
    # Somebody was ended for the circle, and ran again.
    assert 'data-outcome="retried"' in shown


def test_a_wait_has_no_circle_to_run(open_page: Opener) -> None:
    at = open_page("lint")
    paste(at, PUBLISHED["h-lock-wait.txt"])
    assert "a wait, and no deadlock" in said(at)
    assert not [each for each in at.button if each.key == "lint_circle"]
    at.button(key="lint_locks").click().run()
    assert at.session_state["locks_scenario"] == "row_lock_queue"


def test_a_foreign_key_leads_to_its_demonstration(open_page: Opener) -> None:
    at = open_page("lint")
    paste(at, KINDS["foreign key"])
    at.button(key="lint_locks").click().run()
    assert at.session_state["locks_scenario"] == "foreign_key_lock"
