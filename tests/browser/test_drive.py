"""Who drives by hand: with keys and with the mouse one step is one step, and a lost update is told with its cures."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import once_more


def move(page: Page, session: int) -> Locator:
    """The button that runs the next statement of the first session, or the second."""
    return page.locator(f".st-key-anomalies_drive_move_{session} button").first


def sent(page: Page, statements: int) -> None:
    expect(page.locator(".txs-count").first).to_have_text(f"{statements} / {statements}")


def press(page: Page, key: str) -> None:
    once_more(page).keyboard.press(key)


def press_at_once(page: Page, *keys: str) -> None:
    """All of these before the page can answer to the first."""
    once_more(page).evaluate(
        """keys => keys.map(key => new KeyboardEvent("keydown", { key, bubbles: true, composed: true }))
          .forEach(event => document.body.dispatchEvent(event))""",
        list(keys),
    )


@pytest.fixture
def wheel(page: Page) -> Page:
    page.goto("/anomalies?mode=drive")
    move(page, 1).wait_for()
    return page


def test_an_update_is_lost_with_two_keys_and_the_other_levels_stand_beside_it(wheel: Page) -> None:
    expect(wheel.locator(".tx-goal")).to_contain_text("Try to lose an update")
    press_at_once(wheel, "a", "l")  # the second waits for the page that is made of the first, and is not lost
    sent(wheel, 2)
    press_at_once(wheel, "l", "l")  # what T2 writes was seen, what follows was not: one step
    sent(wheel, 3)
    expect(move(wheel, 2)).to_have_text("COMMIT")
    press(wheel, "a")
    expect(wheel.locator(".st-key-anomalies_drive_move_1")).to_contain_text("T1 waits in T1.write for T2.")
    press(wheel, "a")  # there is nothing to press
    sent(wheel, 4)
    press(wheel, "u")
    sent(wheel, 3)
    press(wheel, "a")
    sent(wheel, 4)
    press(wheel, "l")
    expect(move(wheel, 1)).to_have_text("COMMIT")
    expect(wheel.locator("[data-reached]")).to_have_count(0)
    press(wheel, "a")
    expect(wheel.locator("[data-reached=yes]")).to_be_visible()
    expect(wheel.locator(".tx-verdict")).to_contain_text("120 is stored, 150 expected")
    there = wheel.locator(".tx-elsewhere a")
    expect(there).to_have_count(2)
    for level in range(2):
        expect(there.nth(level)).to_have_attribute("data-outcome", "retried")
    there.first.click()
    expect(wheel).to_have_url(re.compile("level=RR.*order="))
    expect(wheel.locator(".tx-verdict")).to_have_attribute("data-outcome", "retried")
    expect(wheel.get_by_role("radio", name="Run the schedule")).to_be_checked()


def test_a_double_click_is_one_step_and_letters_that_are_typed_are_none(wheel: Page) -> None:
    move(wheel, 1).dblclick()
    sent(wheel, 1)
    expect(move(wheel, 1)).to_contain_text("wallet 1: balance = 100 + 20")
    wheel.get_by_role("combobox", name="Scenario").click()
    wheel.keyboard.type("al")
    wheel.keyboard.press("Escape")
    move(wheel, 1).focus()
    press(wheel, "Enter")
    expect(move(wheel, 1)).to_have_text("COMMIT")
    expect(move(wheel, 1)).to_be_focused()
    sent(wheel, 2)
