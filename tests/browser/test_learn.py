"""The course in a browser: what is run and when, what exercises make of each choice, and the way to all six goals."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from simulator.course.chapter import Box, Exercise, Run
from simulator.course.exercises import EXERCISES
from simulator.course.exercises.entry import Choice
from simulator.course.exercises.entry import Exercise as Parts
from simulator.course.path import GOALS
from simulator.course.reader import chapters
from simulator.ui.learn.interview import chosen
from tests.browser.conftest import SETTLED, fits, seen
from tests.integration.test_course import RIGHT

#: Seconds in which a chapter is there, on a warm server and a machine at rest; these tests run beside others.
OPENS_S, BESIDE_OTHERS = 2.0, 5.0
CHAPTER_OF = {exercise.key: chapter.key for chapter in chapters("en") for exercise in chapter.of(Exercise)}
WRONG = [(key, choice) for key, parts in EXERCISES.items() for choice in parts.choices() if choice not in RIGHT[key]]


def open_chapter(page: Page, key: str, **asked: str) -> None:
    """A chapter whose script has run."""
    page.goto("/learn?" + "&".join([f"chapter={key}", *(f"{name}={value}" for name, value in asked.items())]))
    page.locator(".tx-learn-title, .st-key-learn_stage").first.wait_for()
    page.wait_for_selector(SETTLED)


def choose(page: Page, parts: Parts, choice: Choice) -> None:
    """Pick each part by what stands beside it, as somebody does who reads it."""
    for blank in parts.blanks:
        number = [option.key for option in blank.options].index(choice[blank.key])
        group = page.locator(f".st-key-learn_blank_{parts.key}_{blank.key}")
        group.locator("label[data-baseweb=radio], [role=radiogroup] label").nth(number).click()
        expect(group.get_by_role("radio").nth(number)).to_be_checked()
        page.wait_for_selector(SETTLED)


def run(page: Page, parts: Parts, choice: Choice) -> str:
    """Choose, run, and the judgement: `1` for passed."""
    choose(page, parts, choice)
    box = page.locator(f".st-key-learn_exercise_{parts.key}")
    box.locator(f".st-key-learn_try_{parts.key} button").click()
    judged = box.locator(".tx-learn-judged")
    judged.wait_for()
    page.wait_for_selector(SETTLED)
    return judged.get_attribute("data-passed") or ""


@pytest.mark.parametrize("key", list(EXERCISES))
def test_an_exercise_is_failed_by_each_wrong_choice_and_passed_by_the_right_one(page: Page, key: str) -> None:
    open_chapter(page, CHAPTER_OF[key], at=key)
    parts = EXERCISES[key]
    box = page.locator(f".st-key-learn_exercise_{key}")
    for choice in [choice for of, choice in WRONG if of == key]:
        assert run(page, parts, choice) == "0", choice
        expect(box.locator(".tx-learn-judged li").first).not_to_be_empty()
        expect(box.locator(".tx-learn-task")).to_have_attribute("data-passed", "0")
    assert run(page, parts, RIGHT[key][0]) == "1"
    expect(box.locator(".tx-learn-task")).to_have_attribute("data-passed", "1")


def goals(page: Page) -> dict[str, str]:
    """Which goals are reached, on the course's front page."""
    marks = page.locator("[data-goal]")
    return dict(marks.evaluate_all("all => all.map(one => [one.dataset.goal, one.dataset.reached])"))


def test_the_path_leads_to_all_six_goals_which_the_browser_keeps(page: Page, url: str) -> None:
    """Each stretch in its order; then the front page, a reload, a reset, and the link for another browser."""
    page.goto("/learn")
    page.locator("[data-goal]").first.wait_for()
    assert goals(page) == dict.fromkeys((goal.key for goal in GOALS), "0")
    for goal in GOALS:
        for key in goal.exercises:
            open_chapter(page, CHAPTER_OF[key], at=key)
            assert run(page, EXERCISES[key], RIGHT[key][0]) == "1", key
    page.goto("/learn")  # a new session of the server's: what it knows comes from the browser
    reached = dict.fromkeys((goal.key for goal in GOALS), "1")
    assert seen(page, lambda: goals(page), lambda found: found == reached) == reached
    page.locator(".st-key-learn_tools button").first.click()
    link = page.locator("[data-testid=stPopoverBody] code").inner_text()
    page.keyboard.press("Escape")
    page.locator(".st-key-learn_reset button").click()
    none = dict.fromkeys((goal.key for goal in GOALS), "0")
    assert seen(page, lambda: goals(page), lambda found: found == none) == none
    page.goto("/learn")
    page.locator("[data-goal]").first.wait_for()
    page.wait_for_selector(SETTLED)
    assert seen(page, lambda: goals(page), lambda found: found == none) == none
    page.goto(link)
    assert seen(page, lambda: goals(page), lambda found: found == reached) == reached


def test_a_chapter_opens_quickly_and_runs_nothing_that_is_not_seen(page: Page) -> None:
    open_chapter(page, "transactions")
    began = time.monotonic()
    page.goto("/learn?chapter=transactions")
    page.locator(".tx-learn-next").wait_for()
    assert time.monotonic() - began < OPENS_S * BESIDE_OTHERS
    page.wait_for_selector(SETTLED)
    every = sum(1 for chapter in chapters("en") if chapter.key == "transactions" for _run in chapter.of(Run))
    begun = page.locator("[class*=st-key-learn_again_]").count()
    assert begun < every
    last = list(next(chapter for chapter in chapters("en") if chapter.key == "transactions").of(Run))[-1]
    place = page.locator(f".st-key-learn_run_transactions_{last.id}")
    assert place.locator(".tx-learn-claims").count() == 0
    place.scroll_into_view_if_needed()
    place.locator(".tx-learn-claims").wait_for()
    expect(place.locator(".tx-learn-claims li").first).to_contain_text("✓")


def test_the_lab_comes_back_to_the_same_line(page: Page) -> None:
    chapter = next(chapter for chapter in chapters("en") if chapter.key == "transactions")
    last = list(chapter.of(Run))[-1]
    open_chapter(page, chapter.key, at=last.id)
    place = page.locator(f".st-key-learn_run_{chapter.key}_{last.id}")
    place.locator("a.tx-open").click()
    back = page.locator(".tx-back a")
    back.wait_for()
    assert f"from={chapter.key}%23{last.id}" in page.url
    back.click()
    place.wait_for()
    within = "box => { const r = box.getBoundingClientRect(); return r.top < innerHeight && r.bottom > 0 }"
    assert seen(page, lambda: bool(place.evaluate(within)), bool)


def test_a_line_of_a_session_can_be_changed_and_runs_again(page: Page) -> None:
    chapter, box = next(
        (chapter, box) for chapter in chapters("en") for box in chapter.of(Box) if box.vary and box.choices
    )
    open_chapter(page, chapter.key, at=box.id)
    place = page.locator(f".st-key-learn_box_{chapter.key}_{box.id}")
    place.scroll_into_view_if_needed()
    place.locator(".tx-box-code li").first.wait_for()
    before = place.locator(".tx-box-code").inner_text()
    place.get_by_role("radio").last.click()
    seen(page, lambda: place.locator(".tx-box-code").inner_text(), lambda text: text != before)
    assert place.locator(".tx-box-code").inner_text() != before
    place.locator("[data-act=previous]").click()
    expect(place.locator("[aria-current=step]")).to_have_count(1)
    expect(place.locator(".tx-box")).to_have_attribute("data-step", str(len(box.lines) - 1))


def test_an_interview_has_ten_questions_and_a_score(page: Page) -> None:
    page.goto("/learn?interview=1")
    questions = chosen(0)
    assert len(questions) == 10
    for number in range(len(questions)):
        box = page.locator(".st-key-learn_interview")
        expect(box).to_contain_text(f"Question {number + 1} of {len(questions)}")
        box.get_by_role("radio").first.wait_for()
        page.wait_for_selector(SETTLED)
        box.locator("[role=radiogroup] label").first.click()
        page.locator(".st-key-learn_interview_next button").click()
    score = page.locator(".tx-learn-score")
    score.wait_for()
    expect(page.locator(".tx-learn-answers li")).to_have_count(10)
    marks = page.locator(".tx-learn-answers li b").all_inner_texts()
    assert score.get_attribute("data-right") == str(marks.count("✓"))


@pytest.mark.parametrize(
    ("message", "lesson", "demonstration"),
    [
        ("QueuePool limit of size 5 overflow 10 reached", "problems", "connection_leak"),
        ("MissingGreenlet", "fastapi-practice", "async_lazy_load"),
    ],
)
def test_an_error_message_leads_to_its_lesson(page: Page, message: str, lesson: str, demonstration: str) -> None:
    page.goto("/learn")
    search = page.locator(".st-key-learn_query input")
    search.wait_for()
    page.wait_for_selector(SETTLED)
    search.fill(message)
    search.press("Enter")
    page.locator(f'.tx-learn-found a[href="./mistakes?mistake={demonstration}"]').first.wait_for()
    page.locator(f'.tx-learn-found a[href^="./learn?chapter={lesson}"]').first.click()
    page.locator(".tx-learn-next").wait_for()
    assert f"chapter={lesson}" in page.url


def test_a_clicker_walks_a_chapter_and_its_scores(page: Page) -> None:
    open_chapter(page, "core", present="1")
    place = page.locator(".st-key-learn_screens")

    def number() -> int:
        return int(place.inner_text().split("/")[0].split()[-1])

    assert number() == 1
    for _press in range(40):
        if number() >= 4:
            break
        page.keyboard.press("PageDown")
        page.wait_for_timeout(50)
        page.wait_for_selector(SETTLED)
    assert number() >= 4
    fits(page)


@pytest.fixture
def narrow(page: Page) -> Iterator[Page]:
    page.set_viewport_size({"width": 900, "height": 700})
    yield page
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.parametrize("chapter", [chapter.key for chapter in chapters("en")])
def test_a_chapter_fits_a_narrow_window_in_chinese(narrow: Page, chapter: str) -> None:
    open_chapter(narrow, chapter, lang="zh")
    fits(narrow)
