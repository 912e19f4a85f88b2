"""Histories of operations as a database would give them that keeps to one isolation level, or nearly."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Entry = dict[str, Any]
Asked = list[list[Any]]
#: a key gets so many writes, then another takes its place
WRITES_A_KEY = 60


class Level(Enum):
    """What a store holds."""

    #: each transaction runs whole, at some point between its beginning and its end
    SERIAL = "serial"
    #: reads as of the beginning, first committer wins
    SNAPSHOT = "snapshot"
    #: reads what is committed, locks what it writes
    READ_COMMITTED = "read committed"


@dataclass
class _Running:
    process: int
    asked: Asked
    done: Asked = field(default_factory=list)
    snapshot: int = 0
    own: dict[int, list[int]] = field(default_factory=dict)
    outcome: str = ""


@dataclass
class Store:
    """Runs random transactions on lists (`append`) or registers (`w`).

    Of a `failing` part of them nothing is stored; of an `uncertain` part all or nothing, and the client never hears. A
    `stale` part of the reads answers as of some earlier time.
    """

    seed: int
    write: str = "append"
    level: Level = Level.SERIAL
    keys: int = 10
    failing: float = 0.05
    uncertain: float = 0.05
    stale: float = 0.0

    def __post_init__(self) -> None:
        self._randomness = random.Random(self.seed)
        self._keys = list(range(self.keys))
        self._next_key = self.keys
        self._written: dict[int, int] = {}
        #: key -> all values that were stored, and when
        self._stored: dict[int, list[int]] = {}
        self._times: dict[int, list[int]] = {}
        self._time = 0
        self._locks: dict[int, int] = {}

    def entries(self, transactions: int, operations: int = 4, processes: int = 10) -> Iterator[Entry]:
        """Invocations and completions, as JSON would hold them; up to `processes` transactions overlap."""
        running: list[_Running] = []
        begun = 0
        while begun < transactions or running:
            if begun < transactions and len(running) < processes and self._randomness.random() < 0.4:
                asked = [self._operation() for _ in range(self._randomness.randint(1, 2 * operations - 1))]
                running.append(_Running(begun, asked, snapshot=self._time))
                yield {"type": "invoke", "process": begun, "f": "txn", "value": asked}
                begun += 1
            elif running:
                one = self._randomness.choice(running)
                if one.outcome:
                    running.remove(one)
                    value = one.done if one.outcome == "ok" else one.asked
                    yield {"type": one.outcome, "process": one.process, "f": "txn", "value": value}
                else:
                    self._go_on(one)

    def _operation(self) -> list[Any]:
        place = self._randomness.randrange(len(self._keys))
        key = self._keys[place]
        if self._randomness.random() < 0.5:
            return ["r", key, None]
        self._written[key] = self._written.get(key, 0) + 1
        if self._written[key] == WRITES_A_KEY:
            self._keys[place], self._next_key = self._next_key, self._next_key + 1
        return [self.write, key, self._written[key]]

    def _go_on(self, one: _Running) -> None:
        """By one operation; a serial one to its end."""
        while len(one.done) < len(one.asked):
            if not self._step(one, *one.asked[len(one.done)]):
                self._end(one, "fail")
                return
            if self.level is not Level.SERIAL:
                break
        if len(one.done) == len(one.asked):
            self._finish(one)

    def _step(self, one: _Running, function: str, key: int, value: Any) -> bool:
        if function != "r":
            if self.level is Level.READ_COMMITTED and self._locks.setdefault(key, one.process) != one.process:
                return False
            one.own.setdefault(key, []).append(value)
            one.done.append([function, key, value])
            return True
        seen = [*self._committed(one, key), *one.own.get(key, ())]
        if seen and self._randomness.random() < self.stale:
            seen = seen[: self._randomness.randrange(len(seen))]
        one.done.append([function, key, seen if self.write == "append" else seen[-1] if seen else None])
        return True

    def _committed(self, one: _Running, key: int) -> list[int]:
        stored = self._stored.get(key, [])
        if self.level is not Level.SNAPSHOT:
            return stored
        return stored[: bisect_right(self._times.get(key, []), one.snapshot)]

    def _finish(self, one: _Running) -> None:
        chance = self._randomness.random()
        conflict = self.level is Level.SNAPSHOT and any(self._times.get(key, [0])[-1] > one.snapshot for key in one.own)
        if conflict or chance < self.failing:
            self._end(one, "fail")
            return
        uncertain = chance < self.failing + self.uncertain
        if not uncertain or self._randomness.random() < 0.5:
            self._time += 1
            for key, values in one.own.items():
                self._stored.setdefault(key, []).extend(values)
                self._times.setdefault(key, []).extend([self._time] * len(values))
        self._end(one, "info" if uncertain else "ok")

    def _end(self, one: _Running, outcome: str) -> None:
        one.outcome = outcome
        self._locks = {key: holder for key, holder in self._locks.items() if holder != one.process}
