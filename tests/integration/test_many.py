"""Many people on one server: everybody is answered as if alone, and no run takes more than it may."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.postmaster import Postmaster
from simulator.engines.postgres.embedded.server import EmbeddedServer, default_data_dir
from simulator.engines.postgres.embedded.tenants import RECOVERY_S
from simulator.errors import EngineBusy, EngineError
from simulator.labs.fastapi.dependencies import DEPENDENCIES
from simulator.labs.fastapi.endings import ending
from simulator.labs.fastapi.matrix import CONNECTIONS, SETUP, run_cell, run_in, run_matrix
from simulator.labs.mistakes.catalogue import find
from simulator.labs.mistakes.run import run_pair
from simulator.labs.place import open_place
from simulator.labs.sessions.acid import run_acid
from simulator.labs.sessions.catalogue import mix
from simulator.labs.sessions.load import Load, run_load
from simulator.recorder.tape import Tape
from simulator.ui.app.manager import Manager
from tests.integration.engines import another_engine
from tests.integration.leftovers import backends_at_rest, in_process, left_since

PEOPLE = 15


def _load(engine: Engine) -> bool:
    result = run_load(engine, Load(mix("working_day"), 12, llm_s=0.02))
    return result.leaked == 0 and len(result.kinds) == 12


def _pair(engine: Engine) -> bool:
    return run_pair(engine, find("shared_session")).as_expected


def _cell(engine: Engine) -> bool:
    cell = run_cell(engine, "commit_after_yield", "commit_fails")
    return (cell.told, cell.rows) == ("200", 0)


def _acid(engine: Engine) -> bool:
    run = run_acid(engine, "atomicity")
    return run.held and run.twin is not None and not run.twin.held


@pytest.mark.timeout(120)
def test_everybody_who_comes_at_once_gets_their_own_run(engine: Engine) -> None:
    wanted: tuple[Callable[[Engine], bool], ...] = (_load, _pair, _cell, _acid)
    before = in_process(engine)
    with ThreadPoolExecutor(PEOPLE) as people:
        found = list(people.map(lambda number: wanted[number % len(wanted)](engine), range(PEOPLE)))
    assert all(found)
    assert left_since(before, lambda: in_process(engine)) == frozenset()
    assert (engine.rooms_open(), engine.activity(everyone=False)) == (0, ())


def test_cells_that_share_a_place_leave_no_pool_behind_in_it(engine: Engine) -> None:
    with open_place(engine, SETUP, CONNECTIONS) as place:
        for written in DEPENDENCIES:
            run_in(place, written, ending("commit_fails"), is_async=False)
            assert backends_at_rest(place, 0) == 0


def test_who_waits_for_connections_takes_no_place_from_schedules(server: EmbeddedServer, engine: Engine) -> None:
    with (
        another_engine(server, engine, rooms=2, application_connections=4, patience_s=0.05) as few,
        open_place(few, (), 3),
    ):
        with pytest.raises(EngineBusy, match="Other runs hold all connections"), open_place(few, (), 3):
            pass
        few.create_room((), 1).close()


def _end_all(server: EmbeddedServer) -> None:
    with psycopg.connect(server.admin_conninfo(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'txscope%:%'")


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_server_that_leaves_during_a_run_is_told_in_a_sentence(
    server: EmbeddedServer, engine: Engine, driver: str
) -> None:
    def run() -> None:
        with (
            open_place(engine, (), 3) as place,
            place.connect("look") as look,
            place.create_engine().connect() as connection,
        ):
            _end_all(server)
            if driver == "psycopg":
                look.execute("SELECT 1")
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(EngineError, match="The server left before the run had ended"):
        run()
    assert (engine.rooms_open(), engine.activity(everyone=False)) == (0, ())


def test_a_killed_server_is_brought_back_by_the_next_run(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    environ = {"TXSCOPE_DATA": str(tmp_path)}
    manager = Manager(environ)
    try:
        for _time in range(2):
            assert _cell(manager.engine())
            running = Postmaster.find(default_data_dir(environ))
            assert running is not None
            os.kill(running.pid, signal.SIGKILL)
            assert _served_again(manager)
    finally:
        manager.stop()


def _served_again(manager: Manager) -> bool:
    """Who comes while the server's last processes die may be told so; then a run is as it should be."""
    until = monotonic() + RECOVERY_S
    while monotonic() < until:
        with suppress(EngineError):
            return _cell(manager.engine())
    return False


class Stopped(BaseException):
    """What Streamlit raises in a script whose tab was closed."""


@pytest.mark.parametrize("cells", [1, 2, 5])
def test_a_tab_that_is_closed_in_the_middle_of_a_matrix_leaves_nothing(engine: Engine, cells: int) -> None:
    before = in_process(engine)

    def script() -> None:
        for number, _cell in enumerate(run_matrix(engine), start=1):
            if number == cells:
                raise Stopped

    with pytest.raises(Stopped):
        script()
    gc.collect()
    assert left_since(before, lambda: in_process(engine)) == frozenset()
    assert (engine.rooms_open(), engine.activity(everyone=False)) == (0, ())


def test_what_a_run_was_made_of_is_gone_with_it(engine: Engine) -> None:
    # What other tests of this process still refer to (an exception that pytest keeps, say) is not of these runs.
    before = {id(each) for each in gc.get_objects() if isinstance(each, Tape)}
    for run in (_load, _pair, _cell, _acid):
        run(engine)
    gc.collect()
    assert [each for each in gc.get_objects() if isinstance(each, Tape) and id(each) not in before] == []
