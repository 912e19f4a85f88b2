"""What tenants have in common on any server, the embedded one or one of somebody's own, and where our files lie."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from platformdirs import user_data_path

#: First half of the advisory lock of a tenant's number, or of a process's.
CLAIM = 0x54585343

#: More than any run or application opens; no SQL can open a connection.
CONNECTIONS = 150

#: Of a tenant, so that its role cannot undo those that only a superuser may set, and itself has none.
TENANT_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # A deadlock is found at once, and by the session whose wait closed the cycle.
        "deadlock_timeout": "1ms",
        # Every wait is reported to the session that waits, and none of it fills the server's log.
        "log_lock_waits": "on",
        "log_min_messages": "panic",
        "lc_messages": "C",
        "synchronous_commit": "off",
        "temp_file_limit": "200MB",
    }
)


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder that TXSCOPE_DATA names, or the user's data folder."""
    return Path(environ.get("TXSCOPE_DATA") or user_data_path("txscope", appauthor=False))
