"""A server that is killed is there again at the next click, by itself; what it took along is run once more."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.postmaster import Postmaster
from simulator.engines.postgres.embedded.server import EmbeddedServer, default_data_dir
from simulator.live import EndReason, LiveRunEnded
from simulator.model import Isolation, Outcome
from simulator.scenarios.loader import find
from simulator.ui.app.manager import Manager
from simulator.verdict.run import RunResult, run_scenario

RC = Isolation.READ_COMMITTED
CASE = find("lost_update")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server of these tests' own, to be killed."""
    return tmp_path_factory.mktemp("heal")


@pytest.fixture
def manager(folder: Path) -> Iterator[Manager]:
    manager = Manager({"TXSCOPE_DATA": str(folder)})
    yield manager
    manager.stop(within_s=30)


def run(engine: Engine) -> RunResult:
    return run_scenario(engine, CASE, CASE.variants[0], RC)


def postmaster(folder: Path) -> int:
    found = Postmaster.find(default_data_dir({"TXSCOPE_DATA": str(folder)}))
    assert found is not None
    return found.pid


def test_a_killed_server_is_started_by_the_next_click(manager: Manager, folder: Path) -> None:
    said: list[str] = []
    assert manager.using(run, said.append).outcome is Outcome.ANOMALY
    os.kill(postmaster(folder), signal.SIGKILL)
    assert manager.using(run, said.append).outcome is Outcome.ANOMALY
    # The run that finds it gone may bring it back before anything could be said.
    assert len(said) <= 1


def test_a_run_that_loses_its_server_on_the_way_is_run_again(manager: Manager, folder: Path) -> None:
    killed: list[int] = []

    def interrupted(engine: Engine) -> RunResult:
        if not killed:
            killed.append(postmaster(folder))
            os.kill(killed[0], signal.SIGKILL)
        return run(engine)

    assert manager.using(interrupted).outcome is Outcome.ANOMALY


def test_a_killed_backend_takes_all_along_and_the_click_is_served_all_the_same(manager: Manager, folder: Path) -> None:
    manager.engine()
    server = EmbeddedServer.start(default_data_dir({"TXSCOPE_DATA": str(folder)}))
    try:
        with psycopg.connect(server.admin_conninfo(), autocommit=True) as victim:
            os.kill(victim.info.backend_pid, signal.SIGKILL)
        _until_gone(manager)
        assert manager.using(run).outcome is Outcome.ANOMALY
    finally:
        server.stop()


def test_people_who_click_at_once_are_all_served(manager: Manager, folder: Path) -> None:
    manager.engine()
    os.kill(postmaster(folder), signal.SIGKILL)
    outcomes: list[Outcome] = []
    people = [threading.Thread(target=lambda: outcomes.append(manager.using(run).outcome)) for _ in range(8)]
    for person in people:
        person.start()
    for person in people:
        person.join(60)
    assert outcomes == [Outcome.ANOMALY] * 8


def test_a_live_run_that_lost_its_server_says_so_in_our_words_and_starts_again(manager: Manager, folder: Path) -> None:
    def start() -> str:
        return manager.using(lambda engine: manager.live.start(engine, CASE, CASE.variants[0], RC, owner="tab"))

    lost = start()
    os.kill(postmaster(folder), signal.SIGKILL)
    with pytest.raises(LiveRunEnded) as caught:
        _refresh_until_it_ends(manager, lost)
    assert caught.value.reason is EndReason.GONE
    assert "terminat" not in str(caught.value)
    manager.live.get(start()).refresh()


def _refresh_until_it_ends(manager: Manager, run_id: str) -> None:
    while True:
        manager.live.get(run_id).refresh()


def _until_gone(manager: Manager) -> None:
    """The server ends everybody a moment after one of its processes was killed."""
    for _ in range(1000):
        if not manager.is_open():
            return
        threading.Event().wait(0.01)
    pytest.fail("the server did not notice")
