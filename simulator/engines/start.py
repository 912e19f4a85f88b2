"""The engine that runs happen on: the embedded server, or the one that DATABASE_URL names."""

from __future__ import annotations

import os
from collections.abc import Mapping

from simulator.engines.base import Engine, ServerInfo
from simulator.engines.postgres.engine import PostgresEngine
from simulator.engines.postgres.external import ExternalServer
from simulator.engines.postgres.external_tenants import ExternalTenants
from simulator.i18n.text import Text

#: Connections of applications at once on the embedded server, beside those of schedules: two of the largest runs.
EMBEDDED_APPLICATIONS = 130


def open_engine(environ: Mapping[str, str] = os.environ) -> Engine:
    """Make the server ready for runs; closing the engine gives it back.

    DATABASE_URL names an external server; without it, or where it is empty, the embedded server is used, with its
    data in TXSCOPE_DATA or in the user's data folder. Raises EngineError: one sentence that can be shown.
    """
    url = environ.get("DATABASE_URL", "")
    return _external(url) if url else _embedded(environ)


def _embedded(environ: Mapping[str, str]) -> Engine:
    # Only here: where DATABASE_URL names a server, the package that brings one along need not be installed.
    from simulator.engines.postgres.embedded.server import EmbeddedServer, default_data_dir
    from simulator.engines.postgres.embedded.tenants import EmbeddedTenants

    server = EmbeddedServer.start(default_data_dir(environ))
    place = Text.of("embedded, in {folder}", folder=server.data_dir)
    info = ServerInfo("PostgreSQL", server.version, embedded=True, place=place, role="txscope_1")
    try:
        return PostgresEngine(EmbeddedTenants(server), info, application_connections=EMBEDDED_APPLICATIONS)
    except BaseException:
        server.stop()
        raise


def _external(url: str) -> Engine:
    server = ExternalServer.open(url)
    source = ExternalTenants(server)
    info = ServerInfo(
        "PostgreSQL", server.version, embedded=False, place=server.address.place, role=server.address.user
    )
    try:
        return PostgresEngine(source, info)
    except BaseException:
        source.close()
        raise
