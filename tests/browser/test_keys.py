"""Keys for whoever presents: they work the page wherever the focus is, and never while someone types."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import SETTLED, settle

COUNT = ".txs-count"


def visit(page: Page, path: str) -> None:
    page.goto(path)
    settle(page)


def test_a_presenter_walks_with_keys_alone(page: Page) -> None:
    visit(page, "/anomalies")
    count, verdict = page.locator(COUNT).first, page.locator(".tx-verdict")
    page.keyboard.press("PageUp")
    expect(count).to_have_text("5 / 6")
    page.keyboard.press("PageDown")
    expect(count).to_have_text("6 / 6")
    page.keyboard.press("2")
    expect(page).to_have_url(re.compile("level=RR"))
    expect(verdict).to_have_attribute("data-outcome", "retried")
    page.keyboard.press("1")
    expect(verdict).to_have_attribute("data-outcome", "anomaly")
    page.keyboard.press("f")
    expect(page).to_have_url(re.compile("variant="))
    expect(verdict).to_have_attribute("data-outcome", re.compile("safe|retried"))
    page.keyboard.press("]")
    expect(page).to_have_url(re.compile("scenario="))
    page.keyboard.press("v")
    expect(page).to_have_url(re.compile("scenario=.*variant="))
    page.keyboard.press("[")
    expect(page).not_to_have_url(re.compile("scenario="))
    page.keyboard.press("p")
    expect(page).to_have_url(re.compile("projector=1"))
    expect(page.get_by_test_id("stHeader")).to_be_hidden()
    page.reload()
    settle(page)
    expect(page.get_by_test_id("stHeader")).to_be_hidden()
    page.keyboard.press("P")
    expect(page).not_to_have_url(re.compile("projector"))
    expect(page.get_by_test_id("stHeader")).to_be_visible()


def test_the_screen_goes_dark_and_the_keys_are_listed(page: Page) -> None:
    visit(page, "/anomalies")
    count, dark = page.locator(COUNT).first, page.locator(".txk-dark")
    for key in ("b", "."):
        page.keyboard.press(key)
        expect(dark).to_be_visible()
        page.keyboard.press(key)
        expect(dark).to_have_count(0)
    page.keyboard.press("b")
    page.keyboard.press("PageUp")  # whoever goes on sees first where they are
    expect(dark).to_have_count(0)
    expect(count).to_have_text("6 / 6")
    page.keyboard.press("?")
    listed = page.get_by_role("dialog")
    expect(listed).to_contain_text("Next variant")
    page.keyboard.press("ArrowLeft")
    expect(count).to_have_text("6 / 6")
    page.keyboard.press("Escape")
    expect(listed).to_have_count(0)


def test_after_a_click_keys_mean_the_run_and_not_the_control(page: Page) -> None:
    visit(page, "/anomalies")
    count = page.locator(COUNT).first
    page.get_by_role("button", name="Previous step (←)").first.click()
    expect(count).to_have_text("5 / 6")
    page.keyboard.press("ArrowLeft")
    expect(count).to_have_text("4 / 6")
    page.get_by_role("tab", name="Who waits").click()
    page.keyboard.press("ArrowLeft")
    expect(count).to_have_text("3 / 6")
    page.get_by_role("button", name="Next step (→)").first.click()
    page.keyboard.press("Space")  # plays, and does not press the button once more
    expect(page.locator(".txs-playing")).to_have_count(1)


def test_no_key_is_taken_from_somebody_who_types_or_from_the_browser(page: Page) -> None:
    visit(page, "/anomalies")
    count = page.locator(COUNT).first
    page.get_by_role("tab", name="Your own scenario").click()
    text = page.locator("textarea:visible").first
    text.fill("")
    for key in ("f", "2", "[", "b", "?", "Space", "ArrowLeft", "v", "p", ".", "Enter", "PageUp"):
        text.press(key)
    expect(text).to_have_value("f2[b?vp.\n ")
    expect(count).to_have_text("6 / 6")
    expect(page.locator(".txk-dark, dialog")).to_have_count(0)
    text.blur()
    for chord in ("Control+ArrowLeft", "Alt+PageUp", "Meta+b", "Control+f"):
        page.keyboard.press(chord)
    page.wait_for_selector(SETTLED)
    expect(count).to_have_text("6 / 6")
    expect(page).not_to_have_url(re.compile("variant=|level=|projector="))
