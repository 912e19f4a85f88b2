"""One embedded PostgreSQL for the whole test session, in a folder of its own that is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.engines.base import Engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    from simulator.engines.start import open_engine

    # A short path: a Unix socket's name has room for 107 bytes.
    folder: Path = tmp_path_factory.mktemp("tx")
    engine = open_engine({"TXSCOPE_DATA": str(folder)})
    yield engine
    engine.close()
