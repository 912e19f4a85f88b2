"""What a person sees and does: the timeline is painted, keys step, links restore, steps can be dragged."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from tempfile import gettempdir

import pytest
from playwright.sync_api import Page, expect

from simulator.history.schedule import History
from tests.browser.conftest import ROOT, fits, seen, settle

COUNT = ".txs-count"
#: Bars of the first score that a person can see.
LARGE = """() => [...document.querySelector(".txs-chart")?.querySelectorAll(".barlayer .point path") ?? []]
  .map(bar => bar.getBoundingClientRect()).filter(box => box.width > 20 && box.height > 20).length"""


def visit(page: Page, path: str) -> None:
    page.goto(path)
    settle(page)


def verdict(page: Page, outcome: str) -> None:
    expect(page.locator(".tx-verdict")).to_have_attribute("data-outcome", outcome)


@pytest.mark.parametrize("path", ["/", "/anomalies"])
def test_the_first_visit_shows_a_painted_timeline_and_the_projector_needs_no_sideways_scrolling(
    page: Page, path: str
) -> None:
    visit(page, path)
    verdict(page, "anomaly")
    assert seen(page, lambda: page.evaluate(LARGE), lambda bars: bars >= 6) >= 6  # six statements on two transactions
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_text("Projector").click()
    for width, height, letters in ((1280, 720, "17px"), (1920, 1080, "24px")):
        page.set_viewport_size({"width": width, "height": height})
        expect(page.locator("html")).to_have_css("font-size", letters)
        settle(page)
        fits(page)


def test_arrow_keys_step_and_the_address_follows_also_after_another_level_was_picked(page: Page) -> None:
    visit(page, "/anomalies")
    count = page.locator(COUNT).first
    expect(count).to_have_text("6 / 6")
    page.keyboard.press("ArrowLeft")
    expect(count).to_have_text("5 / 6")
    expect(page.locator(".tx-who")).to_have_text("T1.commit")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tx-who")).to_have_text("T2.write")
    expect(page.locator(".tx-answer")).to_contain_text("T2 wants wallet 1, which T1 holds")
    expect(page).to_have_url(re.compile(r"\?step=4$"))
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"\?step=5$"))
    page.reload()
    settle(page)
    expect(count).to_have_text("5 / 6")
    page.get_by_role("radio", name="REPEATABLE READ").click()
    expect(count).to_have_text("9 / 9")
    page.keyboard.press("ArrowLeft")
    expect(count).to_have_text("8 / 9")
    page.get_by_role("radio", name="SERIALIZABLE").click()
    verdict(page, "retried")
    expect(page).to_have_url(re.compile(r"/anomalies\?level=SER$"))


def test_a_link_restores_scenario_variant_level_and_step(page: Page) -> None:
    visit(page, "/anomalies?scenario=write_skew&level=RR&step=2")
    verdict(page, "anomaly")
    expect(page.get_by_label("Scenario").first).to_have_value(re.compile("Write skew"))
    expect(page.get_by_role("radio", name="REPEATABLE READ")).to_be_checked()
    expect(page.locator(COUNT).first).to_have_text("2 / 6")
    expect(page).to_have_url(re.compile(r"scenario=write_skew&level=RR&step=2$"))


def test_the_table_of_fixes_fits_its_page(page: Page) -> None:
    visit(page, "/anomalies")
    page.get_by_role("tab", name="What fixes it").click()
    expect(page.locator(".tx-fixes td[data-outcome]")).to_have_count(12)
    fits(page)


def test_garbage_in_a_link_is_a_sentence(page: Page) -> None:
    visit(page, "/anomalies?scenario=%3Cscript%3Ealert(1)%3C/script%3E&level=never")
    expect(page.get_by_role("alert")).to_have_count(2)
    verdict(page, "anomaly")


def test_the_language_stays_when_pages_change(page: Page) -> None:
    visit(page, "/anomalies?lang=zh")
    expect(page).to_have_url(re.compile(r"lang=zh$"))
    page.get_by_role("link", name="首页").click()
    expect(page.locator(".tx-title")).to_be_visible()
    settle(page)
    expect(page).to_have_url(re.compile(r"/\?lang=zh$"))


def test_a_run_is_downloaded_and_read_back_and_its_link_says_everything_and_opens_the_same(page: Page) -> None:
    visit(page, "/anomalies?scenario=double_booking&step=3")
    page.get_by_text("Share", exact=True).click()
    with page.expect_download() as download:
        page.get_by_text("Download this run as JSON").click()
    text = download.value.path().read_text("utf-8")
    assert not any(str(place) in text for place in (ROOT, Path.home(), Path(sys.prefix), Path(gettempdir())))
    saved = json.loads(text)
    assert download.value.suggested_filename == "txscope-double_booking-naive-RC.json"
    assert (saved["scenario"], saved["variant"], saved["outcome"]) == ("double_booking", "naive", "anomaly")
    assert History.from_json(json.dumps(saved["history"])).sessions == ("T1", "T2")
    link = page.get_by_test_id("stCode").filter(has_text="http")
    shared = re.compile(r"http\S+/anomalies\?scenario=double_booking&variant=naive&level=RC&step=3")
    expect(link).to_have_text(shared)
    visit(page, link.inner_text().strip())
    expect(page.locator(COUNT).first).to_have_text(re.compile(r"^3 / "))
