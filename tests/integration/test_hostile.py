"""Hostile scenarios beside a second visitor: nobody's SQL reaches the machine, another run, or the next start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from benchmarks.attack import CASES, Attack, attack, left_on, usual_p95, visit
from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer, default_data_dir
from simulator.engines.start import open_engine
from simulator.scenarios.loader import find
from simulator.verdict.run import run_scenario

#: Two workers take half of the files each; the last test comes once in either of them, after its half.
HALVES = [pytest.mark.xdist_group(f"hostile {half}") for half in range(2)]
#: Tests run beside others on two cores; `python -m benchmarks attack` measures what is shorter.
FAST_S, TIMED = 0.3, ("another's run took", "stalled for", "over after")

#: Files that run at once, since most of them wait for their deadline; neighbours in the folder, which want the same
#: of the server, are in different ones.
AT_ONCE = 4
SORTED = sorted(CASES.glob("*.toml"))
GROUPS = [tuple(SORTED[first :: len(SORTED) // AT_ONCE]) for first in range(len(SORTED) // AT_ONCE)]
FILES = [
    pytest.param(path, group, id=path.stem, marks=HALVES[number % 2])
    for number, group in enumerate(GROUPS)
    for path in group
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attacked")


@pytest.fixture(scope="module")
def share(folder: Path) -> Iterator[EmbeddedServer]:
    share = EmbeddedServer.start(default_data_dir({"TXSCOPE_DATA": str(folder)}))
    yield share
    share.stop()


@pytest.fixture(scope="module")
def attacked(folder: Path, share: EmbeddedServer) -> Iterator[Engine]:
    engine = open_engine({"TXSCOPE_DATA": str(folder)})
    visit(engine)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def usual_s(attacked: Engine) -> float:
    return usual_p95(attacked, 0.5)


@pytest.fixture(scope="module")
def together(attacked: Engine, share: EmbeddedServer, usual_s: float) -> Callable[[tuple[Path, ...]], Attack]:
    """Run a group when one of its files is asked for first."""
    return cache(lambda group: attack(attacked, group, usual_s, share.admin_conninfo, fast_s=FAST_S))


@pytest.mark.parametrize(("path", "group"), FILES)
def test_no_harm(
    path: Path,
    group: tuple[Path, ...],
    attacked: Engine,
    share: EmbeddedServer,
    together: Callable[[tuple[Path, ...]], Attack],
) -> None:
    made = together(group)
    for _again in range(3):
        if not made.harm or not all(each.startswith(TIMED) for each in made.harm):
            break
        # Only times are too long, beside others and on a machine that does other work: how slow is everybody now?
        made = attack(attacked, (path,), usual_p95(attacked), share.admin_conninfo, fast_s=FAST_S)
    assert made.harm == []


@pytest.mark.parametrize("half", [pytest.param(half, marks=mark) for half, mark in enumerate(HALVES)])
def test_the_next_start_is_as_the_first(half: int, attacked: Engine, folder: Path, share: EmbeddedServer) -> None:
    """Last in this file: after all attacks another process would come."""
    assert left_on(share.admin_conninfo) == []
    second = open_engine({"TXSCOPE_DATA": str(folder)})
    try:
        assert second.capabilities() == attacked.capabilities()
        for key in ("lost_update", "write_skew", "deadlock_three"):
            scenario = find(key)
            for level, expected in scenario.variants[0].expectations.items():
                result = run_scenario(second, scenario, scenario.variants[0], level)
                assert result.outcome == expected, (key, level, result.reason)
    finally:
        second.close()
