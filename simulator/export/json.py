"""A run and the two tables as plain JSON objects: what was run, where, what was seen, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from simulator.anomalies.explain import explain_verdict
from simulator.history import converter
from simulator.matrix import FixCell, HermitageCell
from simulator.run import RunResult


def run_json(result: RunResult) -> dict[str, Any]:
    """One run: `outcome`, `verdict` (in words and as data), `schedule`, `history` (as `History.to_json` writes it)."""
    plain = converter().unstructure
    return {
        "format": "txscope-run",
        "version": 1,
        "scenario": result.scenario.key,
        "variant": result.variant.key,
        "isolation": result.isolation.value,
        "schedule": list(result.schedule.steps),
        "server": plain(result.server),
        "outcome": result.outcome.value,
        "reason": result.reason,
        "verdict": plain(result.verdict),
        "explanation": list(explain_verdict(result.verdict)),
        "invariant": plain(result.invariant),
        "aborts": plain(result.aborts),
        "impossible": plain(result.impossible),
        "elapsed_ms": result.elapsed_ns / 1e6,
        "history": json.loads(result.history.to_json()),
    }


def matrix_json(hermitage: Sequence[HermitageCell], fixes: Sequence[FixCell]) -> dict[str, Any]:
    """Both tables, a cell an object, with what was expected beside what was observed."""
    return {
        "format": "txscope-matrix",
        "version": 1,
        "server": converter().unstructure((hermitage or fixes)[0].result.server) if hermitage or fixes else None,
        "hermitage": [
            {
                "case": cell.scenario.phenomenon,
                "isolation": cell.isolation.value,
                "occurs": cell.occurs,
                "expected": cell.expected,
            }
            for cell in hermitage
        ],
        "fixes": [
            {
                "scenario": cell.scenario.key,
                "variant": cell.variant.key,
                "isolation": cell.isolation.value,
                "outcome": cell.result.outcome.value,
                "expected": cell.expected.value,
                "anomalies": [anomaly.name for anomaly in cell.result.verdict.anomalies],
                "sqlstates": [abort.sqlstate for abort in cell.result.aborts],
                "reason": cell.result.reason,
            }
            for cell in fixes
        ],
    }
