"""The command line as a person types it: in a process of its own, with a data folder that the tests share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.engines.embedded import EmbeddedServer

ROOT = Path(__file__).parent.parent.parent


def simulator(folder: Path, *arguments: str, url: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TXSCOPE_DATA": str(folder), "DATABASE_URL": url}
    return subprocess.run(
        [sys.executable, "-m", "simulator", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.usefixtures("server")
class TestOnTheSharedServer:
    def test_run_tells_the_story_and_the_verdict(self, data_folder: Path) -> None:
        done = simulator(data_folder, "run", "lost_update")
        assert done.returncode == 0
        assert "waits for T1" in done.stdout
        assert "Lost update (P4)" in done.stdout
        assert "is broken" in done.stdout

    def test_run_as_json_is_one_object_with_its_history(self, data_folder: Path) -> None:
        done = simulator(data_folder, "run", "lost_update", "--level", "rr", "--json")
        result = json.loads(done.stdout)
        assert (result["outcome"], result["isolation"]) == ("retried", "REPEATABLE READ")
        assert result["history"]["format"] == "txscope-history"
        assert [abort["sqlstate"] for abort in result["aborts"]] == ["40001"]

    def test_another_order_is_run_and_an_impossible_one_explained(self, data_folder: Path) -> None:
        serial = simulator(
            data_folder, "run", "lost_update", "--order", "T1.read T1.write T1.commit T2.read T2.write T2.commit"
        )
        assert "As if T1 ran first, then T2." in serial.stdout
        impossible = simulator(
            data_folder, "run", "lost_update", "--order", "T1.read T2.read T1.write T2.write T2.commit T1.commit"
        )
        assert impossible.returncode == 0
        assert "T2.commit cannot be sent here" in impossible.stdout

    def test_a_file_of_ones_own_is_run(self, data_folder: Path, tmp_path: Path) -> None:
        own = tmp_path / "mine.toml"
        text = (ROOT / "simulator/scenarios/catalogue/lost_update.toml").read_text()
        own.write_text(text.replace('key = "lost_update"', 'key = "mine"'))
        done = simulator(data_folder, "run", str(own), "--json")
        assert json.loads(done.stdout)["scenario"] == "mine"

    def test_matrix_as_json_has_every_cell_and_nothing_differs(self, data_folder: Path) -> None:
        done = simulator(data_folder, "matrix", "--json")
        tables = json.loads(done.stdout)
        assert done.returncode == 0
        assert len(tables["hermitage"]) == 40
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
        self, data_folder: Path, arguments: tuple[str, ...], fragment: str
    ) -> None:
        done = simulator(data_folder, *arguments)
        assert done.returncode == 2
        assert fragment in done.stderr
        assert "Traceback" not in done.stderr


def test_list_needs_no_database(tmp_path: Path) -> None:
    done = simulator(tmp_path / "nowhere", "list")
    assert done.returncode == 0
    assert "lost_update" in done.stdout
    assert not (tmp_path / "nowhere").exists()


def test_a_bad_database_url_is_told_without_its_password(tmp_path: Path) -> None:
    done = simulator(tmp_path, "run", "lost_update", url="mysql://ada:hunter2@db.example.org/shop")
    assert done.returncode == 2
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pipe_that_closes_early_is_no_error(server: EmbeddedServer) -> None:
    done = subprocess.run(
        f"'{sys.executable}' -m simulator list | head -1",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
