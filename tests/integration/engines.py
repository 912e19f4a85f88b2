"""More engines on the tests' server, as other processes would open them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.postgres.embedded.tenants import EmbeddedTenants
from simulator.engines.postgres.engine import PostgresEngine


@contextmanager
def another_engine(server: EmbeddedServer, engine: Engine, **settings: float) -> Iterator[PostgresEngine]:
    """An engine beside `engine`, with tenants of its own, and settings of PostgresEngine's."""
    share = EmbeddedServer.start(server.data_dir)
    opened = PostgresEngine(EmbeddedTenants(share), engine.info(), **settings)  # type: ignore[arg-type]
    try:
        yield opened
    finally:
        opened.close()
