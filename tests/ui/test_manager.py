"""The one owner of the engine: opened once, its failure told again and again, given up at the end."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from simulator.engines.base import Engine
from simulator.engines.fake import FakeEngine
from simulator.errors import EngineError
from simulator.ui.manager import Manager

EXTERNAL = {"DATABASE_URL": "postgresql://nowhere/shop"}


class Opener:
    """Fails for an external server, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, environ: Mapping[str, str]) -> Engine:
        self.calls += 1
        self.gate.wait()
        if environ.get("DATABASE_URL"):
            raise EngineError(f"failure {self.calls}")
        return FakeEngine()


def test_who_comes_while_it_starts_waits_for_the_same_engine() -> None:
    opener = Opener()
    opener.gate.clear()
    manager = Manager({}, opener)
    manager.start()
    found: list[Engine] = []
    visitors = [threading.Thread(target=lambda: found.append(manager.engine())) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    opener.gate.set()
    for visitor in visitors:
        visitor.join(timeout=10)
    assert opener.calls == 1
    assert len({id(engine) for engine in found}) == 1
    assert len(found) == 8


def test_a_failure_is_told_again_until_somebody_tries_again() -> None:
    opener = Opener()
    manager = Manager(EXTERNAL, opener)
    for _ in range(3):
        with pytest.raises(EngineError, match="failure 1"):
            manager.engine()
    manager.retry()
    with pytest.raises(EngineError, match="failure 2"):
        manager.engine()
    assert opener.calls == 2


def test_a_failure_at_the_start_is_kept_for_the_page() -> None:
    opener = Opener()
    manager = Manager(EXTERNAL, opener)
    manager.start()
    with pytest.raises(EngineError, match="failure 1"):
        manager.engine()
    assert opener.calls == 1


def test_the_embedded_server_takes_over() -> None:
    manager = Manager(EXTERNAL, Opener())
    assert manager.wants_external
    with pytest.raises(EngineError):
        manager.engine()
    manager.use_embedded()
    assert manager.engine().info()
    assert not manager.wants_external


def test_an_engine_whose_server_is_gone_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    opener = Opener()
    manager = Manager({}, opener)
    gone = manager.engine()
    manager.retry()
    assert manager.engine() is gone  # it still answers

    def refused(*_: object) -> None:
        raise EngineError("the server is gone")

    monkeypatch.setattr(gone, "create_room", refused)
    assert not manager.is_open()
    manager.retry()
    assert manager.engine() is not gone
    assert opener.calls == 2


def test_after_the_end_nothing_is_opened_again() -> None:
    opener = Opener()
    manager = Manager({}, opener)
    manager.engine()
    manager.stop()
    with pytest.raises(EngineError, match="stopping"):
        manager.engine()
    assert opener.calls == 1
