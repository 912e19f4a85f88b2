"""The engine that runs happen on: the embedded server, or the one that DATABASE_URL names."""

from __future__ import annotations

import os
from collections.abc import Mapping

from simulator.engines.base import Engine, ServerInfo
from simulator.engines.embedded import LAB_ROLE, EmbeddedServer, default_data_dir
from simulator.engines.external import ExternalServer
from simulator.engines.postgres import PostgresEngine
from simulator.i18n import gettext as _

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
    server = EmbeddedServer.start(default_data_dir(environ))
    place = _("embedded, in {folder}").format(folder=server.data_dir)
    info = ServerInfo("PostgreSQL", server.version, embedded=True, place=place, role=LAB_ROLE)
    try:
        return PostgresEngine(
            server.lab_conninfo(),
            info,
            application_connections=EMBEDDED_APPLICATIONS,
            on_close=server.stop,
            inspector_conninfo=server.admin_conninfo(),
        )
    except BaseException:
        server.stop()
        raise


def _external(url: str) -> Engine:
    server = ExternalServer.open(url)
    info = ServerInfo("PostgreSQL", server.version, embedded=False, place=server.address.place, role=server.role)
    try:
        return PostgresEngine(server.lab_conninfo(), info, on_close=server.close)
    except BaseException:
        server.close()
        raise
