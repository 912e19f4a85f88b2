"""Time-outs that a session sets for itself, followed in the statements that it sends.

https://www.postgresql.org/docs/18/runtime-config-client.html#GUC-STATEMENT-TIMEOUT
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from simulator.sql.words import statements

NAMES = ("lock_timeout", "statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout")

_VALUE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


def seconds(value: str) -> float | None:
    """A time-out as the server reads it, milliseconds where it has no unit; None for 0, DEFAULT, and what is no time.

    >>> seconds("1.5s"), seconds("30"), seconds("0"), seconds("DEFAULT")
    (1.5, 0.03, None, None)
    """
    found = _VALUE.fullmatch(value)
    return float(found[1]) * _SECONDS[found[2] or "ms"] or None if found else None


@dataclass(slots=True)
class TimeOuts:
    """Those of one session that its own SET and SET LOCAL have put into force; others are the engine's guard rails."""

    _session: dict[str, float | None] = field(default_factory=dict)
    _local: dict[str, float | None] = field(default_factory=dict)
    #: the session's as they were when its transaction began
    _before: dict[str, float | None] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float | None:
        """Seconds; None where the session has set none."""
        return self._local.get(name, self._session.get(name))

    def take(self, sql: str) -> None:
        """What a text sets that is sent now."""
        if "timeout" not in sql.lower():
            return
        for statement in statements(sql):
            words = statement.whole_words
            name = next((each for each in words[1:3] if each.lower() in NAMES), "").lower()
            if not name or words[0] not in ("SET", "RESET"):
                continue
            given = words[words.index(name.upper()) + 2 :]
            place = self._local if words[1] == "LOCAL" else self._session
            place[name] = seconds("".join(given).lower()) if words[0] == "SET" else None

    def begin(self) -> None:
        """A transaction begins."""
        self._before, self._local = dict(self._session), {}

    def end(self, *, kept: bool) -> None:
        """It is over: SET LOCAL is undone, and so is SET where the transaction was not committed."""
        self._local = {}
        if not kept:
            self._session = self._before
