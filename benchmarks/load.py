"""Fifty concurrent requests on a pool of five: run and recorded, and painted in a real Chromium."""

from __future__ import annotations

import tempfile
import time

from playwright.sync_api import sync_playwright

from benchmarks.measure import report, server
from benchmarks.pages import FLAGS, app, chromium
from simulator.labs.sessions.catalogue import mix
from simulator.labs.sessions.load import Load, run_load
from simulator.labs.sessions.settings import Settings

FIFTY = Load(mix("working_day"), requests=50, llm_s=0.2, settings=Settings(pool_size=5, max_overflow=0))

#: Click and wait, frame by frame, until the chart has been drawn once more.
CLICK = """
() => new Promise((resolve, reject) => {
  const drawn = () => Number(document.querySelector(".st-key-sessions_lanes_chart .txc")?.dataset.drawn ?? 0)
  const button = [...document.querySelectorAll("[class*=st-key-sessions_run] button")][0]
  const before = drawn()
  const began = performance.now()
  button.click()
  const look = () => {
    if (drawn() > before) requestAnimationFrame(() => resolve(performance.now() - began))
    else if (performance.now() - began > 30000) reject(new Error("nothing was drawn"))
    else requestAnimationFrame(look)
  }
  look()
})
"""
BARS = "() => document.querySelectorAll('.st-key-sessions_lanes_chart .barlayer .point path').length"


def main(repeats: int = 15) -> bool:
    with server() as engine:
        times, events = [], 0
        for _ in range(repeats):
            began = time.perf_counter()
            result = run_load(engine, FIFTY)
            times.append((time.perf_counter() - began) * 1000)
            events = len(result.history.events)
    print(f"50 requests, pool of 5: {events} events")
    report("50 requests run and recorded", times)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="tx") as data, app(data) as url:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{url}/sessions?requests=50&pool_size=5&max_overflow=0&pool_timeout=30")
        page.locator(".txc-chart .main-svg").first.wait_for(timeout=60_000)
        painted = [page.evaluate(CLICK) for _ in range(repeats)]
        bars = page.evaluate(BARS)
        print(f"bars drawn: {bars}")
        browser.close()
    report("click to 50 requests painted", painted)
    return bool(bars <= 1000)
