"""Every mistake shows what it promises, and every fix is clean, against the real server; and nothing is left."""

from __future__ import annotations

import gc
import inspect
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from simulator.engines.base import Engine
from simulator.engines.embedded import EmbeddedServer
from simulator.errors import RunError
from simulator.history import StatementStarted
from simulator.labs.mistakes import gate
from simulator.labs.mistakes.catalogue import MISTAKES, find
from simulator.labs.mistakes.entry import OK, Expected, Mistake, Side
from simulator.labs.mistakes.run import SideResult, run_pair, run_side
from simulator.labs.mistakes.stage import Stage

#: How often each side is run; TXSCOPE_MISTAKES_REPEAT=50 for the whole proof.
REPEAT = int(os.environ.get("TXSCOPE_MISTAKES_REPEAT", "1"))
#: How often all of them are run in a row; TXSCOPE_MISTAKES_ROUNDS=10 for the whole proof.
ROUNDS = int(os.environ.get("TXSCOPE_MISTAKES_ROUNDS", "1"))

SIDES = [
    pytest.param(side, id=f"{mistake.key}-{name}")
    for mistake in MISTAKES
    for name, side in (("mistake", mistake.mistake), ("fixed", mistake.fixed))
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("side", SIDES)
def test_each_run_comes_to_what_is_promised(engine: Engine, side: Side) -> None:
    for _run in range(REPEAT):
        result = run_side(engine, side)
        assert result.differences == ()
        assert _shown_lines_ran(side, result)


@pytest.mark.parametrize("mistake", [it for it in MISTAKES if it.silent], ids=lambda it: it.key)
def test_nobody_is_told_of_a_silent_mistake(engine: Engine, mistake: Mistake) -> None:
    pair = run_pair(engine, mistake)
    assert pair.silent
    assert pair.mistake.failed == 0


def test_visitors_at_the_same_time_do_not_disturb_each_other(engine: Engine) -> None:
    keys = ("shared_session", "no_commit", "async_gather", "deadlock_order")
    with ThreadPoolExecutor(len(keys)) as visitors:
        pairs = dict(zip(keys, visitors.map(lambda key: run_pair(engine, find(key)), keys), strict=True))
    assert all(pair.as_expected for pair in pairs.values())
    assert any("Session.add()" in warning for warning in pairs["shared_session"].mistake.warnings)
    assert pairs["no_commit"].mistake.warnings == ()


def test_what_was_not_promised_is_a_difference(engine: Engine) -> None:
    promised = find("no_commit").fixed
    other = Side(promised.code, promised.decisive, promised.run, Expected({"KeyError": 1}, ((7,),)), promised.look)
    differences = " ".join(run_side(engine, other).differences)
    assert "KeyError" in differences
    assert "((1,),)" in differences


def test_a_client_that_nobody_lets_go_on_is_an_error_and_leaves_nothing(
    engine: Engine, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "DEADLINE_S", 0.05)
    before = _left(server)

    def stuck(stage: Stage) -> None:
        SessionLocal = stage.sessions()  # noqa: N806
        shut = stage.gate("llm", "A")
        stage.start("A", lambda: SessionLocal() and stage.llm("?"))
        shut.reached(2)

    with pytest.raises(RunError):
        run_side(engine, Side((), "", stuck, Expected({OK: 1})))
    assert _left(server) == before


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_mistakes_in_a_row_leave_the_process_and_the_server_as_they_were(
    engine: Engine, server: EmbeddedServer
) -> None:
    _all_in_a_row(engine)
    before = _left(server)
    for _round in range(ROUNDS):
        _all_in_a_row(engine)
        assert _left(server) == before


def _all_in_a_row(engine: Engine) -> None:
    for mistake in MISTAKES:
        pair = run_pair(engine, mistake)
        assert pair.mistake.differences == ()
        assert pair.fixed.differences == ()


def _left(server: EmbeddedServer) -> dict[str, int]:
    """What a run could leave behind: here, and on the server."""
    gc.collect()
    with psycopg.connect(server.admin_conninfo()) as admin:
        backends = admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        ).fetchone()
        schemas = admin.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'txscope_run_%'").fetchone()
    assert backends is not None
    assert schemas is not None
    # Linux tells which of a process's files are sockets; elsewhere the server's count of backends has to do.
    folder = Path("/proc/self/fd")
    links = [link.readlink().as_posix() for link in folder.iterdir() if link.is_symlink()] if folder.exists() else []
    return {
        "backends": backends[0],
        "schemas": schemas[0],
        "threads": threading.active_count(),
        "sockets": sum(link.startswith("socket:") for link in links),
    }


def _shown_lines_ran(side: Side, result: SideResult) -> bool:
    """At least one statement was sent by a line of the code that the page shows."""
    shown = set()
    for part in side.code:
        lines, first = inspect.getsourcelines(part)
        name = Path(inspect.getsourcefile(part) or "").name
        shown |= {f"{name}:{number}" for number in range(first, first + len(lines))}
    sent = [event.line.partition(" ")[0] for event in result.history.events if isinstance(event, StatementStarted)]
    return not sent or any(line in shown for line in sent)
