"""One embedded PostgreSQL for the whole test session, in a folder of its own that is gone afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # most unit tests need no engine, and importing one takes longer than they do
    from simulator.engines.base import Engine
    from simulator.engines.postgres.embedded.server import EmbeddedServer


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stand in one worker, for they share servers; those that say so are shared out by what they do."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def pytest_collection_finish() -> None:
    """Thousands of collected tests and their modules are no garbage: no later collection looks at them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What TXSCOPE_DATA names during the tests."""
    return tmp_path_factory.mktemp("tx")


@pytest.fixture(scope="session")
def server(data_folder: Path) -> Iterator[EmbeddedServer]:
    """A share of the tests' server, for a superuser's look at it."""
    from simulator.engines.postgres.embedded.server import EmbeddedServer, default_data_dir

    server = EmbeddedServer.start(default_data_dir({"TXSCOPE_DATA": str(data_folder)}))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def engine(data_folder: Path, server: EmbeddedServer) -> Iterator[Engine]:
    """The engine that runs happen on, as the application opens it."""
    from simulator.engines.start import open_engine

    engine = open_engine({"TXSCOPE_DATA": str(data_folder)})
    yield engine
    engine.close()
