"""Histories of operations: what is sound is never accused, what is wrong is found and bears its name."""

from __future__ import annotations

import random
from typing import Any

import pytest

from simulator.anomalies.operations.check import check_transactions
from simulator.anomalies.operations.models import remaining, ruled_out
from simulator.anomalies.operations.phenomena import NAMED, SEVERITY
from simulator.anomalies.operations.read import transactions
from simulator.anomalies.operations.types import Report
from tests.histories.operations.stores import Level, Store

Given = list[tuple[str, list[list[Any]]]]


def report(*given: tuple[str, list[list[Any]]]) -> Report:
    return check_transactions(transactions(enumerate(({"type": kind, "value": value} for kind, value in given), 1)))


def found(result: Report) -> dict[str, int]:
    return {one.name: one.count for one in result.anomalies}


def ok(*operations: list[Any]) -> tuple[str, list[list[Any]]]:
    return "ok", list(operations)


def append(key: str, element: int) -> list[Any]:
    return ["append", key, element]


def write(key: str, value: int) -> list[Any]:
    return ["w", key, value]


def read(key: str, value: Any) -> list[Any]:
    return ["r", key, value]


#: name -> a smallest history that has it
LISTS: dict[str, Given] = {
    "G0": [
        ok(append("x", 1), append("y", 1)),
        ok(append("x", 2), append("y", 2)),
        ok(read("x", [1, 2]), read("y", [2, 1])),
    ],
    "G1a": [("fail", [append("x", 1)]), ok(read("x", [1]))],
    "G1b": [ok(append("x", 1), append("x", 2)), ok(read("x", [1])), ok(read("x", [1, 2]))],
    "G1c": [ok(append("x", 1), read("y", [1])), ok(append("y", 1), read("x", [1]))],
    "dirty update": [("fail", [append("x", 1)]), ok(append("x", 2)), ok(read("x", [1, 2]))],
    "duplicate element": [ok(append("x", 1)), ok(append("x", 2)), ok(read("x", [1, 2, 1]))],
    "garbage read": [ok(append("x", 1)), ok(read("x", [1, 9]))],
    "incompatible order": [ok(append("x", 1)), ok(append("x", 2)), ok(read("x", [1, 2])), ok(read("x", [2, 1]))],
    "lost element": [ok(append("x", 1)), ok(append("x", 2)), ok(read("x", [1, 2])), ok(read("x", [2]))],
    "internal": [ok(append("x", 1)), ok(read("x", [1]), read("x", []))],
    "future read": [ok(read("x", [1]), append("x", 1))],
    "P4": [ok(read("x", []), append("x", 1)), ok(read("x", []), append("x", 2)), ok(read("x", [1, 2]))],
    "OTV": [
        ok(append("x", 1), append("y", 1)),
        ok(read("x", [1]), read("y", [])),
        ok(read("y", [1])),
    ],
    "G-single": [ok(append("x", 1), append("y", 1)), ok(read("y", []), read("x", [1])), ok(read("y", [1]))],
    "long fork": [
        ok(append("x", 1)),
        ok(append("y", 1)),
        ok(read("x", [1]), read("y", [])),
        ok(read("x", []), read("y", [1])),
    ],
    "G-nonadjacent": [
        ok(append("x", 1)),
        ok(read("x", [1]), append("z", 1)),
        ok(append("y", 1)),
        ok(read("z", [1]), read("y", [])),
        ok(read("x", []), read("y", [1])),
    ],
    "G2-item": [
        ok(read("x", []), append("y", 1)),
        ok(read("y", []), append("x", 1)),
        ok(read("x", [1]), read("y", [1])),
    ],
}
REGISTERS: dict[str, Given] = {
    "G1a": [("fail", [write("x", 1)]), ok(read("x", 1))],
    "G1b": [ok(write("x", 1), write("x", 2)), ok(read("x", 1))],
    "G1c": [ok(write("x", 1), read("y", 1)), ok(write("y", 1), read("x", 1))],
    "cyclic versions": [ok(read("x", 2), write("x", 1)), ok(read("x", 1), write("x", 2))],
    "garbage read": [ok(write("x", 1)), ok(read("x", 9))],
    "internal": [ok(write("x", 1)), ok(read("x", 1), read("x", None))],
    "future read": [ok(read("x", 1), write("x", 1))],
    "P4": [ok(read("x", None), write("x", 1)), ok(read("x", None), write("x", 2))],
    "OTV": [ok(write("x", 1), write("y", 1)), ok(read("x", 1), read("y", None))],
    "G-single": [ok(write("x", 1), write("y", 1)), ok(read("y", None), read("x", 1))],
    "long fork": [
        ok(write("x", 1)),
        ok(write("y", 1)),
        ok(read("x", 1), read("y", None)),
        ok(read("x", None), read("y", 1)),
    ],
    "G2-item": [ok(read("x", None), write("y", 1)), ok(read("y", None), write("x", 1))],
}
#: what comes with it by necessity
ALONG = {
    "P4": {"G-single", "G2-item"},
    "OTV": {"G-single"},
    "lost element": {"incompatible order"},
    "incompatible order": {"lost element"},
    "cyclic versions": {"G1c"},
    "dirty update": {"G1a"},
    "internal": {"G-single"},
}
KNOWN = [("append", name, given) for name, given in LISTS.items()] + [
    ("w", name, given) for name, given in REGISTERS.items()
]


@pytest.mark.parametrize(("kind", "name", "given"), KNOWN)
def test_each_anomaly_bears_its_name_and_no_other(kind: str, name: str, given: Given) -> None:
    names = found(report(*given)).keys()
    assert name in names
    assert names - {name} <= ALONG.get(name, set())


def test_every_name_has_a_history_and_a_place() -> None:
    assert LISTS.keys() | REGISTERS.keys() == SEVERITY.keys() - {"PMP", "P2", "read-only anomaly", "G2"}
    assert SEVERITY.keys() == NAMED.keys()


@pytest.mark.parametrize("write", ["append", "w"])
@pytest.mark.parametrize("seed", range(6))
def test_a_serial_store_is_never_accused(write: str, seed: int) -> None:
    store = Store(seed, write, keys=2 + seed)
    result = check_transactions(transactions(enumerate(store.entries(300), 1)))
    assert found(result) == {}


@pytest.mark.parametrize("write", ["append", "w"])
def test_snapshots_are_never_said_to_be_none_and_their_skew_is_seen(write: str) -> None:
    skewed = 0
    for seed in range(6):
        store = Store(seed, write, Level.SNAPSHOT, keys=3)
        names = found(check_transactions(transactions(enumerate(store.entries(200), 1)))).keys()
        assert "snapshot isolation" not in {model.title for model in ruled_out(names)}, names
        skewed += "G2-item" in names
    assert skewed


@pytest.mark.parametrize("write", ["append", "w"])
def test_what_reads_only_committed_data_is_never_said_to_read_other(write: str) -> None:
    for seed in range(6):
        store = Store(seed, write, Level.READ_COMMITTED, keys=5)
        names = found(check_transactions(transactions(enumerate(store.entries(200), 1)))).keys()
        assert "read committed" not in {model.title for model in ruled_out(names)}, names
        assert "serializable" in {model.title for model in ruled_out(names)}


@pytest.mark.parametrize(("kind", "name", "given"), KNOWN)
def test_a_known_fault_is_found_among_hundreds_of_sound_transactions(kind: str, name: str, given: Given) -> None:
    randomness = random.Random(name)
    entries = [entry for entry in Store(17, kind).entries(200) if entry["type"] != "invoke"]
    places = sorted(randomness.randrange(len(entries)) for _ in given)
    for place, (completion, value) in reversed(list(zip(places, given, strict=True))):
        entries.insert(place, {"type": completion, "process": -1, "f": "txn", "value": value})
    names = found(check_transactions(transactions(enumerate(entries, 1)))).keys()
    assert name in names
    assert names - {name} <= ALONG.get(name, set())


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("G0", []),
        ("duplicate element", []),
        ("cyclic versions", []),
        ("G1c", ["read uncommitted"]),
        ("incompatible order", ["read uncommitted"]),
        ("OTV", ["read uncommitted", "read committed"]),
        ("P4", ["read uncommitted", "read committed", "monotonic atomic view"]),
        ("long fork", ["read uncommitted", "read committed", "monotonic atomic view"]),
        ("G2-item", ["read uncommitted", "read committed", "monotonic atomic view", "snapshot isolation"]),
        ("internal", ["read uncommitted", "read committed", "monotonic atomic view", "repeatable read"]),
    ],
)
def test_an_anomaly_rules_out_what_forbids_it_and_all_that_is_stronger(name: str, left: list[str]) -> None:
    assert [model.title for model in remaining([name])] == left
    assert "strict serializable" in {model.title for model in ruled_out([name])}


def test_nothing_found_rules_out_nothing_and_proves_nothing_of_real_time() -> None:
    assert ruled_out([]) == ()
    assert "strict serializable" not in {model.title for model in remaining([])}


def test_a_transaction_of_unknown_outcome_counts_once_it_was_read() -> None:
    read_it = report(("info", [append("x", 1), append("y", 1)]), ok(read("x", [1]), read("y", [])), ok(read("y", [1])))
    assert (read_it.committed, read_it.unknown) == (3, 0)
    assert "OTV" in found(read_it)
    unread = report(("info", [append("x", 1)]), ok(read("x", [])))
    assert (unread.committed, unread.unknown, found(unread)) == (1, 1, {})


def test_a_cycle_is_told_in_sentences_that_lead_around() -> None:
    (write_skew,) = report(*LISTS["G2-item"]).anomalies
    ((headline, *edges),) = write_skew.examples
    assert str(headline).startswith("T2 must come before T1, and T1 before T2")
    assert [str(edge) for edge in edges] == [
        "T2 read y when it was empty, and T1 appended 1: T2 must come before T1.",
        "T1 read x when it was empty, and T2 appended 1: T1 must come before T2.",
    ]


def test_many_readers_of_nothing_and_many_writers_are_no_product() -> None:
    """A thousand of each: a million edges, were each one made."""
    given = [ok(read("x", None), read("y", None)) for _ in range(1000)]
    given += [ok(write("x", n), write("y", n)) for n in range(1000)]
    assert found(report(*given)) == {}
    given.append(ok(read("x", 5), read("y", None)))
    assert found(report(*given)) == {"OTV": 1, "G-single": 1}


def test_many_lists_that_agree_with_none_are_told_apart() -> None:
    numbers = list(range(30))
    given = [ok(append("x", n)) for n in numbers]
    for seed in range(300):
        random.Random(seed).shuffle(numbers)
        given.append(ok(read("x", list(numbers))))
    assert found(report(*given))["incompatible order"] == 299


def test_many_that_update_nothing_are_one_tangle_of_lost_updates() -> None:
    given = [ok(read("x", None), write("x", n)) for n in range(100)]
    assert found(report(*given)) == {"P4": 1, "G2-item": 1}
