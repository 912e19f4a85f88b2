"""The settings of `create_engine` and `sessionmaker` that the lab offers, and the code that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from simulator.model import Isolation

#: Where each setting goes: SQLAlchemy's name of it, and its default there.
_ENGINE: Mapping[str, tuple[str, Any]] = {
    "pool_size": ("pool_size", 5),
    "max_overflow": ("max_overflow", 10),
    "pool_timeout": ("pool_timeout", 30.0),
    "pool_pre_ping": ("pool_pre_ping", False),
    "pool_recycle": ("pool_recycle", -1),
    "pool_use_lifo": ("pool_use_lifo", False),
    "reset_on_return": ("pool_reset_on_return", "rollback"),
    "isolation": ("isolation_level", None),
}
_SESSION: Mapping[str, tuple[str, Any]] = {
    "expire_on_commit": ("expire_on_commit", True),
    "autoflush": ("autoflush", True),
    "close_resets_only": ("close_resets_only", True),
}
#: Always in the code, whatever their values: they decide how many may work at once.
_ALWAYS = ("pool_size", "max_overflow", "pool_timeout")


@dataclass(frozen=True, slots=True)
class Settings:
    """One value for each; `isolation` None is the server's default, READ COMMITTED."""

    pool_size: int = 5
    #: connections beyond `pool_size`, closed when they come back; -1 for no limit
    max_overflow: int = 10
    #: seconds
    pool_timeout: float = 30.0
    pool_pre_ping: bool = False
    #: seconds; a connection older than that is replaced at its next checkout; -1 for never
    pool_recycle: int = -1
    pool_use_lifo: bool = False
    #: `rollback`, `commit`, or None
    reset_on_return: str | None = "rollback"
    isolation: Isolation | None = None
    expire_on_commit: bool = True
    autoflush: bool = True
    #: False: a Session that was closed refuses to be used again
    close_resets_only: bool = True

    def engine_arguments(self) -> dict[str, Any]:
        """Keywords of `create_engine` that are always named or differ from SQLAlchemy's defaults."""
        return self._arguments(_ENGINE)

    def session_arguments(self) -> dict[str, Any]:
        """Keywords of `sessionmaker` that differ from SQLAlchemy's defaults."""
        return self._arguments(_SESSION)

    def connections(self, requests: int) -> int:
        """At most so many connections are open at once, with so many requests at once."""
        if self.max_overflow < 0 or self.pool_size == 0:
            return requests
        return min(requests, self.pool_size + self.max_overflow)

    def code(self, *, is_async: bool = False) -> str:
        """What the controls stand for, as the application would write it."""
        return _ASYNC_CODE.format(**self._texts()) if is_async else _CODE.format(**self._texts())

    def _arguments(self, table: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
        found = {}
        for field in fields(self):
            if field.name in table:
                name, default = table[field.name]
                value = getattr(self, field.name)
                if field.name in _ALWAYS or value != default:
                    found[name] = value.value if isinstance(value, Isolation) else value
        return found

    def _texts(self) -> dict[str, str]:
        engine, session = self.engine_arguments(), self.session_arguments()
        return {
            "engine": "".join(f"    {name}={_written(value)},\n" for name, value in engine.items()),
            "session": "".join(f", {name}={_written(value)}" for name, value in session.items()),
        }


_CODE = """\
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

engine = create_engine(
    "postgresql+psycopg2://…",
{engine})
SessionLocal = sessionmaker(engine{session})
"""

_ASYNC_CODE = """\
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

engine = create_async_engine(
    "postgresql+psycopg://…",
{engine})
SessionLocal = async_sessionmaker(engine{session})
"""


def _written(value: object) -> str:
    """As a person writes it: double quotes, no needless `.0`."""
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:g}" if isinstance(value, float) else repr(value)
