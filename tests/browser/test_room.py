"""A visitor with a telephone comes into a room over the network, and is sent out when the next group comes."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.ui.app.web.lan import lan_addresses
from simulator.ui.app.web.presenter import ask_for_reset
from tests.browser.conftest import PATIENCE_MS, seen
from tests.integration.rooms import PASSPHRASE, opened_room

WIDTH = 360
WIDE = "document.documentElement.scrollWidth"
#: what Chromium says of the page that asks for the passphrase and where a script comes late, and what it and Streamlit
#: say of a connection that was closed
MEANT = (
    "401 (Unauthorized)",
    "was preloaded using link preload but not used within a few seconds",
    "WebSocket onclose: code=4001",
    "WebSocket is already in CLOSING or CLOSED state",
    # d3-graphviz draws without a worker
    "Not using web worker",
)


def guess(page: Page, text: str) -> None:
    page.get_by_role("textbox").fill(text)
    page.get_by_role("button").click()


def test_a_visitor_gives_the_passphrase_looks_around_and_is_sent_out(
    browser: Browser, server: EmbeddedServer, data_folder: Path
) -> None:
    address = next(iter(lan_addresses()), "127.0.0.1")
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(known in message.text for known in MEANT):
            complaints.append(message.text)

    with opened_room(data_folder, {}) as room:
        context = browser.new_context(viewport={"width": WIDTH, "height": 640}, is_mobile=True, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", heard)
        page.goto(f"http://{address}:{room.port}/locks?scenario=nowait&mode=drive")
        expect(page.get_by_text("The presenter has it.")).to_be_visible()
        expect(page.get_by_text("可向主讲人询问")).to_be_visible()
        # Where something is wider, a telephone shows more: its own width says nothing.
        assert seen(page, lambda: int(page.evaluate(WIDE)), lambda wide: wide <= WIDTH) <= WIDTH
        guess(page, "rose")
        expect(page.get_by_role("alert")).to_contain_text("口令不对")
        guess(page, f"{PASSPHRASE.title()} ")
        page.locator(".st-key-locks_drive_move_1 button").click()
        expect(page.locator(".txs-count").first).to_have_text("1 / 1")
        expect(page).to_have_url(re.compile(rf"http://{re.escape(address)}:{room.port}/locks\?scenario=nowait"))
        reset = ask_for_reset(room.port, room.environ)
        assert (reset.pages, reset.live_runs) == (1, 1)
        expect(page.get_by_text("The presenter has it.")).to_be_visible()
        expect(page).to_have_url(f"http://{address}:{room.port}/")
        context.close()
    assert complaints == []
