"""What a person does on the Locks page: drives a deadlock by hand to its victim, steps through one, leaves a tab."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import settle


def drive(page: Page) -> None:
    """Open the page and take the wheel."""
    page.goto("/locks")
    settle(page)
    page.get_by_role("radio", name="Drive it yourself").click()
    expect(page.locator(".st-key-drive_T1_next button")).to_be_enabled()


def press(page: Page, session: str, statements: int) -> None:
    """Click the session's next statement; the score has so many afterwards."""
    page.locator(f".st-key-drive_{session}_next button").click()
    expect(page.locator(".txs-count").first).to_have_text(f"{statements} / {statements}")


def state(page: Page, session: str, is_now: str) -> None:
    column = page.locator("[data-testid=stColumn]", has=page.locator(f".st-key-drive_{session}_next"))
    expect(column.locator("[data-state]").first).to_have_attribute("data-state", is_now)


def test_a_deadlock_is_driven_by_hand_to_its_victim(page: Page) -> None:
    drive(page)
    press(page, "T1", 1)
    press(page, "T2", 2)
    press(page, "T1", 3)
    state(page, "T1", "waiting")
    expect(page.get_by_text("T1 waits in T1.give for T2.")).to_be_visible()
    expect(page.locator(".st-key-drive_T1_next button")).to_be_disabled()
    press(page, "T2", 4)
    state(page, "T2", "ended")
    state(page, "T1", "open")
    expect(page.get_by_text("The server aborted this transaction (40P01).")).to_be_visible()
    expect(page.locator(".tx-deadlock")).to_contain_text("the server ended T2 in T2.give (40P01)")
    expect(page.locator("[data-testid=stGraphVizChart] svg")).to_be_visible()
    for number, session in enumerate(["T1", "T2", "T2", "T2"], 5):
        press(page, session, number)
    expect(page.locator(".tx-verdict")).to_have_attribute("data-outcome", "retried")


def test_a_deadlock_is_counted_down_while_it_is_played(page: Page) -> None:
    page.goto("/locks?step=3")
    settle(page)
    page.get_by_role("button", name="Play (Space)").click()
    counted = page.locator(".tx-countdown")
    expect(counted).to_contain_text("slowed")
    # Playing stays here until the bar has run down.
    page.wait_for_function(
        """() => {
          const bar = document.querySelector(".tx-run span")?.getAnimations({ subtree: true })[0]
          return bar?.playState === "finished"
        }"""
    )
    expect(page.locator(".txs-count").first).to_have_text("4 / 9")
    expect(counted.locator("li").last).to_have_css("opacity", "1")
    expect(page.locator(".txs-count").first).to_have_text("5 / 9")
    expect(counted).to_have_count(0)


def test_a_link_opens_with_the_person_at_the_wheel_and_the_address_says_so(page: Page) -> None:
    page.goto("/locks?scenario=deadlock_three&mode=drive")
    press(page, "T3", 1)
    expect(page).to_have_url(re.compile(r"scenario=deadlock_three.*mode=drive"))
    page.get_by_role("radio", name="Run the schedule").click()
    expect(page.locator(".tx-verdict")).to_be_visible()
    expect(page).not_to_have_url(re.compile(r"mode="))


def test_a_deadlock_that_has_run_is_stepped_through(page: Page) -> None:
    page.goto("/locks?step=3")
    settle(page)
    expect(page.locator(".tx-waits").first).to_contain_text("T1 waits for T2")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tx-deadlock")).to_contain_text("the server ended T2 in T2.give (40P01)")
    expect(page).to_have_url(re.compile(r"step=4"))
    page.get_by_role("button", name="Fix it and run again").click()
    expect(page.locator(".tx-verdict")).to_have_attribute("data-outcome", "safe")


def test_a_tab_that_is_closed_leaves_nothing_on_the_server(page: Page, browser: Browser, url: str) -> None:
    context = browser.new_context(base_url=url)
    abandoned = context.new_page()
    drive(abandoned)
    press(abandoned, "T1", 1)
    press(abandoned, "T2", 2)
    press(abandoned, "T1", 3)
    page.goto("/locks")
    settle(page)
    page.get_by_role("tab", name="Watch live").click()
    expect(page.locator(".tx-tree").first).to_contain_text("T2")
    context.close()
    expect(page.get_by_text("No run has a session at this moment.")).to_be_visible()
    page.goto("/")
    settle(page)
    expect(page.get_by_text("0 runs going on")).to_be_visible()
