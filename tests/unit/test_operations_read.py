"""Files of operations: JSON and EDN, by line and whole, and what is said of damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.anomalies.operations.edn import forms
from simulator.anomalies.operations.read import entries, transactions
from simulator.anomalies.operations.types import Completion, Transaction
from simulator.errors import HistoryError

JSON = (
    '{"type": "invoke", "process": 0, "f": "txn", "value": [["append", "x", 1], ["r", "x", null]]}\n'
    '{"type": "ok", "process": 0, "f": "txn", "value": [["append", "x", 1], ["r", "x", [1]]]}\n'
)
EDN = (
    "{:type :invoke, :process 0, :f :txn, :value [[:append :x 1] [:r :x nil]]}\n"
    "{:type :ok, :process 0, :f :txn, :value [[:append :x 1] [:r :x [1]]], :time 17, :index 1}\n"
)
READ = [(Completion.OK, (("append", "x", 1), ("r", "x", [1])))]


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "history"


def told(path: Path, text: str) -> list[Transaction]:
    path.write_text(text, encoding="utf-8")
    return list(transactions(entries(path)))


def plain(found: list[Transaction]) -> list[tuple[Completion, tuple[tuple[object, ...], ...]]]:
    return [(one.completion, tuple(map(tuple, one.operations))) for one in found]


@pytest.mark.parametrize(
    "text",
    [
        JSON,
        "[" + ",\n".join(JSON.splitlines()) + "]",
        EDN,
        f"[{EDN}]",
        f"({EDN})",
        EDN.replace("{:type", "#jepsen.history.Op{:type"),
        EDN.replace(", :f", ",\n :f"),
        f"; of a run\n\n{EDN}",
    ],
    ids=["JSON lines", "JSON array", "EDN lines", "EDN vector", "EDN list", "tagged", "several lines each", "comment"],
)
def test_all_forms_say_the_same(history: Path, text: str) -> None:
    assert plain(told(history, text)) == READ


def test_a_transaction_is_named_after_the_line_that_completes_it(history: Path) -> None:
    assert [one.name for one in told(history, JSON)] == ["T2"]
    assert [one.name for one in told(history, "[" + ",".join(JSON.splitlines()) + "]")] == ["T2"]


def test_completions_without_a_value_have_that_of_their_invocation(history: Path) -> None:
    text = "".join(
        f"{{:type :invoke, :process {n}, :f :txn, :value [[:append :x {n}]]}}\n"
        f"{{:type {kind}, :process {n}, :f :txn, :value nil, :error :timeout}}\n"
        for n, kind in enumerate((":fail", ":info"))
    )
    assert plain(told(history, text)) == [
        (Completion.FAIL, (("append", "x", 0),)),
        (Completion.INFO, (("append", "x", 1),)),
    ]


def test_what_was_begun_and_never_completed_is_of_unknown_outcome(history: Path) -> None:
    assert [one.completion for one in told(history, JSON.splitlines()[0])] == [Completion.INFO]


def test_what_is_no_transaction_is_passed_over(history: Path) -> None:
    nemesis = "{:type :info, :process :nemesis, :f :start-partition, :value [:isolated {1 #{2}}]}\n"
    assert plain(told(history, nemesis + EDN)) == READ


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (JSON + '{"type": "ok", "val', "Line 3: it is not JSON"),
        (EDN + "{:type :ok, :value [[:r", "Line 3: [ is not closed"),
        (EDN + "{:type :ok)\n", "Line 3: ) is not expected here"),
        (JSON + "7\n", "Line 3: it is not a map"),
        (JSON + '{"type": "done", "value": []}', "Line 3: its type is 'done'"),
        (JSON + '{"type": "ok", "value": null}', "Line 3: its value is no list"),
        (JSON + '{"type": "ok", "value": [["append", "x"]]}', "Line 3: ['append', 'x'] is no operation"),
        (JSON + '{"type": "ok", "value": [["append", "x", true]]}', "Line 3: ['append', 'x', True] is no operation"),
        (JSON + '{"type": "ok", "value": [["append", "x", 1.0]]}', "is no operation"),
        (JSON + '{"type": "ok", "value": [["cas", "x", 1]]}', "is no operation"),
        (JSON + '{"type": "ok", "value": [["r", ["x"], []]]}', "is no operation"),
        ("nonsense", "it is not a map"),
        ("[1, 2", "is not closed"),
        ("{:a " * 1000, "nested too deeply"),
        ("[" * 100_000, "This is no history"),
    ],
)
def test_a_damaged_line_is_named(history: Path, text: str, said: str) -> None:
    with pytest.raises(HistoryError) as raised:
        told(history, text)
    assert said in str(raised.value)


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be read"):
        list(entries(tmp_path / "nowhere"))
    (tmp_path / "binary").write_bytes(b"{:a 1}\n\xff\xfe\n")
    with pytest.raises(HistoryError, match="Line 2: it is not UTF-8"):
        list(entries(tmp_path / "binary"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[1 -2, 3] (1 2.5) #{7}", [[1, -2, 3], [1, 2.5], [7]]),
        ('{:a "x\\n", "b" nil, c true}', [{"a": "x\n", "b": None, "c": True}]),
        ("1N 2M +3 -4.5e1", [1, 2.0, 3, -45.0]),
        ('#inst "2020" #uuid "u" #_ 1 2 #_ #_ 3 4 5 [#_ 6]', ["2020", "u", 2, 5, []]),
        ("; nothing\n", []),
        (":ns/name ->sym \\c", ["ns/name", "->sym", "\\c"]),
    ],
)
def test_edn(text: str, values: list[object]) -> None:
    assert list(forms(text)) == values


@pytest.mark.parametrize("text", ["{:a", "[1", "}", "{:a}", "#_", '"abc', "[1 -]", "#tag", "{[] 1}", "\x00", "[#_]"])
def test_what_is_no_edn_is_refused(text: str) -> None:
    with pytest.raises(HistoryError):
        list(forms(text))
