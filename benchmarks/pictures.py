"""`make pictures`: the README's pictures, taken from the running application in a real Chromium."""

from __future__ import annotations

import tempfile
from typing import Literal, NamedTuple

from playwright.sync_api import sync_playwright

from benchmarks.application import ROOT
from benchmarks.pages import FLAGS, app, chromium


class Picture(NamedTuple):
    """A page as it is when all of these can be seen."""

    file: str
    path: str
    #: CSS selectors
    shows: tuple[str, ...]
    scheme: Literal["light", "dark"] = "light"
    height: int = 900


_SCORE = (".txs-chart :text('from here on')", "[data-testid=stGraphVizChart] svg")
_CHART = ".txc-chart .barlayer .point"
PICTURES = (
    Picture("anomalies.png", "/anomalies", _SCORE),
    Picture("anomalies-dark.png", "/anomalies", _SCORE, "dark"),
    Picture("sessions.png", "/sessions?mix=llm_inside&requests=12&pool_timeout=0.3", (_CHART,)),
    Picture("mistakes.png", "/mistakes", (_CHART, ".tx-source"), height=1000),
)


def main() -> None:
    folder = ROOT / "docs"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tx") as data, app(data) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for picture in PICTURES:
            page = browser.new_page(viewport={"width": 1280, "height": picture.height}, color_scheme=picture.scheme)
            page.goto(url + picture.path)
            for selector in picture.shows:
                page.locator(selector).first.wait_for(timeout=60_000)
            page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
            page.screenshot(path=folder / picture.file)
            print(f"docs/{picture.file}")
        browser.close()


if __name__ == "__main__":
    main()
