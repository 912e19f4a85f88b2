"""The database's code for an error, as the code on the pages asks for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DBAPIError


def sqlstate(error: DBAPIError) -> str | None:
    # psycopg2 and psycopg 3 both have it here; their classes of errors are others.
    drivers_own: Any = error.orig
    state: str | None = drivers_own.diag.sqlstate
    return state
