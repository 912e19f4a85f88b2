"""ACID on a real server: each letter holds, each naive twin fails as it should, and nothing is left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from simulator.engines.base import Engine
from simulator.engines.postgres.embedded import private
from simulator.engines.postgres.embedded.private import private_server
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.engines.start import open_engine
from simulator.errors import EngineBusy, EngineError
from simulator.history.application import ConnectionEnding, ConnectionInvalidated, Moment
from simulator.history.schedule import History, StatementFailed, StatementFinished
from simulator.labs.sessions.acid import ACID, AcidRun, letter, run_acid
from simulator.scenarios.loader import find
from tests.integration.servers import password_server

pytestmark = pytest.mark.usefixtures("own_temporary_folder")


@pytest.fixture
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Private servers of these tests meet no others; afterwards no file and no process of one is there."""
    with tempfile.TemporaryDirectory(prefix="tx") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield Path(short)
        assert not list(Path(short).iterdir())
        assert not _servers(Path(short))
    assert not list(tmp_path.iterdir())


@pytest.fixture(autouse=True)
def nothing_left_on_the_server(engine: Engine) -> Iterator[None]:
    """No schema and no backend of a run is left on the server that everybody uses."""
    yield
    assert engine.rooms_open() == 0
    assert not [row for row in engine.activity(everyone=True) if ":app" in str(row) or ":killer" in str(row)]


@pytest.fixture(scope="module")
def atomicity(engine: Engine) -> AcidRun:
    """The transfer, and beside it its twin."""
    return run_acid(engine, "atomicity")


def _servers(folder: Path) -> list[psutil.Process]:
    """PostgreSQL processes that work on a data folder in here."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline", "status"])
        if (process.info["name"] or "").startswith("postgres")
        and str(folder.resolve()) in " ".join(process.info["cmdline"] or ())
    ]


def _events(history: History, kind: type) -> list[object]:
    return [event for event in history.events if isinstance(event, kind)]


def _facts(run: AcidRun) -> list[str]:
    return [value for _, value in run.facts]


def test_a_transfer_killed_half_way_leaves_both_balances(atomicity: AcidRun) -> None:
    run = atomicity
    assert run.held
    assert _facts(run) == ["250", "250", "50", "50", "300", "300"]
    assert run.failure is not None
    assert run.failure.class_name == "OperationalError"
    assert len(_events(run.history, StatementFinished)) == 1, "the first UPDATE was executed"
    assert len(_events(run.history, StatementFailed)) == 1, "the second one met a dead connection"
    assert not [e for e in _events(run.history, ConnectionEnding) if e.command == "COMMIT"]
    assert [e.label for e in _events(run.history, Moment)] == ["pg_terminate_backend"]
    assert _events(run.history, ConnectionInvalidated)
    assert History.from_json(run.history.to_json()) == run.history
    assert "The sum is kept: 300." in run.sentences
    assert str(run.failure) in run.sentences[0]
    assert run.code.startswith("def transfer(SessionLocal")


def test_the_same_in_two_transactions_loses_money(atomicity: AcidRun) -> None:
    twin = atomicity.twin
    assert twin is not None
    assert not twin.held
    assert _facts(twin) == ["250", "150", "50", "50", "300", "200"]
    assert "Half a transfer stays: 100 credits are lost." in twin.sentences
    assert len([e for e in _events(twin.history, ConnectionEnding) if e.command == "COMMIT"]) == 1
    assert twin.code.startswith("def transfer_in_two(")


def test_the_check_refuses_and_undoes_the_whole_transaction(engine: Engine) -> None:
    run = run_acid(engine, "consistency")
    assert run.held
    assert run.failure is not None
    assert run.failure.sqlstate == "23514"
    assert str(run.failure) == (
        "IntegrityError: (psycopg2.errors.CheckViolation) "
        'new row for relation "accounts" violates check constraint "accounts_balance_check"'
    )
    assert _facts(run) == ["250", "250", "50", "50", "300", "300"]
    (failed,) = _events(run.history, StatementFailed)
    assert failed.sqlstate == "23514"
    assert len(_events(run.history, StatementFinished)) == 1, "the credit was executed before"


def test_isolation_points_to_a_scenario_of_the_anomalies_lab(engine: Engine) -> None:
    scenario = letter("isolation").scenario
    assert scenario is not None
    assert find(scenario).family == "isolation"
    with pytest.raises(KeyError):
        run_acid(engine, "isolation")
    assert [each.key for each in ACID] == ["atomicity", "consistency", "isolation", "durability"]


def test_a_committed_row_outlives_its_server_and_a_hurried_one_does_not(engine: Engine, server: EmbeddedServer) -> None:
    run = run_acid(engine, "durability")
    assert run.held
    assert run.facts == (
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("Owners in the table before crash 1", "Ann"),
        ("Owners in the table after crash 1", "Ann"),
        ("Owners in the table before crash 2", "Ann, Cleo"),
        ("Owners in the table after crash 2", "Ann, Cleo"),
    )
    assert run.failure is not None
    assert run.failure.class_name == "OperationalError"
    assert "was terminated by signal 9" in run.server_log[0]
    recovery = "LOG:  database system was not properly shut down; automatic recovery in progress"
    assert run.server_log.count(recovery) == 2
    assert [e.label for e in _events(run.history, Moment)][2] == "kill -9"
    assert any(server.data_dir.name in sentence for sentence in run.sentences), "the shared server is told of"
    assert psutil.pid_exists(server.pid), "and it lives"
    _assert_hurried_commit_is_lost(run.twin)


def _assert_hurried_commit_is_lost(twin: AcidRun | None) -> None:
    assert twin is not None
    assert not twin.held
    assert _facts(twin) == ["Ann, Cleo, Eve", "Ann, Cleo"]
    assert "SET LOCAL synchronous_commit = off" in twin.code


def test_a_server_that_database_url_names_serves_the_transfers_and_is_not_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with password_server(tmp_path_factory.mktemp("external")) as external:
        engine = open_engine({"DATABASE_URL": external.url("ada")})
        try:
            assert run_acid(engine, "atomicity").held
            assert run_acid(engine, "consistency").held
            run = run_acid(engine, "durability")
        finally:
            engine.close()
        assert run.held
        assert any("DATABASE_URL names" in sentence for sentence in run.sentences)
        assert external.admin.execute("SELECT 1").fetchone() == (1,)


def test_an_error_in_the_run_takes_the_private_server_away(own_temporary_folder: Path) -> None:
    def interrupted() -> None:
        with private_server():
            assert _servers(own_temporary_folder)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not _servers(own_temporary_folder)


def test_what_a_killed_process_left_is_removed_by_the_next_run(own_temporary_folder: Path) -> None:
    program = (
        "import os, signal, sys, tempfile\n"
        "tempfile.tempdir = sys.argv[1]\n"
        "from simulator.engines.postgres.embedded.private import private_server\n"
        "with private_server(): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(own_temporary_folder)], check=False)
    left = _servers(own_temporary_folder)
    assert left, "the test shows nothing unless a server was left"
    with private_server() as server, server.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in left)


def test_a_second_run_waits_for_the_first(own_temporary_folder: Path) -> None:
    running = []

    def run() -> None:
        with private_server() as server:
            running.append(server.postmaster.pid)

    with private_server():
        thread = threading.Thread(target=run)
        thread.start()
        assert not running
    thread.join()
    assert len(running) == 1


def test_a_server_in_use_for_long_is_told_in_a_sentence(
    engine: Engine, own_temporary_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "_PATIENCE_SECONDS", 0.05)
    folder = own_temporary_folder.resolve() / f"txscope-private-{os.geteuid()}"
    folder.mkdir(mode=0o700)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(EngineBusy, match="Try again in a few seconds"):
        run_acid(engine, "durability")
    os.close(descriptor)
    shutil.rmtree(folder)


def test_where_no_server_can_run_a_sentence_says_so(
    engine: Engine, own_temporary_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = own_temporary_folder.resolve() / f"txscope-private-{os.geteuid()}"
    place.write_text("a file where the folder should be")
    with pytest.raises(EngineError, match=r"^Durability takes a server of its own .* none can run here"):
        run_acid(engine, "durability")
    place.unlink()


def test_many_who_want_a_server_of_their_own_get_it_one_by_one(
    own_temporary_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "_PATIENCE_SECONDS", 60.0)
    alone = threading.Lock()

    def use(_number: int) -> bool:
        with private._own_folder() as folder:
            free = alone.acquire(blocking=False)
            (folder / "pg-mine").mkdir()  # fails where another one's is still there
            alone.release()
            return free

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(200)))
