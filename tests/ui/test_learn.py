"""The Learn page without a browser: what its address opens, what is run, and the way back from a lab."""

from __future__ import annotations

import re

from streamlit.testing.v1 import AppTest

from simulator.course.chapter import Exercise, Run
from simulator.course.path import GOALS
from simulator.course.reader import chapters, find
from tests.ui.conftest import Opener
from tests.ui.texts import html_text


def links(at: AppTest) -> list[str]:
    """Where the links lead that are drawn as HTML."""
    return re.findall(r'href="([^"]*)"', "\n".join(block.value for block in at.get("html")))


def test_the_front_page_leads_to_every_chapter_and_shows_the_goals(open_page: Opener) -> None:
    at = open_page("learn")
    found = links(at)
    assert all(f"./learn?chapter={chapter.key}" in found for chapter in chapters("en"))
    assert html_text(at).count("not yet") == len(GOALS)


def test_a_chapter_is_drawn_and_none_of_its_runs_has_begun(open_page: Opener) -> None:
    at = open_page("learn", chapter="transactions")
    chapter = find("transactions", "en")
    text = html_text(at)
    assert chapter.title in text
    assert all(section.title in text for section in chapter.sections if section.title)
    assert 'class="tx-learn-claims"' not in "\n".join(block.value for block in at.get("html"))
    kept = [run.id for run in chapter.of(Run) if f"kept_learn_transactions_{run.id}" in at.session_state]
    assert kept == []
    assert len(list(chapter.of(Run))) > 5


def test_a_chapter_is_in_the_language_of_its_reader(open_page: Opener) -> None:
    at = open_page("learn", chapter="core", lang="zh")
    assert find("core", "zh").title in html_text(at)


def test_a_link_brings_its_check_marks_and_nothing_else(open_page: Opener) -> None:
    at = open_page("learn", passed="states,pool,no_such_thing")
    text = " ".join(html_text(at).split())
    reached = [goal.title for goal in GOALS if set(goal.exercises) <= {"states", "pool"}]
    assert text.count("reached · 1 / 1") == len(reached) == 2


def test_a_chapter_that_there_is_not_is_complained_about(open_page: Opener) -> None:
    at = open_page("learn", chapter="kitchen")
    assert "kitchen" in at.warning[0].value


def test_an_exercise_offers_all_of_its_parts(open_page: Opener) -> None:
    at = open_page("learn", chapter="creation")
    offered = {str(radio.key) for radio in at.radio}
    assert {"learn_blank_pool_pool_size", "learn_blank_pool_max_overflow"} <= offered
    assert any(exercise.key == "pool" for exercise in find("creation", "en").of(Exercise))


def test_a_lab_leads_back_to_the_line_that_it_was_opened_from(open_page: Opener) -> None:
    at = open_page("anomalies", **{"from": "transactions#lost"})
    assert "./learn?chapter=transactions&amp;at=lost" in links(at)
    assert f"Back to the course: {find('transactions', 'en').title}" in html_text(at)


def test_a_way_back_to_nowhere_is_not_shown(open_page: Opener) -> None:
    at = open_page("anomalies", **{"from": "kitchen#<script>"})
    assert "Back to the course" not in html_text(at)
