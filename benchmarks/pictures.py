"""`make pictures`: the README's pictures, taken from the running application in a real Chromium."""

from __future__ import annotations

import tempfile

from playwright.sync_api import sync_playwright

from benchmarks.pages import FLAGS, ROOT, app, chromium

#: file -> (path, colour scheme)
PICTURES = {"anomalies.png": ("/anomalies", "light"), "anomalies-dark.png": ("/anomalies", "dark")}


def main() -> None:
    folder = ROOT / "docs"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tx") as data, app(data) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for name, (path, scheme) in PICTURES.items():
            page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(url + path)
            page.get_by_text("from here on").first.wait_for(timeout=60_000)
            page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
            page.locator("[data-testid=stGraphVizChart] svg").first.wait_for()
            page.screenshot(path=folder / name)
            print(f"docs/{name}")
        browser.close()


if __name__ == "__main__":
    main()
