"""Sweeps as JSON and as lines for a terminal, and the smallest order that goes wrong as files to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from simulator.engines.base import Engine
from simulator.experiments.orders import Cell, Progress, Sample, Smallest, Sweep, smallest
from simulator.export.order_test.write import order_test_text
from simulator.export.spec import run_spec_text
from simulator.export.toml import scenario_toml
from simulator.i18n import gettext as _
from simulator.i18n import ngettext
from simulator.model import Scenario
from simulator.scenarios.loader import load


def orders_json(sweeps: Sequence[Sweep], found: Smallest | None) -> dict[str, Any]:
    """`levels`: for each `total`, `possible`, `outcomes` (orders by what they came to), `varying`, and the simplest
    order that goes wrong; `smallest`: that of the first such level with all that is not needed left out."""
    first = sweeps[0]
    return {
        "format": "txscope-orders",
        "version": 1,
        "scenario": first.scenario.key,
        "variant": first.variant.key,
        "levels": {sweep.isolation.value: _level(sweep) for sweep in sweeps},
        "smallest": None if found is None else _smallest(found),
    }


def _level(sweep: Sweep) -> dict[str, Any]:
    return {
        "total": sweep.total,
        "covered": sweep.covered,
        "complete": sweep.complete,
        "possible": sweep.possible,
        "outcomes": {outcome.value: count for outcome, count in sweep.by_outcome.items()},
        "racing": sweep.racing,
        "runs": sweep.runs,
        "cells": len(sweep.cells),
        "simplest_wrong": None if sweep.simplest_wrong is None else _cell(sweep.simplest_wrong),
        "races": [_cell(cell) for cell in sweep.cells if cell.race],
        "sample": None if sweep.sample is None else _sample(sweep.sample),
        "elapsed_ms": sweep.elapsed_ns / 1e6,
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "order": list(cell.order),
        "outcome": cell.outcome.value,
        "stands_for": cell.count,
        "interruptions": cell.switches,
        "told": cell.told.english(),
        "anomalies": list(cell.anomalies),
        "seen": {outcome.value: count for outcome, count in cell.seen},
    }


def _sample(sample: Sample) -> dict[str, Any]:
    low, high = sample.bounds
    return {
        "drawn": sample.drawn,
        "possible": sample.possible,
        "wrong": sample.wrong,
        "share_with_95_percent_confidence": [low, high],
    }


def _smallest(found: Smallest) -> dict[str, Any]:
    result = found.result
    return {
        "isolation": result.isolation.value,
        "schedule": list(result.schedule.steps),
        "outcome": result.outcome.value,
        "scenario_file": smallest_toml(found),
        "runs": found.tried,
    }


def orders_lines(sweep: Sweep) -> Iterator[str]:
    """What the orders of one level came to, for a terminal."""
    yield f"{sweep.isolation.value}: {_covered(sweep)}"
    for outcome, count in sorted(sweep.by_outcome.items(), key=lambda item: -item[1]):
        yield f"  {count:8,}  {outcome.value}"
    if sweep.racing:
        yield f"  {sweep.racing:8,}  {_('the server chooses whom it serves first')}"
    if sweep.simplest_wrong is not None:
        yield "  " + _("The simplest that goes wrong: {order}").format(order=" ".join(sweep.simplest_wrong.order))
        yield f"  {sweep.simplest_wrong.told}"
    if sweep.sample is not None and not sweep.complete:
        yield f"  {sample_text(sweep.sample)}"


def _covered(sweep: Sweep) -> str:
    runs = ngettext("{n} run", "{n} runs", sweep.runs).format(n=sweep.runs)
    text = _("{possible} of {covered} orders can be carried out; {runs}, {ms} ms").format(
        possible=f"{sweep.possible:,}", covered=f"{sweep.covered:,}", runs=runs, ms=f"{sweep.elapsed_ns / 1e6:,.0f}"
    )
    if sweep.complete:
        return text
    return text + "; " + _("there are {total} in all").format(total=f"{sweep.total:,}")


def sample_text(sample: Sample) -> str:
    """What a sample says of all orders, and how surely."""
    low, high = (f"{share * 100:.1f}" for share in sample.bounds)
    return _(
        "Of {possible} possible orders drawn at random {wrong} go wrong: with 95 % confidence between {low} % and "
        "{high} % of all possible ones do."
    ).format(possible=f"{sample.possible:,}", wrong=f"{sample.wrong:,}", low=low, high=high)


def smallest_of(engine: Engine, sweep: Sweep, progress: Progress | None = None) -> Smallest | None:
    """The smallest scenario that goes wrong as the simplest order of this sweep does; None where none does."""
    cell = sweep.simplest_wrong
    return None if cell is None else smallest(engine, sweep, cell, progress, _sound)


def _sound(scenario: Scenario) -> None:
    load(scenario_toml(scenario), scenario.key)


def smallest_lines(found: Smallest) -> Iterator[str]:
    """What is left of it, for a terminal."""
    result = found.result
    yield _("The smallest that goes wrong ({isolation}, {runs} runs): {order}").format(
        isolation=result.isolation.value, runs=found.tried, order=" ".join(result.schedule.steps)
    )
    for script in result.variant.sessions:
        yield from (f"  {step.key:16} {' '.join(step.sql.split())}" for step in script.steps)


def smallest_toml(found: Smallest) -> str:
    """As a scenario file."""
    return scenario_toml(found.scenario)


def smallest_test(found: Smallest) -> str:
    """As a test of pytest's. Raises ScenarioError where a test could not judge it."""
    return order_test_text(found.scenario, found.result.variant, found.result.isolation)


def smallest_spec(found: Smallest) -> str:
    """As a file of isolationtester. Raises ScenarioError where its syntax has no room for it."""
    return run_spec_text(found.result)
