"""The order of a run, changed on its score: dragged, and moved by key; and what is told before its time."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import SETTLED, seen, settle

OWN = "T1.read T2.read T1.write T2.write T1.commit T2.commit"


def orders(page: Page, order: str) -> None:
    """Wait until the score shows this order, and its run stands in the address."""
    keys = order.split()
    for place, key in enumerate(keys):
        expect(page.locator(".txs-handle").nth(place)).to_have_attribute("data-step", key)
    expect(page).to_have_url(re.compile(r"^(?!.*order=)" if order == OWN else "order=" + "[+]".join(keys)))
    page.wait_for_selector(SETTLED)


def handle(page: Page, key: str) -> Locator:
    return page.locator(f".txs-handle[data-step='{key}']")


def grab(page: Page, key: str) -> tuple[float, float]:
    """Point at a bar, take its handle; where the pointer is then, and how wide a place is."""
    node = handle(page, key)
    node.locator(".txs-grip").scroll_into_view_if_needed()
    page.wait_for_selector(SETTLED)
    bar, width = node.bounding_box() or {}, node.evaluate("node => node.offsetWidth")
    page.mouse.move(bar["x"] + width / 2, bar["y"] - 8)
    expect(node).to_have_attribute("data-near", "")
    grip = node.locator(".txs-grip").bounding_box() or {}
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    return x, width


def test_a_bar_is_dragged_and_the_new_verdict_is_in_sight(page: Page) -> None:
    page.goto("/anomalies?step=3")
    settle(page)
    x, width = grab(page, "T2.read")
    y = (handle(page, "T2.read").bounding_box() or {})["y"]
    page.mouse.move(x + width, y, steps=4)
    expect(page.locator(".txs-zone")).to_be_visible()
    # Past the next step of its own session it does not go, and says so.
    page.mouse.move(x + 4 * width, y, steps=4)
    expect(page.locator(".txs-text").first).to_have_text(
        "T2.read stays before T2.write: a session keeps its own order."
    )
    page.keyboard.press("Escape")
    expect(page.locator(".txs-zone")).to_have_count(0)
    page.mouse.up()
    orders(page, OWN)
    for key, places, order in (
        ("T2.write", 2, None),
        ("T2.read", 3, "T1.read T1.write T1.commit T2.read T2.write T2.commit"),
    ):
        x, width = grab(page, key)
        page.mouse.move(x + places * width, y, steps=6)
        page.mouse.up()
        if order is None:
            expect(handle(page, key)).to_have_attribute("data-held", "")
            orders(page, "T1.read T2.read T1.write T1.commit T2.write T2.commit")
        else:
            orders(page, order)
    verdict = page.locator(".tx-verdict")
    expect(verdict).to_have_attribute("data-outcome", "safe")
    expect(verdict.locator("strong")).to_be_visible()
    expect(verdict).to_be_in_viewport()
    expect(page.locator(".txs-chart").first).to_be_in_viewport()
    # Plotly's zoom begins beside the handles, and never at one.
    assert page.locator(".txs [data-act=reset]").first.is_hidden()
    page.get_by_role("button", name="Back to the scenario's own order").click()
    orders(page, OWN)
    expect(verdict).to_have_attribute("data-outcome", "anomaly")


def test_alt_and_an_arrow_move_the_bar_at_the_playhead_and_leave_the_page_where_it_is(page: Page) -> None:
    page.goto("/")
    settle(page)
    page.goto("/anomalies?step=4")
    settle(page)
    page.keyboard.press("Alt+ArrowLeft")
    orders(page, "T1.read T2.read T2.write T1.write T1.commit T2.commit")
    verdict = page.locator(".tx-verdict")
    expect(verdict).to_have_attribute("data-outcome", "impossible order")
    expect(verdict).to_contain_text("T1.commit cannot be sent here")
    page.keyboard.press("Alt+ArrowLeft")
    expect(page.locator(".txs-text").first).to_have_text(
        "T2.write stays behind T2.read: a session keeps its own order."
    )
    for _press in range(2):
        page.keyboard.press("Alt+ArrowRight")
    orders(page, "T1.read T2.read T1.write T1.commit T2.write T2.commit")
    expect(page).to_have_url(re.compile("/anomalies"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Move the bar at the playhead")


def test_a_place_is_changed_with_a_click_where_nobody_can_drag(page: Page) -> None:
    page.goto("/locks?scenario=deadlock&projector=1")
    settle(page)
    keys = page.locator(".txs-handle").evaluate_all("nodes => nodes.map(node => node.dataset.step)")
    grip = handle(page, keys[1]).locator(".txs-grip")
    grip.focus()
    button = handle(page, keys[1]).get_by_role("button", name="one place earlier")
    box = button.bounding_box() or {}
    assert min(box["width"], box["height"]) >= 24, "WCAG 2.2, 2.5.8"
    button.click()
    orders(page, " ".join([keys[1], keys[0], *keys[2:]]))


@pytest.mark.parametrize("axis", ["Steps", "Milliseconds"])
def test_nothing_is_told_of_what_has_not_come(page: Page, axis: str) -> None:
    page.goto("/anomalies?scenario=lost_update&level=RR&step=4")
    settle(page)
    chart = page.locator(".txs-chart").first
    if axis != "Steps":
        page.get_by_test_id("stMain").get_by_text(axis, exact=True).click()
        expect(chart.locator(".xtick").first).to_contain_text("ms")
        expect(page.locator(".txs-box")).to_have_count(0)
        ticks = chart.locator(".xtick:visible text")
        places = "all => all.map(each => each.getBoundingClientRect().x)"

        def beyond() -> list[float]:
            until = (page.locator(".txs-head").first.bounding_box() or {})["x"]
            return [x for x in ticks.evaluate_all(places) if x >= until]

        assert seen(page, beyond, lambda late: not late) == []
    told = chart.evaluate("chart => chart.data.flatMap(trace => trace.hovertext ?? []).join(' ')")
    for late in ("40001", "could not serialize", "→ 120", "skipped"):
        assert late not in told
    waiting = chart.locator(".barlayer .trace").nth(2).locator("path").first
    waiting.scroll_into_view_if_needed()
    box = waiting.bounding_box() or {}
    for shift in (4, 6):
        page.mouse.move(box["x"] + shift, box["y"] + box["height"] / 2)
    expect(page.locator(".hoverlayer .hovertext")).to_contain_text("waits for T1")
    expect(page.locator(".hoverlayer .hovertext")).not_to_contain_text("40001")
