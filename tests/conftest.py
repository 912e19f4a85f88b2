"""One embedded PostgreSQL for the whole test session, in a folder of its own that is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.engines.base import Engine
from simulator.engines.embedded import EmbeddedServer, default_data_dir
from simulator.engines.start import open_engine


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What TXSCOPE_DATA names during the tests."""
    return tmp_path_factory.mktemp("tx")


@pytest.fixture(scope="session")
def server(data_folder: Path) -> Iterator[EmbeddedServer]:
    """A share of the tests' server, for a superuser's look at it."""
    server = EmbeddedServer.start(default_data_dir({"TXSCOPE_DATA": str(data_folder)}))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def engine(data_folder: Path, server: EmbeddedServer) -> Iterator[Engine]:
    """The engine that runs happen on, as the application opens it."""
    engine = open_engine({"TXSCOPE_DATA": str(data_folder)})
    yield engine
    engine.close()
