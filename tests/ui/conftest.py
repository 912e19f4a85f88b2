"""Pages without a browser: each test is a person who comes for the first time, on the tests' own server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from simulator.engines.embedded import EmbeddedServer
from simulator.ui.manager import manager

APP = Path(__file__).parents[2] / "app.py"

Opener = Callable[..., AppTest]
_init = PagesManager.__init__


def _as_the_server_makes_it(self: PagesManager, *arguments: Any, **named: Any) -> None:
    """AppTest forgets before each run what `simulator.ui.server` told Streamlit about pages/, and bypasses app.py."""
    PagesManager.uses_pages_directory = False
    _init(self, *arguments, **named)


@pytest.fixture
def fresh_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The application as if it had just been started."""
    manager.cache_clear()
    monkeypatch.setattr(PagesManager, "__init__", _as_the_server_makes_it)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    yield
    manager().stop()
    manager.cache_clear()


@pytest.fixture
def open_page(
    fresh_manager: None, server: EmbeddedServer, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Opener:
    """`open_page("anomalies", scenario="write_skew")`: the page after its first run, with nothing wrong on it."""
    monkeypatch.setenv("TXSCOPE_DATA", str(data_folder))

    def opened(page: str, locale: str = "en-US", **query: str) -> AppTest:
        at = AppTest.from_file(APP, default_timeout=30)
        at.context = {"locale": locale}
        at.query_params = {name: query[name] for name in query if name == "lang"}
        at.run()
        at.query_params = dict(query)
        if page != "home":
            at.switch_page(f"pages/{page}.py")
        at.run()
        assert not at.exception, at.exception
        return at

    return opened
