"""The verdicts on a real server against the literature's table, written out here and nowhere read from code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.engines.base import Engine
from simulator.experiments.matrix import fix_table, hermitage_table, occurs
from simulator.experiments.orders import fingerprint
from simulator.export.text import matrix_text
from simulator.model import Outcome, Scenario, Variant
from simulator.scenarios.loader import catalogue, find
from tests.integration.cells import ROUNDS, Cells, scenarios, together, variants

#: https://github.com/ept/hermitage, PostgreSQL: o occurs, . prevented; columns RU, RC, RR, SERIALIZABLE
HERMITAGE = {
    "G0": "....",
    "G1a": "....",
    "G1b": "....",
    "G1c": "....",
    "OTV": "....",
    "PMP": "oo..",
    "P4": "oo..",
    "G-single": "oo..",
    "G2-item": "ooo.",
    "G2": "ooo.",
}


def test_the_cases_are_the_literatures() -> None:
    assert {str(each.phenomenon) for each in catalogue() if each.family == "hermitage"} == set(HERMITAGE)


@pytest.mark.parametrize("scenario", scenarios("hermitage"))
def test_a_row_of_the_hermitage_table_is_the_literatures(cell: Cells, scenario: Scenario) -> None:
    name, naive = str(scenario.phenomenon), scenario.variants[0]
    for number in range(ROUNDS + 1):
        results = [cell(scenario, naive, isolation).every[number] for isolation in scenario.levels]
        assert "".join({True: "o", False: ".", None: "?"}[occurs(each, name)] for each in results) == HERMITAGE[name]


@pytest.mark.parametrize(("scenario", "variant"), variants())
def test_every_variant_comes_to_what_is_expected_and_always_to_the_same(
    cell: Cells, scenario: Scenario, variant: Variant
) -> None:
    for isolation, expected in variant.expectations.items():
        results = cell(scenario, variant, isolation).every
        assert [result.outcome for result in results] == [expected] * len(results), (isolation.short, results[0].reason)
        assert [result.impossible for result in results] == [None] * len(results)
        assert len({fingerprint(result) for result in results}) == 1, isolation.short


NAIVE = ("lost_update", "write_skew", "double_booking")


@pytest.mark.parametrize("key", [pytest.param(key, marks=together(key)) for key in NAIVE])
def test_naive_breaks_its_invariant_where_an_anomaly_is_found(cell: Cells, key: str) -> None:
    scenario = find(key)
    pairs = [(each, level) for each in scenario.variants if not each.is_fix for level in each.expectations]
    results = [result for variant, level in pairs for result in cell(scenario, variant, level).every]
    assert Outcome.ANOMALY in {result.outcome for result in results}
    for result in results:
        assert result.invariant is not None
        assert result.invariant.holds is (result.outcome is not Outcome.ANOMALY)


def test_the_tables_as_text_say_what_was_seen_and_where_it_differs(engine: Engine) -> None:
    hermitage = list(hermitage_table(engine, [find("p4")]))
    assert [each.occurs for each in hermitage] == [mark == "o" for mark in HERMITAGE["P4"]]
    fixes = list(fix_table(engine, [find("lost_update")]))
    text = matrix_text(hermitage, fixes)
    assert "occurs" in text
    assert "anomaly P4" in text
    assert text.endswith(f"{4 + len(fixes)} of {4 + len(fixes)} cells as expected.")
    wrong = [replace(fixes[0], expected=Outcome.SAFE), *fixes[1:]]
    assert "anomaly P4 !!" in matrix_text(hermitage, wrong)
