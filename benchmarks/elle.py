"""The checker on histories of operations: 10,000 and 100,000 transactions of four operations, sound and with bad reads.

The transactions come from a store that runs them one after another; a hundredth of its reads answers as of the past.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import orjson

from benchmarks.measure import report
from simulator.anomalies.operations.check import check_transactions
from simulator.anomalies.operations.read import Entry, entries, transactions
from tests.histories.operations.stores import Store

#: transactions -> milliseconds that a check from parsed JSON may take
LIMITS = {10_000: 2_000.0, 100_000: 25_000.0}
STALE = 0.01


def main(repeats: int = 3) -> bool:
    reached = []
    for count, limit in LIMITS.items():
        for write, what in (("append", "lists"), ("w", "registers")):
            for stale in (0.0, STALE):
                given = list(enumerate(Store(1, write, stale=stale).entries(count), start=1))
                name = f"{count:,} transactions on {what}, {stale:.0%} of reads stale"
                reached.append(report(name, [_checked(given) for _ in range(repeats)], limit))
                if write == "append" and stale:
                    _reading(given, count)
    return all(reached)


def _checked(given: Iterable[Entry]) -> float:
    started = time.perf_counter()
    check_transactions(transactions(given))
    return (time.perf_counter() - started) * 1000


def _reading(given: Iterable[Entry], count: int) -> None:
    """What reading the same from a file takes, apart from the check."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "history")
        for form, line in (("JSON", orjson.dumps), ("EDN", _edn)):
            path.write_bytes(b"\n".join(line(entry) for _, entry in given))
            took = []
            for _ in range(3):
                started = time.perf_counter()
                for _ in entries(path):
                    pass
                took.append((time.perf_counter() - started) * 1000)
            size = path.stat().st_size / 1e6
            print(
                f"  reading {count:,} of them, {size:.0f} MB of {form} lines: median {statistics.median(took):.0f} ms"
            )


def _edn(value: object) -> bytes:
    """An entry as Jepsen writes it, its texts as keywords."""
    match value:
        case dict():
            pairs = b", ".join(b":" + str(key).encode() + b" " + _edn(inner) for key, inner in value.items())
            return b"{" + pairs + b"}"
        case list():
            return b"[" + b" ".join(map(_edn, value)) + b"]"
        case None:
            return b"nil"
        case str():
            return b":" + value.encode()
        case _:
            return str(value).encode()
