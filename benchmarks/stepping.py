"""Arrow keys through a run of 20 steps in a real Chromium, the state panel open: how soon everything is repainted, and
that nothing flickers, is built anew or loses its zoom."""

from __future__ import annotations

import tempfile
from typing import Any

from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks.measure import report
from benchmarks.pages import FLAGS, app, chromium

LIMIT_MS = 200.0
STEPS = 20

SCENARIO = """
key = "twenty"
title = "Twenty steps"
family = "locks"
order = 1
levels = ["RC"]
story = "Three sessions change their own rows and wait for each other's."
setup = "CREATE TABLE item (id int PRIMARY KEY, value int); INSERT INTO item SELECT i, 0 FROM generate_series(1, 4) i;"
[[variants]]
key = "naive"
title = "Crossing"
schedule = [
  "T1.a", "T2.a", "T3.a", "T1.b", "T2.b", "T3.b", "T1.c", "T2.wait", "T1.d", "T1.commit",
  "T2.c", "T3.wait", "T2.d", "T2.commit", "T3.c", "T3.d", "T3.e", "T3.f", "T3.g", "T3.commit",
]
expect = { RC = "safe" }
sessions.T1 = [
  { name = "a", sql = "UPDATE item SET value = 1 WHERE id = 1" },
  { name = "b", sql = "UPDATE item SET value = 4 WHERE id = 1" },
  { name = "c", sql = "UPDATE item SET value = 7 WHERE id = 4" },
  { name = "d", sql = "UPDATE item SET value = 9 WHERE id = 1" },
  { name = "commit", sql = "COMMIT" },
]
sessions.T2 = [
  { name = "a", sql = "UPDATE item SET value = 2 WHERE id = 2" },
  { name = "b", sql = "UPDATE item SET value = 5 WHERE id = 2" },
  { name = "wait", sql = "UPDATE item SET value = 8 WHERE id = 4" },
  { name = "c", sql = "UPDATE item SET value = 11 WHERE id = 2" },
  { name = "d", sql = "UPDATE item SET value = 13 WHERE id = 2" },
  { name = "commit", sql = "COMMIT" },
]
sessions.T3 = [
  { name = "a", sql = "UPDATE item SET value = 3 WHERE id = 3" },
  { name = "b", sql = "UPDATE item SET value = 6 WHERE id = 3" },
  { name = "wait", sql = "UPDATE item SET value = 12 WHERE id = 2" },
  { name = "c", sql = "UPDATE item SET value = 15 WHERE id = 3" },
  { name = "d", sql = "UPDATE item SET value = 16 WHERE id = 3" },
  { name = "e", sql = "UPDATE item SET value = 17 WHERE id = 3" },
  { name = "f", sql = "UPDATE item SET value = 18 WHERE id = 3" },
  { name = "g", sql = "UPDATE item SET value = 19 WHERE id = 3" },
  { name = "commit", sql = "COMMIT" },
]
"""

#: Watches every frame: the picture must be the same node with its bars, and the panel must never be empty.
WATCH = """
() => {
  const chart = document.querySelector(".txs-chart"), svg = chart.querySelector(".main-svg")
  const panel = () => document.querySelector("[class*=_run_state]")
  const bars = () => chart.querySelectorAll(".barlayer .point").length
  const whole = bars()
  const seen = { frames: 0, blank: 0, remounts: 0, emptyPanels: 0, changed: 0, key: 0, score: 0 }
  window.bench = seen
  const count = document.querySelector(".txs-count")
  const board = panel().closest("[data-testid=stHorizontalBlock]")
  new MutationObserver(() => { seen.changed = performance.now() })
    .observe(board, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["d"] })
  document.addEventListener("keydown", () => {
    Object.assign(seen, { key: performance.now(), score: 0, text: count.textContent })
  }, true)
  const frame = () => {
    seen.frames += 1
    const now = document.querySelector(".txs-chart")
    if (now !== chart || chart.querySelector(".main-svg") !== svg) seen.remounts += 1
    if (bars() < whole || !svg.getBoundingClientRect().width) seen.blank += 1
    if (!panel()?.innerText.trim()) seen.emptyPanels += 1
    if (seen.key && !seen.score && count.textContent !== seen.text) seen.score = performance.now()
    requestAnimationFrame(frame)
  }
  frame()
}
"""

#: Once nothing below the score has changed for a while and the script is at rest: [score, panel] in ms after the key.
RESULT = """
() => new Promise(resolve => {
  const seen = window.bench
  const look = () => {
    const rests = document.querySelector("[data-testid=stApp]").dataset.testScriptState === "notRunning"
    const { key, score, changed } = seen
    const quiet = performance.now() - Math.max(changed, key) > 400
    if (rests && quiet && score && changed > key) resolve([score - key, changed - key])
    else if (performance.now() - key > 10000) resolve(null)
    else requestAnimationFrame(look)
  }
  look()
})
"""

RANGE = "() => [...document.querySelector('.txs-chart')._fullLayout.xaxis.range]"


def main(rounds: int = 2) -> bool:
    with tempfile.TemporaryDirectory(prefix="tx") as data, app(data) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        _open(page, url)
        reached = [_tab(page, title, rounds) for title in ("Who waits", "Locks", "Rows", "Row versions")]
        browser.close()
    return all(reached)


def _open(page: Page, url: str) -> None:
    """The Locks page with the scenario loaded as anybody loads their own."""
    page.goto(f"{url}/locks")
    _settled(page)
    page.get_by_role("tab", name="Your own scenario").click()
    text = page.get_by_label("Scenario", exact=True).and_(page.locator("textarea"))
    text.fill(SCENARIO)
    text.press("Control+Enter")
    _settled(page)
    page.get_by_role("button", name="Run this text").click()
    page.get_by_text(f"{STEPS} / ").first.wait_for()
    _settled(page)


def _tab(page: Page, title: str, rounds: int) -> bool:
    _panel(page).get_by_role("tab", name=title, exact=True).click()
    _settled(page)
    _zoom(page)
    _first(page)
    page.evaluate(WATCH)
    shown = page.evaluate(RANGE)
    score, panel = [], []
    for _ in range(rounds):
        for _ in range(STEPS - 1):
            page.keyboard.press("ArrowRight")
            measured = page.evaluate(RESULT)
            assert measured is not None, f"{title}: nothing was repainted"
            score.append(measured[0])
            panel.append(measured[1])
        _first(page)
    seen: dict[str, Any] = page.evaluate("window.bench")
    kept = page.evaluate(RANGE) == shown
    page.evaluate("document.querySelector('[data-act=reset]').click()")
    p95 = sorted(panel)[int(len(panel) * 0.95)]
    whole = not (seen["blank"] or seen["remounts"] or seen["emptyPanels"])
    print(
        f"{title}: zoom {'kept' if kept else 'LOST'}; of {seen['frames']} frames {seen['blank']} without the whole "
        f"picture, {seen['remounts']} with another one, {seen['emptyPanels']} with an empty panel; "
        f"panel p95 {p95:.0f} ms"
    )
    return all(
        (
            report(f"arrow key to score, {title}", score, LIMIT_MS),
            report(f"arrow key to state panel, {title}", panel, LIMIT_MS),
            kept,
            whole,
        )
    )


def _panel(page: Page) -> Locator:
    return page.locator("[class*=_run_state]")


def _zoom(page: Page) -> None:
    """By the mouse, over the middle of the plot."""
    box = page.locator(".txs-chart .nsewdrag").first.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 150, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, y, steps=5)
    page.mouse.up()
    page.locator("[data-act=reset]").wait_for()


def _first(page: Page) -> None:
    page.evaluate("document.querySelector('[data-act=first]').click()")
    page.get_by_text("1 / ").first.wait_for()
    _settled(page)
    page.wait_for_timeout(500)


def _settled(page: Page) -> None:
    page.wait_for_timeout(200)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
