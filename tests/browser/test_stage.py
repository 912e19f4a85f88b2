"""The stage: in projector mode what a room must see stands together. While a run is stepped through nothing jumps."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from simulator.scenarios.loader import find
from simulator.ui.schedules.pick import ANOMALIES, LOCKS
from tests.browser.conftest import SETTLED, at_rest, follow, new_visitor, seen, settle

SIZES = ({"width": 1280, "height": 720}, {"width": 1920, "height": 1080})
#: The widest, the tallest and the plainest; TXSCOPE_STAGE=all for every scenario.
CHOSEN = ("lost_update", "read_only_anomaly", "deadlock", "deadlock_three", "alter_table_queue")
SCENARIOS = [
    (page, scenario.key)
    for page, shelf in (("anomalies", ANOMALIES), ("locks", LOCKS))
    for scenario in shelf.scenarios()
    if scenario.key in CHOSEN or os.environ.get("TXSCOPE_STAGE") == "all"
]
#: What stands below the window's edge or beyond its side, and what of the panel must be scrolled to.
MEASURE = """() => {
  const box = selector => document.querySelector(selector)?.getBoundingClientRect()
  const main = document.querySelector("[data-testid=stMain]")
  const tabs = [...document.querySelectorAll("[class*=_panel] [data-testid=stTabPanel]")]
  const panel = tabs.find(each => each.offsetParent)
  const frame = document.querySelector(".txs-frame")
  if (!main || !panel || !frame) return { page: "is being made" }
  const parts = { headline: ".tx-verdict", score: ".txs-chart", transport: ".txs-bar", panel: "[class*=_panel]" }
  const found = {}
  for (const [name, selector] of Object.entries(parts)) {
    const at = box(selector)
    if (!at || at.height < 20 || at.bottom > innerHeight + 1 || at.right > innerWidth + 1) found[name] = at ?? "missing"
  }
  if (main.scrollHeight > main.clientHeight + 1) found.page = main.scrollHeight - main.clientHeight
  if (panel.scrollHeight > panel.clientHeight + 1) found.inside = panel.scrollHeight - panel.clientHeight
  if (frame.scrollWidth > frame.clientWidth + 1) found.sideways = frame.scrollWidth - frame.clientWidth
  return found
}"""


LABELS = Path(__file__).with_name("labels.js").read_text("utf-8")


def measured(page: Page) -> dict[str, Any]:
    """What is not in sight, and labels that cannot be read; of a page that is still being painted what is left."""

    def look() -> dict[str, Any]:
        labels = page.evaluate(LABELS)
        return dict(page.evaluate(MEASURE)) | ({"labels": labels} if labels else {})

    return seen(page, look, lambda left: not left)


# To load a page anew takes longer than to look at it: one run follows the other in one tab.


@pytest.fixture(scope="module")
def stage(context: BrowserContext, url: str) -> Iterator[Page]:
    """A tab in projector mode."""
    with new_visitor(context, url) as page:
        page.goto("/?projector=1")
        settle(page)
        yield page


@pytest.fixture(scope="module")
def tab(context: BrowserContext, url: str) -> Iterator[Page]:
    """A tab as it opens."""
    with new_visitor(context, url) as page:
        page.goto("/")
        settle(page)
        yield page


@pytest.mark.parametrize(("lab", "scenario"), SCENARIOS)
def test_headline_score_and_panel_stand_together_on_the_stage(stage: Page, lab: str, scenario: str) -> None:
    page = stage
    found: dict[str, Any] = {}
    for level in find(scenario).levels:
        page.set_viewport_size(SIZES[0])
        follow(page, f"./{lab}?scenario={scenario}&level={level.short}&projector=1")
        expect(page).to_have_url(re.compile(rf"/{lab}\?"))
        expect(page.get_by_label("Scenario").first).to_have_value(re.compile(re.escape(find(scenario).title)))
        expect(page.get_by_role("radio", name=level.value, include_hidden=True)).to_be_checked()
        settle(page)
        for size in SIZES:
            page.set_viewport_size(size)
            if left := measured(page):
                found[f"{level.short} {size['width']}"] = left
    assert found == {}


def test_home_says_what_is_lost_without_a_click_or_a_scroll_and_fills_the_stage(page: Page) -> None:
    page.set_viewport_size(SIZES[0])
    page.goto("/")
    settle(page)
    said = page.locator(".tx-verdict")
    expect(said).to_contain_text("130 is stored, 150 expected.")
    expect(said).to_contain_text("Because T2 wrote over a value that it had read before T1 changed it.")
    for part in (said, page.locator(".txs-bar")):
        expect(part).to_be_in_viewport(ratio=1)
    page.keyboard.press("p")
    expect(page.locator(".tx-title")).to_be_hidden()
    for size in SIZES:
        page.set_viewport_size(size)
        for part in (page.locator(".tx-situation"), said, page.locator(".txs-chart"), page.locator(".txs-bar")):
            expect(part).to_be_in_viewport(ratio=1)
    expect(page).to_have_url(re.compile("projector=1"))
    page.keyboard.press("f")
    expect(said).to_have_attribute("data-outcome", "safe")
    page.keyboard.press("p")
    expect(page.locator(".tx-title")).to_be_visible()


@pytest.mark.parametrize("path", ["?", *(f"{lab}?scenario={scenario}&" for lab, scenario in SCENARIOS)])
def test_no_label_is_cut_or_covered_beside_the_controls(tab: Page, path: str) -> None:
    found: dict[str, Any] = {}
    for language in ("en", "zh") if os.environ.get("TXSCOPE_STAGE") == "all" else ("zh",):
        tab.goto(f"/{path}lang={language}")
        settle(tab)
        for letters in (17, 24):
            tab.add_style_tag(content=f"html {{ font-size: {letters}px !important }}")
            for width in (900, 1280, 1920):
                tab.set_viewport_size({"width": width, "height": 1000})
                if left := seen(tab, lambda: tab.evaluate(LABELS), lambda left: not left):
                    found[f"{language} {letters} {width}"] = left
    assert found == {}


#: Where things stand, from the page's own top, however far it is scrolled.
PLACES = """() => {
  const main = document.querySelector("[data-testid=stMain]")
  const top = selector => {
    const box = document.querySelector(selector)?.getBoundingClientRect() // none while the page is made again
    return box ? Math.round(box.top + main.scrollTop) : null
  }
  const parts = { headline: ".tx-verdict", score: ".txs-chart", transport: ".txs-bar", panel: "[class*=_panel]",
                  actions: "[class*=_actions]", details: "[class*=_details]" }
  return Object.fromEntries(Object.entries(parts).map(([name, selector]) => [name, top(selector)]))
}"""
#: Whether the playhead is seen: at 900 pixels the score of a deadlock of three is wider than the page.
IN_SIGHT = """() => {
  const [frame, head] = [".txs-frame", ".txs-head"].map(each => document.querySelector(each)?.getBoundingClientRect())
  if (!frame || !head) return false // the page is made again
  return !head.width || (head.left >= frame.left && head.right <= frame.right + 1)
}"""


def placed(page: Page) -> dict[str, int | None]:
    """Where everything stands."""
    return dict(page.evaluate(PLACES))


@pytest.mark.parametrize(
    ("path", "letters", "width"),
    [
        ("/anomalies?step=1", 17, 1920),
        ("/anomalies?scenario=read_only_anomaly&level=RR&step=1&lang=zh", 24, 900),
        ("/locks?step=1&lang=zh", 17, 1280),
        ("/locks?scenario=deadlock_three&step=1", 24, 900),
    ],
)
def test_nothing_jumps_while_a_run_is_stepped_through(tab: Page, path: str, letters: int, width: int) -> None:
    page = tab
    page.set_viewport_size({"width": width, "height": 1000})
    follow(page, f".{path}")
    expect(page).to_have_url(re.compile(rf"{path.partition('?')[0]}\?(.*&)?step=1(&|$)"))
    settle(page)
    page.add_style_tag(content=f"html {{ font-size: {letters}px !important }}")
    count = page.locator(".txs-count").first
    expect(count).to_have_text(re.compile(r"^1 / "))
    steps = int((count.text_content() or "").rpartition("/")[2])
    expect(page.locator(".txs-rem").first).to_have_css("width", f"{letters}px")
    first = at_rest(page, lambda: places if None not in (places := placed(page)).values() else None)
    for step in range(1, steps + 1):
        expect(count).to_have_text(f"{step} / {steps}")
        expect(page).to_have_url(re.compile(r"step=" if step < steps else r"^(?!.*step=)"))
        page.wait_for_selector(SETTLED)
        assert seen(page, lambda: placed(page), lambda places: places == first) == first, step
        assert seen(page, lambda: bool(page.evaluate(IN_SIGHT)), bool), step
        page.keyboard.press("ArrowRight")


#: Click once all of it is there; whether the headline is seen, and how many boxes are empty, in the same frame.
LAST_STEP = """() => {
  const [said, next] = [".tx-verdict > div", "[data-act=next]"].map(each => document.querySelector(each))
  if (!said || !next || next.disabled || document.querySelectorAll(".txs-box").length !== 1) return null
  next.click()
  return [getComputedStyle(said).visibility, document.querySelectorAll(".txs-box").length]
}"""
#: Keeps what the page says at each of its changes: what passes while it is played cannot be waited for.
KEEP = """() => {
  window.kept = []
  new MutationObserver(() => {
    const said = document.querySelector(".tx-verdict > div")
    if (!said) return
    const now = [document.querySelector(".txs-count")?.textContent, getComputedStyle(said).visibility,
                 document.querySelectorAll(".txs-box").length].join(", ")
    if (kept.at(-1) !== now) kept.push(now)
  }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true })
}"""


def test_the_headline_waits_for_the_last_step_and_comes_with_its_figure(page: Page) -> None:
    page.goto("/anomalies?step=5")
    settle(page)
    said = page.locator(".tx-verdict > div")
    expect(said).to_be_hidden()
    expect(page.locator(".txs-box")).to_have_count(1)
    assert seen(page, lambda: page.evaluate(LAST_STEP), bool) == ["visible", 0]
    page.evaluate(KEEP)
    page.locator(".txs-speed").first.select_option("4")
    page.get_by_role("button", name="Play (Space)").first.click()
    expect(page.locator(".txs-count").first).to_have_text("6 / 6")
    expect(said).to_be_visible()
    kept = page.evaluate("kept")
    assert "0 / 6, hidden, 6" in kept
    assert "5 / 6, hidden, 1" in kept


#: One step on; what the panel says then, and the picture that it shows, in the same frame.
NEXT = """() => {
  const next = document.querySelector("[data-act=next]")
  const seen = each => each.checkVisibility({ visibilityProperty: true })
  const all = what => [...document.querySelectorAll(`[class*=_panel] ${what}`)]
  const shown = what => all(what).filter(seen).map(each => each.textContent)
  const [told, drawn] = ["[data-txs-at]", "[data-testid=stGraphVizChart] svg"]
  if (!next || shown(told).length !== 1 || shown(drawn).length !== 1) return null
  next.click()
  return [document.querySelector(".txs-count").textContent, shown(told), shown(drawn)]
}"""


def test_the_panel_changes_with_the_figure_in_one_frame(page: Page) -> None:
    page.goto("/locks?step=3")
    settle(page)
    count, told, drawn = seen(page, lambda: page.evaluate(NEXT), bool)
    assert count == "4 / 9"
    assert len(told) == 1
    assert "the server ended T2 in T2.give (40P01)" in told[0]
    assert len(drawn) == 1
    assert "40P01" in drawn[0]
