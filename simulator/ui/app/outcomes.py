"""What schedules of the catalogue came to when they last ran on this server, for whomever: kept for everybody."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from simulator.model import Isolation, Outcome, Scenario
from simulator.verdict.run import RunResult

_Key = tuple[str, str, Isolation]


class Outcomes:
    """Scripts of several people note and ask at once; only scenarios that come with Txscope are to be noted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[_Key, Outcome] = {}
        self._named: dict[str, frozenset[str]] = {}

    def note(self, results: Iterable[RunResult]) -> None:
        """Remember them; a run in another order than the variant's own says nothing of the variant."""
        with self._lock:
            for each in results:
                key = each.scenario.key
                names = {anomaly.name for anomaly in each.confirmed.anomalies}
                self._named[key] = self._named.get(key, frozenset()) | names
                if each.schedule == each.variant.schedule:
                    self._seen[key, each.variant.key, each.isolation] = each.outcome

    def of(self, scenario: Scenario, isolation: Isolation) -> Outcome | None:
        """What the first variant came to at this level; None where it has not run."""
        with self._lock:
            return self._seen.get((scenario.key, scenario.variants[0].key, isolation))

    def anomalies(self, scenario: Scenario) -> frozenset[str]:
        """Names of those that were found in any run of it."""
        with self._lock:
            return self._named.get(scenario.key, frozenset())

    def clear(self) -> None:
        """Forget everything: another server, or another group."""
        with self._lock:
            self._seen.clear()
            self._named.clear()
