"""What a person sees and does: the timeline is painted, keys step, links restore, steps can be dragged."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from simulator.history import History
from tests.browser.conftest import settle

COUNT = ".txs-count"


def visit(page: Page, path: str) -> None:
    page.goto(path)
    settle(page)


def verdict(page: Page, outcome: str) -> None:
    expect(page.locator(".tx-verdict")).to_have_attribute("data-outcome", outcome)


@pytest.mark.parametrize("path", ["/", "/anomalies"])
def test_the_first_visit_shows_a_painted_timeline(page: Page, path: str) -> None:
    visit(page, path)
    verdict(page, "anomaly")
    boxes = [bar.bounding_box() for bar in page.locator(".txs-chart").first.locator(".barlayer .point path").all()]
    seen = [box for box in boxes if box and box["width"] > 20 and box["height"] > 20]
    assert len(seen) >= 6  # six statements on two transactions
    assert page.locator("[data-testid=stException]").count() == 0


def test_arrow_keys_step_and_the_address_follows(page: Page) -> None:
    visit(page, "/anomalies")
    count = page.locator(COUNT).first
    expect(count).to_have_text("6 / 6")
    page.keyboard.press("ArrowLeft")
    expect(count).to_have_text("5 / 6")
    expect(page.locator(".tx-who")).to_have_text("T1.commit")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tx-who")).to_have_text("T2.write")
    expect(page.locator(".tx-answer")).to_contain_text("waits for T1")
    expect(page).to_have_url(re.compile(r"\?step=4$"))
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"\?step=5$"))
    page.reload()
    settle(page)
    expect(page.locator(COUNT).first).to_have_text("5 / 6")


def test_arrow_keys_step_after_a_level_was_clicked(page: Page) -> None:
    visit(page, "/anomalies")
    page.get_by_role("radio", name="REPEATABLE READ").click()
    expect(page.locator(COUNT).first).to_have_text("9 / 9")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(COUNT).first).to_have_text("8 / 9")


def test_a_link_restores_scenario_variant_level_and_step(page: Page) -> None:
    visit(page, "/anomalies?scenario=write_skew&level=RR&step=2")
    verdict(page, "anomaly")
    expect(page.get_by_label("Scenario").first).to_have_value(re.compile("Write skew"))
    expect(page.get_by_role("radio", name="REPEATABLE READ")).to_be_checked()
    expect(page.locator(COUNT).first).to_have_text("2 / 6")
    expect(page).to_have_url(re.compile(r"scenario=write_skew&level=RR&step=2$"))


def test_picking_something_else_changes_the_address(page: Page) -> None:
    visit(page, "/anomalies?step=3")
    page.get_by_role("radio", name="SERIALIZABLE").click()
    verdict(page, "retried")
    expect(page).to_have_url(re.compile(r"/anomalies\?level=SER$"))


def test_a_step_is_dragged_and_runs_at_once(page: Page) -> None:
    visit(page, "/anomalies")
    page.get_by_role("tab", name="Change the order").click()
    chips = page.locator(".txr-chip")
    expect(chips).to_have_count(6)
    page.locator(".txr-chip[data-key='T1.commit']").drag_to(page.locator(".txr-chip[data-key='T2.read']"))
    expect(chips.nth(3)).to_have_attribute("data-key", "T1.commit")  # its own write stops it
    verdict(page, "anomaly")
    expect(page).to_have_url(re.compile(r"order="))


def test_an_order_that_cannot_be_is_explained(page: Page) -> None:
    visit(page, "/anomalies")
    page.get_by_role("tab", name="Change the order").click()
    page.get_by_role("button", name="Later: T1.commit").click()
    verdict(page, "no verdict")
    expect(page.locator(".tx-verdict")).to_contain_text("T2.commit cannot be sent here")
    page.get_by_role("button", name="Back to the scenario's own order").click()
    verdict(page, "anomaly")


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


@pytest.mark.parametrize("width", [1280, 1920])
@pytest.mark.parametrize("path", ["/", "/anomalies"])
def test_the_projector_needs_no_sideways_scrolling(page: Page, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    visit(page, path)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_text("Projector").click()
    page.wait_for_function("getComputedStyle(document.documentElement).fontSize === '24px'")
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")


def test_the_shared_link_says_everything_and_opens_the_same(page: Page) -> None:
    visit(page, "/anomalies?scenario=double_booking&step=3")
    page.get_by_text("Share", exact=True).click()
    shared = page.locator("[data-testid=stCode]").filter(has_text="http").inner_text().strip()
    assert shared.endswith("/anomalies?scenario=double_booking&variant=naive&level=RC&step=3")
    visit(page, shared)
    expect(page.locator(COUNT).first).to_have_text(re.compile(r"^3 / "))


def test_a_run_is_downloaded_and_its_history_is_read_back(page: Page) -> None:
    visit(page, "/anomalies")
    page.get_by_text("Share", exact=True).click()
    with page.expect_download() as download:
        page.get_by_text("Download this run as JSON").click()
    saved = json.loads(download.value.path().read_text("utf-8"))
    assert download.value.suggested_filename == "txscope-lost_update-naive-RC.json"
    assert (saved["scenario"], saved["variant"], saved["outcome"]) == ("lost_update", "naive", "anomaly")
    assert History.from_json(json.dumps(saved["history"])).sessions == ("T1", "T2")


def test_the_fix_table_fits_the_page(page: Page) -> None:
    visit(page, "/anomalies")
    page.get_by_role("tab", name="What fixes it").click()
    expect(page.locator(".tx-fixes td[data-outcome]")).to_have_count(12)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1")
