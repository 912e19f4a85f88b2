"""A real browser on a real server: one server for all tests, a new visitor for each test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    FloatRect,
    Locator,
    Page,
    expect,
    sync_playwright,
)

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "No Chromium was found, so nothing was seen of the pages. Install one (Debian, Ubuntu: "
    "`apt-get install chromium fonts-noto-cjk fonts-noto-color-emoji`) and run `make test` again."
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
#: Streamlit's own mark that the script has run to its end.
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"
#: What anything on a page may take on a slow and busy machine, or one that is slower still; only what fails takes as
#: long.
PATIENCE_MS = int(os.environ.get("TXSCOPE_PATIENCE_MS", "30000"))
#: A look at a page and the next; so many that show the same are a page at rest.
LOOK_MS, LOOKS = 50, 4
#: What comes sooner after a step of the same session is the second half of a double click, as keys.js says.
DOUBLE_MS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(10 * PATIENCE_MS / 1000))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path; without one the tests are skipped, and fail where CI is set."""
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    return found


@pytest.fixture(scope="session")
def url(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the application answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("app") / "log.txt"
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environ["TXSCOPE_DATA"] = str(tmp_path_factory.mktemp("data"))
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"],
            cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"The application did not start:\n{log.read_text(errors='replace')}")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium a module: Playwright's event loop must be gone before other tests want one of their own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=4 * PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(browser: Browser, url: str) -> Iterator[BrowserContext]:
    """One browser a module: to fetch and compile the pages' scripts anew takes longer than most tests do."""
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@contextmanager
def new_visitor(context: BrowserContext, url: str) -> Iterator[Page]:
    """A page of whom the browser knows nothing; what it complains about fails the test, as does a request elsewhere."""
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    page = context.new_page()
    forget = {"origin": url, "storageTypes": "cookies,local_storage,indexeddb"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", forget)
    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((url, url.replace("http", "ws", 1), "data:", "blob:"))
            else complaints.append(f"leaves this machine: {request.url}")
        ),
    )
    yield page
    page.close()
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext, url: str) -> Iterator[Page]:
    """A new visitor."""
    with new_visitor(context, url) as page:
        yield page


def settle(page: Page) -> None:
    """Wait until the page's script has run and the score is painted."""
    page.wait_for_selector(SETTLED)
    page.wait_for_selector(".txs-chart .barlayer .point path")


def follow(page: Page, link: str) -> None:
    """Click on a link to one of the pages, such as `./locks?scenario=deadlock`: that loads nothing anew."""
    page.evaluate(
        """link => {
          const made = Object.assign(document.createElement("a"), { className: "tx-open", href: link })
          document.body.append(made)
          made.click()
          made.remove()
        }""",
        link,
    )


def once_more(page: Page) -> Page:
    """The page, as soon as a press is a step of its own, whatever was pressed before."""
    page.evaluate("ms => new Promise(done => setTimeout(done, ms))", DOUBLE_MS + 1)
    return page


def seen(page: Page, look: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """What `look` shows once it is as wanted, for what `expect` has no words for; the last look, where it never is.

    A page may be made anew once more after a load or a click: a look at one moment of it tells nothing.
    """
    until = time.monotonic() + PATIENCE_MS / 1000
    while not wanted(found := look()) and time.monotonic() < until:
        page.wait_for_timeout(LOOK_MS)
    return found


def at_rest(page: Page, look: Callable[[], T]) -> T:
    """What `look` shows once it no longer changes and is not None, on a page whose script has run."""
    looks: list[T] = []

    def unchanged(found: T) -> bool:
        if looks and looks[-1] != found:
            looks.clear()
        looks.append(found)
        return found is not None and len(looks) >= LOOKS

    page.wait_for_selector(SETTLED)
    return seen(page, look, unchanged)


def box_of(page: Page, locator: Locator) -> FloatRect:
    """Where it stands in the window once it no longer moves."""
    locator.wait_for(state="attached")
    box = at_rest(page, locator.bounding_box)
    assert box is not None
    return box


def click_middle(page: Page, locator: Locator) -> None:
    """Click on what lies over the middle of it, as a person does who sees it through a layer of the chart's."""
    box = box_of(page, locator)
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def fits(page: Page) -> None:
    """Nothing of the page lies beyond the window's side."""
    beyond = "document.documentElement.scrollWidth - window.innerWidth"
    assert seen(page, lambda: int(page.evaluate(beyond)), lambda beyond: beyond <= 1) <= 1
