"""A run and the two tables as plain JSON objects: what was run, where, what was seen, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from simulator.engines.base import ServerInfo
from simulator.experiments.matrix import FixCell, HermitageCell
from simulator.history.schedule import converter
from simulator.verdict.explain import explain_finding
from simulator.verdict.run import RunResult


def run_json(result: RunResult) -> dict[str, Any]:
    """One run: `outcome`, `explanation` (in words), `replay`, `graph`, `schedule`, `history` (a `History`'s)."""
    plain = converter().unstructure
    return {
        "format": "txscope-run",
        "version": 2,
        "scenario": result.scenario.key,
        "variant": result.variant.key,
        "isolation": result.isolation.value,
        "schedule": list(result.schedule.steps),
        "server": _server(result.server),
        "outcome": result.outcome.value,
        "reason": result.reason.english(),
        "finding": result.finding.value,
        "replay": plain(result.replayed),
        "graph": plain(result.graph),
        "explanation": [sentence.english() for sentence in explain_finding(result.facts)],
        "invariant": plain(result.invariant),
        "aborts": plain(result.aborts),
        "impossible": plain(result.impossible),
        "waits_for_ever": plain(result.waits_for_ever),
        "elapsed_ms": result.elapsed_ns / 1e6,
        "history": json.loads(result.history.to_json()),
    }


def _server(server: ServerInfo) -> dict[str, Any]:
    """What a run depends on. Files are given away: where the server stands or keeps its data is nobody's business."""
    version = server.version if isinstance(server.version, str) else server.version.english()
    return {"product": server.product, "version": version, "embedded": server.embedded}


def matrix_json(hermitage: Sequence[HermitageCell], fixes: Sequence[FixCell]) -> dict[str, Any]:
    """Both tables, a cell an object, with what was expected beside what was observed."""
    return {
        "format": "txscope-matrix",
        "version": 1,
        "server": _server((hermitage or fixes)[0].result.server) if hermitage or fixes else None,
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
                "anomalies": [anomaly.name for anomaly in cell.result.confirmed.anomalies],
                "sqlstates": [abort.sqlstate for abort in cell.result.aborts],
                "reason": cell.result.reason.english(),
            }
            for cell in fixes
        ],
    }
