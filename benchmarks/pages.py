"""What a person waits for, in a real Chromium: from the command to the first timeline, from a click to the next one."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from benchmarks.application import application
from benchmarks.measure import report

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

#: Click a level and wait, frame by frame, until the score shows what only the new run can show.
CLICK = """
([level, shown]) => new Promise((resolve, reject) => {
  const chart = () => document.querySelector(".txs-chart")
  const button = [...document.querySelectorAll("button")].find(b => b.innerText.trim() === level)
  const began = performance.now()
  button.click()
  const look = () => {
    if (chart()?.textContent.includes(shown)) requestAnimationFrame(() => resolve(performance.now() - began))
    else if (performance.now() - began > 20000) reject(new Error(`${shown} did not appear`))
    else requestAnimationFrame(look)
  }
  look()
})
"""


def main(starts: int = 5, clicks: int = 30) -> bool:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        first, later = [], []
        for _ in range(starts):
            with tempfile.TemporaryDirectory(prefix="tx") as data:
                first.append(_start(browser.new_page(), data))
                later.append(_start(browser.new_page(), data))
        reached = [
            report("very first start to painted timeline", first, 10_000),
            report("streamlit run to painted timeline", later, 6_000),
        ]
        with tempfile.TemporaryDirectory(prefix="tx") as data, app(data) as url:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            _open(page, f"{url}/anomalies")
            page.get_by_text("COMMIT").first.wait_for()
            times = []
            for _ in range(clicks):
                times.append(page.evaluate(CLICK, ["REPEATABLE READ", "40001"]))
                times.append(page.evaluate(CLICK, ["READ COMMITTED", "from here on"]))
            reached.append(report("click to painted timeline", times, 400))
        browser.close()
    return all(reached)


def chromium() -> str:
    """The Chromium on this machine. Raises SystemExit saying what to install."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        raise SystemExit("A Chromium is needed; install one (Debian: apt-get install chromium).")
    return found


@contextmanager
def app(data: str, *options: str) -> Iterator[str]:
    """The application on a free port with its data in this folder; its address once it answers."""
    with application(data, *options) as running:
        yield running.url


def _start(page: Page, data: str) -> float:
    began = time.monotonic()
    with app(data) as url:
        _open(page, url)
        milliseconds = (time.monotonic() - began) * 1000
        page.close()
    return milliseconds


def _open(page: Page, url: str) -> None:
    page.goto(url)
    page.locator(".txs-chart .main-svg").first.wait_for(timeout=60_000)
    page.get_by_text("from here on").first.wait_for(timeout=60_000)
