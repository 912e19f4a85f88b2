"""The labs on a server that DATABASE_URL names: password, options and few connections reach every driver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator.engines.base import Engine
from simulator.engines.start import open_engine
from simulator.errors import EngineBusy
from simulator.history.application import RequestEnded
from simulator.labs.fastapi.matrix import run_cell
from simulator.labs.mistakes.catalogue import find
from simulator.labs.mistakes.run import run_pair
from simulator.labs.place import open_place
from simulator.labs.sessions.acid import run_acid
from simulator.labs.sessions.catalogue import mix
from simulator.labs.sessions.load import Load, run_load
from simulator.labs.sessions.settings import Settings
from tests.integration.servers import PASSWORD, PasswordServer, password_server

#: as people copy it from a provider's page
OPTIONS = "?sslmode=prefer&options=-c%20TimeZone%3DAsia/Shanghai%20-c%20work_mem%3D8MB&connect_timeout=10"
DRIVERS = pytest.mark.parametrize("is_async", [False, True], ids=["psycopg2", "psycopg-async"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PasswordServer]:
    with password_server(tmp_path_factory.mktemp("labs")) as running:
        yield running


@pytest.fixture(scope="module", params=["ada", "boss"])
def engine(server: PasswordServer, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """As a plain role, and as one that a throw-away role stands in for."""
    opened = open_engine({"DATABASE_URL": server.url(request.param, options=OPTIONS)})
    yield opened
    opened.close()
    assert server.admin.execute("SELECT FROM pg_namespace WHERE nspname LIKE 'txscope%'").fetchone() is None


@DRIVERS
def test_sessions(engine: Engine, is_async: bool) -> None:
    result = run_load(engine, Load(mix("messages"), 4, is_async=is_async, settings=Settings(2, 1)))
    assert (result.messages, result.leaked) == (4, 0)
    assert PASSWORD not in result.history.to_json()


@DRIVERS
def test_fastapi(engine: Engine, is_async: bool) -> None:
    cell = run_cell(engine, "commit_after_yield", "commit_fails", is_async)
    assert (cell.told, cell.rows, cell.silent) == ("200", 0, True)


@pytest.mark.parametrize("key", ["shared_session", "async_gather", "deadlock_order", "thread_pool"])
def test_mistakes(engine: Engine, key: str) -> None:
    pair = run_pair(engine, find(key))
    assert pair.as_expected, pair.mistake.differences + pair.fixed.differences


def test_atomicity(engine: Engine) -> None:
    assert run_acid(engine, "atomicity").held


def test_what_the_url_says_is_in_force_for_the_application(engine: Engine) -> None:
    with open_place(engine, (), 3) as place, place.create_engine().connect() as connection:
        shown = connection.exec_driver_sql("SELECT current_setting('TimeZone'), current_setting('work_mem')").one()
    assert tuple(shown) == ("Asia/Shanghai", "8MB")


def test_a_role_with_few_connections_is_told_so_before_the_run(server: PasswordServer) -> None:
    engine = open_engine({"DATABASE_URL": server.url("few")})
    try:
        for large in (lambda: run_load(engine, Load(mix("messages"), 12)), lambda: run_pair(engine, find("no_commit"))):
            with pytest.raises(EngineBusy, match="wants 15 connections, and 5 may be open at once"):
                large()
        result = run_load(engine, Load(mix("messages"), 12, settings=Settings(2, 0)))
        ended = [event.outcome for event in result.history.events if isinstance(event, RequestEnded)]
        assert (result.messages, ended) == (12, ["ok"] * 12)
    finally:
        engine.close()
