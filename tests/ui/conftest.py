"""Pages without a browser: each test is a person who comes for the first time, on the tests' own server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from simulator.engines.base import Engine
from simulator.engines.start import open_engine
from simulator.errors import EngineError
from simulator.ui.app import manager as owner
from simulator.ui.app.manager import Manager, manager

APP = Path(__file__).parents[2] / "app.py"
#: What one script run may take on a machine that is slow and busy; only what fails takes as long.
PATIENCE_S = 100

Opener = Callable[..., AppTest]
_init = PagesManager.__init__


def _as_the_server_makes_it(self: PagesManager, *arguments: Any, **named: Any) -> None:
    """AppTest forgets before each run what `ui.app.server` told Streamlit about pages/, and bypasses app.py."""
    PagesManager.uses_pages_directory = False
    _init(self, *arguments, **named)


@pytest.fixture(scope="session", autouse=True)
def _components_found_once() -> Iterator[None]:
    """AppTest looks into every installed package for components at each run, which takes longer than the run itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture
def fresh_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The application as if it had just been started."""
    manager.cache_clear()
    monkeypatch.setattr(PagesManager, "__init__", _as_the_server_makes_it)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    yield
    manager().stop()
    manager.cache_clear()


class _Lent:
    """The tests' engine in the hands of an application: who closes it gives it back, and others still have it.

    To open an engine and to make its first place for a run takes longer than most pages do.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._given_back = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def alive(self, *, surely: bool = False) -> bool:
        return not self._given_back and self._engine.alive(surely=surely)

    def heal(self) -> None:
        raise EngineError("given back")

    def close(self) -> None:
        self._given_back = True


@pytest.fixture
def open_page(fresh_manager: None, engine: Engine, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Opener:
    """`open_page("anomalies", scenario="write_skew")`: the page after its first run, with nothing wrong on it."""
    monkeypatch.setenv("TXSCOPE_DATA", str(data_folder))

    def opener(environ: Mapping[str, str]) -> Engine:
        return open_engine(environ) if environ.get("DATABASE_URL") else cast(Engine, _Lent(engine))

    monkeypatch.setattr(owner, "Manager", lambda environ: Manager(environ, opener))

    def opened(page: str, locale: str = "en-US", **query: str) -> AppTest:
        at = AppTest.from_file(APP, default_timeout=PATIENCE_S)
        at.context = {"locale": locale}
        at.query_params = dict(query)
        if page != "home":
            # Before its first run AppTest knows a page by its file's name, which is its address, too.
            at.switch_page(f"pages/{page}.py")
        at.run()
        assert not at.exception, at.exception
        return at

    return opened
