"""The command line as a person types it, with a data folder that the tests share; few times in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulator import __main__ as command_line
from simulator.scenarios.loader import find
from tests.histories.checker.builder import Played

ROOT = Path(__file__).parent.parent.parent
SPECS = ROOT / "tests" / "specs"


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    stdout: str
    stderr: str


#: `typed("run", "lost_update")`, in this process: to import everything takes longer than most commands do.
Typed = Callable[..., Done]


@pytest.fixture
def typed(data_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    monkeypatch.setenv("TXSCOPE_DATA", str(data_folder))
    monkeypatch.setenv("DATABASE_URL", "")

    def run(*arguments: str) -> Done:
        try:
            code = command_line.main(arguments)
        except SystemExit as refused:  # argparse's way to end
            code = int(refused.code or 0)
        return Done(code, *capsys.readouterr())

    return run


def process(folder: Path, *arguments: str) -> Done:
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "simulator", *arguments],
        cwd=ROOT,
        env={**os.environ, "TXSCOPE_DATA": str(folder), "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.usefixtures("server")
class TestOnTheSharedServer:
    def test_run_tells_the_story_and_the_verdict(self, data_folder: Path) -> None:
        done = process(data_folder, "run", "lost_update")
        assert done.code == 0
        assert "waits for T1" in done.stdout
        assert "Lost update (P4)" in done.stdout
        assert "is broken" in done.stdout

    def test_run_as_json_is_one_object_with_its_history(self, typed: Typed) -> None:
        done = typed("run", "lost_update", "--level", "rr", "--json")
        result = json.loads(done.stdout)
        assert (result["outcome"], result["isolation"]) == ("retried", "REPEATABLE READ")
        assert result["history"]["format"] == "txscope-history"
        assert [abort["sqlstate"] for abort in result["aborts"]] == ["40001"]

    def test_another_order_is_run_and_an_impossible_one_explained(self, typed: Typed) -> None:
        serial = typed("run", "lost_update", "--order", "T1.read T1.write T1.commit T2.read T2.write T2.commit")
        assert "As if T1 ran first, then T2." in serial.stdout
        impossible = typed("run", "lost_update", "--order", "T1.read T2.read T1.write T2.write T2.commit T1.commit")
        assert impossible.code == 0
        assert "T2.commit cannot be sent here" in impossible.stdout

    def test_a_file_of_ones_own_is_run(self, typed: Typed, tmp_path: Path) -> None:
        own = tmp_path / "mine.toml"
        text = (ROOT / "simulator/scenarios/catalogue/lost_update.toml").read_text()
        own.write_text(text.replace('key = "lost_update"', 'key = "mine"'))
        done = typed("run", str(own), "--json")
        assert json.loads(done.stdout)["scenario"] == "mine"

    def test_a_file_of_isolationtester_is_run_whole_and_its_transcript_compared(
        self, typed: Typed, tmp_path: Path
    ) -> None:
        spec, right, wrong = (
            SPECS / "all_orders.spec",
            SPECS / "all_orders.out",
            tmp_path / "x.out",
        )
        printed = typed("run", str(spec))
        assert (printed.code, printed.stdout) == (0, right.read_text())
        wrong.write_text(right.read_text().replace("division by zero", "all is well", 1))
        equal = typed("run", str(spec), "--expected", str(wrong), "--expected", str(right))
        assert (equal.code, equal.stdout) == (0, "")
        differs = typed("run", str(spec), "--expected", str(wrong))
        assert differs.code == 1
        assert "-ERROR:  all is well\n+ERROR:  division by zero\n" in differs.stdout
        missing = typed("run", str(spec), "--expected", str(tmp_path / "none.out"))
        assert (missing.code, missing.stderr) == (2, "none.out cannot be opened: No such file or directory.\n")

    def test_a_file_that_ends_early_is_printed_until_there(self, typed: Typed) -> None:
        done = typed("run", str(SPECS / "refused.spec"))
        assert (done.code, done.stdout) == (1, (SPECS / "refused.out").read_text())

    def test_one_permutation_is_run_as_a_scenario(self, typed: Typed) -> None:
        done = typed("run", str(SPECS / "markers.spec"), "--variant", "p1")
        assert "deadlock detected" in done.stdout
        assert "waits for s1" in done.stdout

    def test_a_scenario_is_exported_as_a_file_that_runs(self, typed: Typed, tmp_path: Path) -> None:
        exported = typed("export", "lost_update", "--level", "rr")
        (tmp_path / "mine.spec").write_text(exported.stdout)
        done = typed("run", str(tmp_path / "mine.spec"))
        assert done.code == 0
        assert "<... completed>\nERROR:  could not serialize access due to concurrent update" in done.stdout

    def test_matrix_as_json_has_every_cell_and_nothing_differs(
        self, typed: Typed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        few = (find("p4"), find("lost_update"))
        monkeypatch.setattr(command_line, "catalogue", lambda: few)
        done = typed("matrix", "--json")
        tables = json.loads(done.stdout)
        assert done.code == 0
        assert len(tables["hermitage"]) == 4
        assert len(tables["fixes"]) == sum(len(each.variants) * len(each.levels) for each in few)
        assert all(cell["occurs"] == cell["expected"] for cell in tables["hermitage"])
        assert all(cell["outcome"] == cell["expected"] for cell in tables["fixes"])

    @pytest.mark.parametrize(
        ("arguments", "fragment"),
        [
            (("run", "lost_updat"), "lost_update"),
            (("run", "lost_update", "--variant", "nonsense"), "naive"),
            (("run", "lost_update", "--level", "chaos"), "SERIALIZABLE"),
            (("run", "lost_update", "--order", "T1.read T9.read"), "T9"),
            (("run", "lost_update", "--order", "T1.write T1.read"), "T1.read"),
            (("run", "no/such/file.toml"), "file.toml"),
            (("run", "/dev/null.toml"), "null.toml"),
            (("run", "\x1b[31m"), "scenario"),
            (("dance",), "invalid choice"),
        ],
    )
    def test_garbage_gets_a_sentence_and_exit_code_2(
        self, typed: Typed, arguments: tuple[str, ...], fragment: str
    ) -> None:
        done = typed(*arguments)
        assert done.code == 2
        assert fragment in done.stderr


def test_garbage_is_no_traceback_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = process(tmp_path / "nowhere", "run", "lost_updat")
    assert (done.code, done.stdout) == (2, "")
    assert "lost_update" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "nowhere").exists()


@pytest.fixture
def nowhere(typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Typed]:
    """Where no server is started: its folder is not made."""
    monkeypatch.setenv("TXSCOPE_DATA", str(tmp_path / "nowhere"))
    yield typed
    assert not (tmp_path / "nowhere").exists()


def test_list_needs_no_database(nowhere: Typed) -> None:
    done = nowhere("list")
    assert done.code == 0
    assert "lost_update" in done.stdout


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        ('{"type": "ok", "value": [["append", "x", 1], ["r", "x", [1]]]}', 0, "No anomaly was found."),
        (
            '{"type": "fail", "value": [["w", "x", 1]]}\n{"type": "ok", "value": [["r", "x", 1]]}',
            1,
            "Aborted read (G1a)",
        ),
        ("{:type :ok, :value [[:r :x [1] [:r :x []]]}", 2, "} is not expected"),
        ('{"format": "txscope-history", "version": 99}', 2, "version 99"),
    ],
)
def test_check_judges_a_file_and_needs_no_database(
    nowhere: Typed, tmp_path: Path, content: str, code: int, said: str
) -> None:
    (tmp_path / "history").write_text(content)
    done = nowhere("check", str(tmp_path / "history"))
    assert done.code == code
    assert said in (done.stderr if code == 2 else done.stdout)


def test_check_judges_what_txscope_saved(nowhere: Typed, tmp_path: Path) -> None:
    read, write = "SELECT balance FROM account WHERE id = 1", "UPDATE account SET balance = 9 WHERE id = 1"
    run = Played({1: (1, 100)}).step("T1", read, (100,)).step("T2", read, (100,))
    run.step("T1", write, tag="UPDATE 1").start("T2", write).wait("T2").commit("T1", r1=(1, 9))
    saved = tmp_path / "saved.json"
    saved.write_text(run.finish("T2", tag="UPDATE 1").commit("T2", r1=(1, 9)).history().to_json(), encoding="utf-8")
    done = nowhere("check", str(saved))
    assert (done.code, done.stderr) == (1, "")
    assert "Lost update (P4)" in done.stdout


def test_a_bad_database_url_is_told_without_its_password(nowhere: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://ada:hunter2@db.example.org/shop")
    done = nowhere("run", "lost_update")
    assert done.code == 2
    assert "DATABASE_URL" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_pipe_that_closes_early_is_no_error() -> None:
    done = subprocess.run(
        f"'{sys.executable}' -m simulator list | head -1",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


def test_diagnose_says_what_is_wrong_and_its_exit_code_too(typed: Typed) -> None:
    histories = ROOT / "tests" / "histories" / "sessions"
    right = typed("diagnose", str(histories / "save_message.json"))
    assert right.code == 0
    assert "no proof" in right.stdout
    wrong = typed("diagnose", str(histories / "pool_time_out.json"))
    assert wrong.code == 1
    assert "kinds.py:126 llm_inside" in wrong.stdout
    assert "python -m simulator mistakes llm_inside" in wrong.stdout
    plain = json.loads(typed("diagnose", str(histories / "pool_time_out.json"), "--json").stdout)
    assert (plain["findings"][0]["rule"], plain["findings"][0]["severity"]) == ("pool_exhausted", "failed")


def test_diagnose_refuses_what_is_no_history(typed: Typed) -> None:
    done = typed("diagnose", str(ROOT / "pyproject.toml"))
    assert done.code == 2
    assert "not JSON" in done.stderr


def test_deadlock_tells_the_circle_and_makes_a_scenario_that_closes_it(typed: Typed, tmp_path: Path) -> None:
    log = ROOT / "tests" / "cases" / "deadlock_logs" / "f-docker-prefix.txt"
    told = typed("deadlock", str(log))
    assert told.code == 0
    assert told.stdout.startswith("14475 → 14853 → 14475\n")
    assert "What the log does not say" in told.stdout
    made = tmp_path / "circle.toml"
    made.write_text(typed("deadlock", str(log), "--scenario").stdout, encoding="utf-8")
    run = typed("run", str(made))
    assert run.code == 0
    assert "40P01" in run.stdout
    refused = typed("deadlock", str(log.with_name("h-lock-wait.txt")), "--scenario")
    assert (refused.code, "no circle" in refused.stderr) == (2, True)
    assert typed("deadlock", str(ROOT / "pyproject.toml")).code == 2
