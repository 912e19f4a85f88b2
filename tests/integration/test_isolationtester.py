"""Own files for isolationtester: their transcripts are the ones that isolationtester itself printed (18.6)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simulator.engines.base import Engine
from simulator.errors import RunError, ScenarioError
from simulator.experiments.spec_files import difference, run_spec, superusers_place, visitors_place
from simulator.export.spec import run_spec_text
from simulator.model import Isolation, Outcome
from simulator.scenarios.loader import find
from simulator.scenarios.spec import Spec
from simulator.scenarios.spec_reader import load_spec, load_spec_file
from simulator.scenarios.spec_variants import to_scenario
from simulator.verdict.run import RunResult, run_scenario

SPECS = Path(__file__).parents[1] / "specs"


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.spec")), ids=lambda path: path.stem)
def test_the_transcript_is_isolationtesters(engine: Engine, path: Path) -> None:
    spec = load_spec_file(path)
    with visitors_place(engine, spec) as place:
        run = run_spec(place, spec)
    assert not difference(run.transcript, {path.name: path.with_suffix(".out").read_text()})
    assert run.complete is (path.stem != "refused")


def test_a_step_that_waits_for_nobodys_step_is_cancelled_in_the_end(engine: Engine) -> None:
    spec = load_spec(
        "session a step lock { SELECT pg_advisory_lock(7); } teardown { SELECT pg_advisory_unlock(7); }\n"
        "session b step wait { SELECT pg_advisory_lock(7); } step more { SELECT 1; }\npermutation lock wait more",
        "waits.spec",
    )
    with visitors_place(engine, spec) as place:
        transcript = run_spec(place, spec, step_s=0.2).transcript
    assert "step wait: SELECT pg_advisory_lock(7); <waiting ...>\nisolationtester: canceling step wait" in transcript
    assert "step wait: <... completed>\nERROR:  canceling statement due to user request\nstep more: " in transcript


def test_an_answer_that_is_too_large_is_no_transcript_of_part_of_it(engine: Engine) -> None:
    spec = load_spec("session a step much { SELECT generate_series(1, 2000); }", "much.spec")
    with visitors_place(engine, spec) as place, pytest.raises(RunError, match="much is larger"):
        run_spec(place, spec)


def test_only_on_a_server_of_ones_own_is_a_session_a_superusers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spec = load_spec(
        "setup { CREATE ROLE isolation_own; } teardown { DROP ROLE isolation_own; }\n"
        "session a step who { SELECT current_setting('is_superuser'), current_database(); }",
        "role.spec",
    )
    with visitors_place(engine, spec) as place:
        assert "setup failed: ERROR:  permission denied to create role" in run_spec(place, spec).transcript
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("own")))
    with superusers_place() as place:
        run = run_spec(place, spec)
        assert run_spec(place, spec) == run
    assert run.complete
    assert "on             |isolation_regression\n" in run.transcript


def test_a_permutation_is_run_and_judged_as_a_scenario(engine: Engine) -> None:
    result = _result(engine, "transfers", 0)
    assert result.impossible is None
    assert [abort.sqlstate for abort in result.aborts] == ["40001"]
    assert _result(engine, "all_orders", 0).outcome is Outcome.ABORTED


@pytest.mark.parametrize("number", [0, 1])
def test_a_permutation_exported_runs_as_before(engine: Engine, number: int) -> None:
    exported = load_spec(run_spec_text(_result(engine, "transfers", number)), "transfers.spec")
    again = to_scenario(exported)
    result = run_scenario(engine, again, again.variants[0], Isolation.READ_COMMITTED, retry=False)
    twice = load_spec(run_spec_text(result), "transfers.spec")
    assert _transcript(engine, exported) == _transcript(engine, twice)
    assert (exported.sessions, exported.permutations) == (twice.sessions, twice.permutations)


@pytest.mark.parametrize(
    ("key", "variant", "level", "error"),
    [
        ("lost_update", "naive", Isolation.REPEATABLE_READ, "could not serialize access due to concurrent update"),
        ("write_skew", "naive", Isolation.SERIALIZABLE, "could not serialize access due to read/write dependencies"),
        ("deadlock", "naive", Isolation.READ_COMMITTED, "deadlock detected"),
    ],
)
def test_a_scenario_exported_fails_as_its_run_did(
    engine: Engine, key: str, variant: str, level: Isolation, error: str
) -> None:
    scenario = find(key)
    text = run_spec_text(run_scenario(engine, scenario, scenario.variant(variant), level))
    assert f"BEGIN ISOLATION LEVEL {level.value};" in text
    transcript = _transcript(engine, load_spec(text, f"{key}.spec"))
    assert transcript.count("ERROR:  ") == transcript.count(f"ERROR:  {error}") == 1


def test_a_session_of_which_only_the_setup_counts_is_exported_with_a_step(engine: Engine) -> None:
    spec = load_spec(
        "session a step a1 { SELECT pg_try_advisory_lock(5) AS free; }\n"
        "session b setup { SELECT pg_advisory_lock(5); } step b1 { } teardown { SELECT pg_advisory_unlock(5); }\n"
        "permutation a1",
        "holds.spec",
    )
    scenario = to_scenario(spec)
    text = run_spec_text(run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED))
    transcript = _transcript(engine, load_spec(text, "holds.spec"))
    assert transcript.startswith("unused step name: b_sends_nothing\n")
    assert "free\n----\nf   \n" in transcript


def test_what_the_syntax_has_no_room_for_is_refused(engine: Engine) -> None:
    scenario = replace(find("lost_update"), setup="CREATE TABLE wallet (id int, balance int); SELECT '{1}'::int[]")
    with pytest.raises(ScenarioError, match="closing brace"):
        run_spec_text(run_scenario(engine, scenario, scenario.variants[0], Isolation.READ_COMMITTED))


def _result(engine: Engine, name: str, number: int) -> RunResult:
    scenario = to_scenario(load_spec_file(SPECS / f"{name}.spec"))
    return run_scenario(engine, scenario, scenario.variants[number], Isolation.READ_COMMITTED, retry=False)


def _transcript(engine: Engine, spec: Spec) -> str:
    with visitors_place(engine, spec) as place:
        return run_spec(place, spec).transcript
