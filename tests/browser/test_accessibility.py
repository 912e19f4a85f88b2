"""What axe-core finds on the pages, light and dark: nothing serious in what Txscope draws.

Streamlit's own, as of 1.67: a file uploader's drop zone has a role that conflicts with its being focusable
(`[data-testid=stFileUploaderDropzone]`, presentation-role-conflict, minor). What of Streamlit's was serious, white
letters on a dark page's light blue and the colours of `st.code`, is mended in style.css.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import PATIENCE_MS, SETTLED

SERIOUS = ("serious", "critical")
LIGHT = {
    "/": ".tx-verdict",
    "/anomalies?step=4": ".tx-answer",
    "/locks?step=3": ".tx-locks, .tx-waits-graph",
    "/learn?q=MissingGreenlet": ".tx-learn-found",
    "/learn?chapter=core&teacher=1&at=box-add": ".tx-learn-claims",
    "/learn?chapter=basics&at=six": ".tx-box-now",
    "/learn?chapter=snippets": ".tx-learn-seen",
}
DARK = {
    **LIGHT,
    "/?step=3&lang=zh": ".tx-caption",
    "/anomalies?mode=drive": ".tx-script",
    "/locks?step=3&projector=1": ".tx-verdict",
    "/matrix": ".tx-hermitage td",
    "/sessions": ".tx-boxes",
    "/mistakes": ".tx-mistake-verdict",
    "/fastapi": ".tx-order",
    "/application": "[data-testid=stFileUploader]",
    "/sessions?mix=llm_inside&requests=12&pool_size=2&max_overflow=0&pool_timeout=0.5": "[class*=finding_light]",
    "/learn?chapter=creation&at=pool": ".tx-learn-task",
    "/learn?chapter=transactions&present=1&screen=3": ".st-key-learn_stage",
    "/learn?interview=1": "[role=radiogroup]",
}
#: Each page with what has to be seen on it before it is looked at.
PAGES = [("light", *page) for page in LIGHT.items()] + [("dark", *page) for page in DARK.items()]


class Found(NamedTuple):
    """One element that breaks a rule."""

    rule: str
    selector: str
    html: str
    why: str


@pytest.fixture(scope="module")
def reader(browser: Browser, url: str) -> Iterator[Page]:
    """A visitor whose browser lets axe-core's text be evaluated, which the pages' own policy forbids."""
    size = {"width": 1280, "height": 800}
    context = browser.new_context(base_url=url, viewport=size, locale="en-US", reduced_motion="reduce", bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


def serious(page: Page) -> list[Found]:
    """Whatever is serious or worse on the page as it is now."""
    return [
        Found(rule["id"], str(node["target"]), node["html"][:200], node["failureSummary"][:300])
        for rule in Axe().run(page).response["violations"]
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize(("theme", "path", "seen"), PAGES)
def test_nothing_serious_is_found(reader: Page, theme: Literal["light", "dark"], path: str, seen: str) -> None:
    reader.emulate_media(color_scheme=theme)
    reader.goto(path)
    reader.locator(seen).filter(visible=True).first.wait_for()
    reader.wait_for_selector(SETTLED)
    assert serious(reader) == []


def test_nothing_serious_is_found_in_the_list_of_scenarios(reader: Page) -> None:
    reader.emulate_media(color_scheme="dark")
    reader.goto("/anomalies")
    reader.locator(".tx-verdict").wait_for()
    reader.locator(".st-key-anomalies_scenarios button").click()
    reader.locator(".tx-search").wait_for()
    assert serious(reader) == []
