"""The settings' code says what the engine and the sessionmaker get."""

from __future__ import annotations

import ast
from dataclasses import fields
from typing import Any

import pytest

from simulator.labs.sessions.settings import Settings
from simulator.model import Isolation

EVERYTHING_ELSE = Settings(
    pool_size=7,
    max_overflow=0,
    pool_timeout=0.5,
    pool_pre_ping=True,
    pool_recycle=60,
    pool_use_lifo=True,
    reset_on_return=None,
    isolation=Isolation.SERIALIZABLE,
    expire_on_commit=False,
    autoflush=False,
    close_resets_only=False,
)


def calls(code: str) -> dict[str, dict[str, Any]]:
    """Function name to keywords, of the code as Python reads it."""
    return {
        node.func.id: {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def test_defaults_are_written_only_where_they_decide_how_many_work_at_once() -> None:
    assert calls(Settings().code()) == {
        "create_engine": {"pool_size": 5, "max_overflow": 10, "pool_timeout": 30},
        "sessionmaker": {},
    }


@pytest.mark.parametrize("is_async", [False, True])
def test_the_code_is_what_runs(is_async: bool) -> None:
    found = calls(EVERYTHING_ELSE.code(is_async=is_async))
    engine, maker = ("create_async_engine", "async_sessionmaker") if is_async else ("create_engine", "sessionmaker")
    assert found[engine] == EVERYTHING_ELSE.engine_arguments()
    assert found[maker] == EVERYTHING_ELSE.session_arguments()
    assert found[engine]["isolation_level"] == "SERIALIZABLE"
    assert found[engine]["pool_reset_on_return"] is None


def test_no_control_is_without_effect() -> None:
    first, other = Settings(), EVERYTHING_ELSE
    for field in fields(Settings):
        assert getattr(first, field.name) != getattr(other, field.name)
    assert len(EVERYTHING_ELSE.engine_arguments()) + len(EVERYTHING_ELSE.session_arguments()) == len(fields(Settings))


@pytest.mark.parametrize(
    ("settings", "requests", "most"),
    [(Settings(5, 0), 50, 5), (Settings(5, 10), 50, 15), (Settings(5, -1), 50, 50), (Settings(5, 10), 3, 3)],
)
def test_how_many_connections_a_run_can_open(settings: Settings, requests: int, most: int) -> None:
    assert settings.connections(requests) == most
