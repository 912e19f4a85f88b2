"""What a person does on the Mistakes page: sees a silent one, clicks a bar, opens the demonstration of a sign."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from simulator.labs.mistakes.catalogue import find
from tests.browser.conftest import SETTLED, click_middle, seen

SILENT = "shared_commit_lost"


def copied(page: Page) -> str:
    """What somebody copies who selects the whole of the mistake's code."""
    return str(
        page.locator(".tx-source-mistake").evaluate(
            "box => { getSelection().selectAllChildren(box); return getSelection().toString() }"
        )
    )


def test_a_silent_mistake_says_that_all_was_well_and_nothing_is_stored_and_a_sign_opens_another(page: Page) -> None:
    page.goto("/mistakes")
    page.wait_for_selector(SETTLED)
    expect(page.locator("[data-verdict=silent]")).to_contain_text("Everybody was told 200.")
    wrong, right = page.locator(".tx-mistake-wrong"), page.locator(".tx-mistake-right")
    expect(wrong.locator("b").nth(0)).to_have_text("2 × 200")
    expect(wrong.locator("b").nth(1)).to_have_text("⚠ 0")
    expect(right.locator("b").nth(1)).to_have_text("1")
    marked = page.locator(".tx-source-mistake .tx-source-marked")
    expect(marked).to_have_count(1)
    expect(marked).to_have_text(find(SILENT).mistake.decisive)
    colour = marked.evaluate("line => getComputedStyle(line).backgroundColor")
    plain = page.locator(".tx-source-mistake .tx-source-line").first.evaluate(
        "line => getComputedStyle(line).backgroundColor"
    )
    assert colour != plain
    assert seen(page, lambda: copied(page), bool).split("\n")[0].strip() == "class TidyShared:"
    assert "▶" not in copied(page)
    page.get_by_role("link", name="Which of these is in my code?").click()
    page.locator(".st-key-lint_sign_0 button").click()
    expect(page).to_have_url(re.compile("mistake=commit_after_yield"))
    expect(page.locator("[data-verdict=silent]")).to_contain_text("Told with the fix: 1 × 500.")
    expect(page.locator("[data-verdict=silent]")).to_be_in_viewport()


def test_a_click_on_a_bar_tells_what_it_stands_for(page: Page) -> None:
    page.goto("/mistakes?mistake=deadlock_order")
    page.wait_for_selector(SETTLED)
    bars = page.locator(".st-key-mistakes_wrong_deadlock_order .txc[data-drawn] .barlayer .point path")
    click_middle(page, bars.last)
    expect(page.locator(".tx-bar")).to_contain_text("ms")
