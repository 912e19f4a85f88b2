"""Every mistake shows what it promises, and every fix is clean, against the real server; and nothing is left."""

from __future__ import annotations

import inspect
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from simulator.engines.base import Engine
from simulator.engines.postgres.embedded.server import EmbeddedServer
from simulator.errors import RunError
from simulator.history.schedule import StatementStarted
from simulator.labs.mistakes import gate
from simulator.labs.mistakes.catalogue import find
from simulator.labs.mistakes.entry import Expected, Mistake, Side
from simulator.labs.mistakes.run import SideResult, run_pair, run_side
from simulator.labs.mistakes.stage import Stage
from simulator.labs.mistakes.told import OK
from simulator.labs.place import open_place
from tests.integration.leftovers import left_since
from tests.integration.mistake_claims import CLAIMS
from tests.integration.mistake_runs import EACH, Observe, around

SENTENCE = re.compile(r"(?<=[.?!]) ")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mistake", EACH)
def test_each_run_comes_to_what_is_promised(observe: Observe, mistake: Mistake) -> None:
    for pair in (each.pair for each in observe(mistake)):
        assert pair.mistake.differences == ()
        assert pair.fixed.differences == ()


@pytest.mark.parametrize("mistake", EACH)
def test_the_lines_that_are_shown_are_those_that_ran(observe: Observe, mistake: Mistake) -> None:
    pair = observe(mistake)[0].pair
    assert lines_sent(pair.mistake) & lines_shown(mistake.mistake)
    assert lines_sent(pair.fixed) & lines_shown(mistake.fixed)


@pytest.mark.parametrize("mistake", [each for each in EACH if cast(Mistake, each.values[0]).silent])
def test_nobody_is_told_of_a_silent_mistake(observe: Observe, mistake: Mistake) -> None:
    for pair in (each.pair for each in observe(mistake)):
        assert pair.silent
        assert pair.mistake.failed == 0


@pytest.mark.parametrize("mistake", EACH)
def test_nothing_is_left_in_the_process_or_on_the_server(observe: Observe, mistake: Mistake) -> None:
    for each in observe(mistake):
        assert each.left == frozenset()


@pytest.mark.parametrize("mistake", [each for each in EACH if cast(Mistake, each.values[0]).key in CLAIMS])
def test_every_sentence_is_true_of_its_run(observe: Observe, engine: Engine, mistake: Mistake) -> None:
    claims = CLAIMS[mistake.key]
    sentences = [each for text in (mistake.story, mistake.why, mistake.cure) for each in SENTENCE.split(text)]
    assert [each for each in sentences if not any(phrase in each for phrase in claims)] == []
    assert [phrase for phrase in claims if not any(phrase in each for each in sentences)] == []
    pair = observe(mistake)[0].pair
    untrue = [
        phrase
        for phrase, claim in claims.items()
        if (run_side(engine, claim).differences if isinstance(claim, Side) else not claim(pair))
    ]
    assert untrue == []


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
    differences = " ".join(map(str, run_side(engine, other).differences))
    assert "KeyError" in differences
    assert "((1,),)" in differences


def test_a_client_that_nobody_lets_go_on_is_an_error_and_leaves_nothing(
    engine: Engine, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "DEADLINE_S", 0.05)
    before = around(engine, server)

    def stuck(stage: Stage) -> None:
        SessionLocal = stage.sessions()  # noqa: N806
        shut = stage.gate("llm", "A")
        stage.start("A", lambda: SessionLocal() and stage.llm("?"))
        shut.reached(2)

    with pytest.raises(RunError):
        run_side(engine, Side((), "", stuck, Expected({OK: 1})))
    assert left_since(before, lambda: around(engine, server)) == frozenset()


def test_what_stays_would_be_seen(engine: Engine, server: EmbeddedServer) -> None:
    before = around(engine, server)
    with open_place(engine, (), 1) as place, place.connect("app"):
        left = left_since(before, lambda: around(engine, server), patience_s=0)
    assert {kind for kind, _ in left} == {"backend", "schema", "socket"}


def lines_shown(side: Side) -> set[str]:
    """`file:line` of the code that the page shows."""
    shown = set()
    for part in side.code:
        lines, first = inspect.getsourcelines(part)
        name = Path(inspect.getsourcefile(part) or "").name
        shown |= {f"{name}:{number}" for number in range(first, first + len(lines))}
    return shown


def lines_sent(result: SideResult) -> set[str]:
    """`file:line` of the statements' senders."""
    events = result.history.events
    return {event.line.partition(" ")[0] for event in events if isinstance(event, StatementStarted)}
