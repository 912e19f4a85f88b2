"""A presenter with nothing but a clicker, and a visitor who follows the cells of a table."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from playwright.sync_api import Page, expect

from tests.browser.conftest import SETTLED, settle

#: A link, the page that it opens, and what the run there comes to.
WALK = (
    ("/", "/", "anomaly"),
    ("anomalies?scenario=lost_update&variant=naive", "/anomalies", "anomaly"),
    ("anomalies?scenario=lost_update&variant=atomic", "/anomalies", "safe"),
    ("locks?scenario=deadlock", "/locks", "retried"),
    ("/", "/", "anomaly"),
)
#: Counts how often the page says that it is running schedules.
KEEP_RUNS = """() => {
  window.runs = 0
  new MutationObserver(() => { if (/Running \\d+ schedules/.test(document.body.textContent)) runs += 1 })
    .observe(document.body, { subtree: true, childList: true, characterData: true })
}"""


def verdict(page: Page, outcome: str) -> None:
    expect(page.locator(".tx-verdict")).to_have_attribute("data-outcome", outcome)
    settle(page)


def test_a_clicker_alone_walks_from_home_through_a_lost_update_its_fix_and_a_deadlock_and_back(page: Page) -> None:
    lines = "\n".join(link for link, _path, _outcome in WALK)
    page.goto(f"/?{urlencode({'playlist': lines})}")
    place = page.locator(".st-key-playlist")
    for number, (_link, path, outcome) in enumerate(WALK, 1):
        expect(place).to_contain_text(f"{number} / {len(WALK)}")
        expect(page).to_have_url(re.compile(rf"//[^/]+{path}\?.*at={number}$"))
        verdict(page, outcome)
        if number < len(WALK):
            page.keyboard.press("PageDown")
    page.reload()
    expect(place).to_contain_text(f"{len(WALK)} / {len(WALK)}")


def test_home_says_what_is_lost_and_why_without_a_click_or_scrolling_and_plays_its_fix(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto("/")
    settle(page)
    for text in ("130 is stored, 150 expected", "Because T2 wrote over a value"):
        expect(page.get_by_text(text)).to_be_in_viewport(ratio=1)
    fix = page.get_by_role("button", name="Fix it")
    expect(fix).to_be_in_viewport(ratio=1)
    expect(page.locator(".txs-lane", has_text="DB")).to_be_in_viewport(ratio=1)
    fix.click()
    expect(page.locator(".tx-caption:visible")).to_contain_text(
        "wants to write wallet 1: balance + 30, and waits for T1"
    )
    verdict(page, "safe")
    expect(page).to_have_url(re.compile(r"/\?variant=atomic$"))


def test_a_cell_of_the_matrix_opens_its_run_and_the_table_is_still_there_when_one_comes_back(page: Page) -> None:
    page.goto("/matrix")
    cell = page.locator(".tx-hermitage a[href*='scenario=p4'][href*='level=RR']")
    expect(cell).to_have_text("✓ prevented")
    cell.click()
    verdict(page, "retried")
    expect(page).to_have_url(re.compile(r"/anomalies\?scenario=p4&level=RR$"))
    page.evaluate(KEEP_RUNS)
    page.go_back()
    expect(cell).to_be_visible()
    page.wait_for_selector(SETTLED)
    assert page.evaluate("runs") == 0
