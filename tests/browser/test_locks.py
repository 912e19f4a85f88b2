"""What a person does on the Locks page: drives a deadlock by hand to its victim, steps through one, leaves a tab."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import once_more, seen, settle

#: Keeps what the score counts and which animations end: what passes while a run is played cannot be waited for.
KEEP = """() => {
  window.kept = []
  const keep = what => { if (kept.at(-1) !== what) kept.push(what) }
  new MutationObserver(() => keep(document.querySelector(".txs-count")?.textContent))
    .observe(document.body, { subtree: true, childList: true, characterData: true })
  document.addEventListener("animationend", event => {
    if (event.target.matches(".tx-run span")) keep("the bar")
    if (event.target.matches(".tx-countdown li:last-child")) keep("the last moment")
  })
}"""


def drive(page: Page) -> None:
    """Open the page and take the wheel."""
    page.goto("/locks")
    settle(page)
    page.get_by_role("radio", name="Drive it yourself").click()
    expect(page.locator(".st-key-locks_drive_move_1 button")).to_be_enabled()


def press(page: Page, session: str, statements: int) -> None:
    """Click the session's next statement; the score has so many afterwards."""
    button = once_more(page).locator(f".st-key-locks_drive_move_{session[1:]} button")
    expect(button).to_have_count(1)  # what the step before left on the page is gone
    button.click()
    expect(page.locator(".txs-count").first).to_have_text(f"{statements} / {statements}")


def state(page: Page, session: str, is_now: str) -> None:
    column = page.locator("[data-testid=stColumn]", has=page.locator(f".st-key-locks_drive_move_{session[1:]}"))
    expect(column.locator("[data-state]").first).to_have_attribute("data-state", is_now)


def test_a_deadlock_is_driven_by_hand_to_its_victim(page: Page) -> None:
    drive(page)
    press(page, "T1", 1)
    press(page, "T2", 2)
    press(page, "T1", 3)
    state(page, "T1", "waiting")
    expect(page.get_by_text("T1 waits in T1.give for T2.")).to_be_visible()
    expect(page.locator(".st-key-locks_drive_move_1 button")).to_have_count(0)
    press(page, "T2", 4)
    state(page, "T2", "ended")
    state(page, "T1", "open")
    expect(page.locator(".tx-because").first).to_contain_text("The server aborted this transaction (40P01).")
    expect(page.locator("[data-reached=yes]")).to_be_visible()
    expect(page.locator(".tx-deadlock")).to_contain_text("the server ended T2 in T2.give (40P01)")
    expect(page.locator("[data-testid=stGraphVizChart] svg")).to_be_visible()
    for number, session in enumerate(["T1", "T2", "T2", "T2"], 5):
        press(page, session, number)
    expect(page.locator(".tx-verdict")).to_have_attribute("data-outcome", "retried")


def test_a_deadlock_that_has_run_is_stepped_through_and_counted_down_while_it_is_played(page: Page) -> None:
    page.goto("/locks?step=3")
    settle(page)
    expect(page.locator(".tx-waits:visible").first).to_contain_text(
        "T1 holds wallet 1 and wants wallet 2, which T2 holds"
    )
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tx-deadlock")).to_contain_text("the server ended T2 in T2.give (40P01)")
    expect(page).to_have_url(re.compile(r"step=4"))
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"step=3"))
    page.evaluate(KEEP)
    page.get_by_role("button", name="Play (Space)").click()
    said = seen(page, lambda: list(page.evaluate("kept")), lambda said: "5 / 9" in said)
    # Playing stays here until the bar has run down and the last moment is told.
    here = said[said.index("4 / 9") : said.index("5 / 9")]
    assert {"the bar", "the last moment"} <= set(here), said
    expect(page.locator(".tx-countdown")).to_be_hidden()
    page.get_by_role("button", name="Fix it and run again").click()
    expect(page.locator(".tx-verdict")).to_have_attribute("data-outcome", "safe")


def test_a_link_opens_with_the_person_at_the_wheel_and_the_address_says_so(page: Page) -> None:
    page.goto("/locks?scenario=deadlock_three&mode=drive")
    press(page, "T3", 1)
    expect(page).to_have_url(re.compile(r"scenario=deadlock_three.*mode=drive"))
    page.get_by_role("radio", name="Run the schedule").click()
    expect(page.locator(".tx-verdict")).to_be_visible()
    expect(page).not_to_have_url(re.compile(r"mode="))


def test_a_tab_that_is_closed_leaves_nothing_on_the_server(page: Page) -> None:
    abandoned = page.context.new_page()
    drive(abandoned)
    press(abandoned, "T1", 1)
    press(abandoned, "T2", 2)
    press(abandoned, "T1", 3)
    page.goto("/locks")
    settle(page)
    page.get_by_role("tab", name="Watch live").click()
    expect(page.locator(".tx-tree").first).to_contain_text("T2")
    abandoned.close()
    expect(page.get_by_text("No run has a session at this moment.")).to_be_visible()
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_text("0 runs going on")).to_be_visible()
