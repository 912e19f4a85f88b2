"""Histories in files: plain or packed, and no more of either than a limit."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from simulator.errors import HistoryError
from simulator.history.files import load_history
from simulator.history.schedule import PAGE, History
from tests.unit.trace_samples import FOLDER, recorded_history

SAVED = FOLDER / "save_message.json"


def test_a_plain_and_a_packed_file_are_the_same_history(tmp_path: Path) -> None:
    packed = tmp_path / "trace.json.gz"
    packed.write_bytes(gzip.compress(SAVED.read_bytes()))
    assert load_history(packed) == load_history(SAVED) == recorded_history("save_message")


def test_a_small_file_that_unpacks_to_much_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.json.gz"
    bomb.write_bytes(gzip.compress(b" " * (PAGE.bytes + 1)))
    assert bomb.stat().st_size < 50_000
    with pytest.raises(HistoryError, match="too large"):
        load_history(bomb, PAGE)


@pytest.mark.parametrize("broken", [b"\x1f\x8b", gzip.compress(b"{}" * 99)[:-9], b"\x1f\x8b" + b"x" * 99])
def test_a_damaged_file_is_told_from_an_empty_one(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "broken.json.gz"
    path.write_bytes(broken)
    with pytest.raises(HistoryError, match="damaged"):
        load_history(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"missing\.json"):
        load_history(tmp_path / "missing.json")


def test_the_command_line_takes_more_than_a_page() -> None:
    text = History((), ()).to_json().replace('"events": []', f'"events": [{"[]," * PAGE.brackets}[]]')
    with pytest.raises(HistoryError, match="more lists"):
        History.from_json(text)
