"""The verdicts on a real server against the literature's table, written out here and nowhere read from code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.engines.base import Engine
from simulator.explore import fingerprint
from simulator.export.text import matrix_text
from simulator.matrix import fix_table, hermitage_table
from simulator.model import Outcome
from simulator.scenarios.loader import catalogue, find

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
REPEATS = 20


def test_the_hermitage_table_is_the_literatures_and_never_differs(engine: Engine) -> None:
    for _ in range(REPEATS):
        seen: dict[str, str] = {}
        for cell in hermitage_table(engine, catalogue()):
            mark = {True: "o", False: ".", None: "?"}[cell.occurs]
            seen[str(cell.scenario.phenomenon)] = seen.get(str(cell.scenario.phenomenon), "") + mark
        assert seen == HERMITAGE


def test_every_variant_comes_to_what_is_expected_and_always_to_the_same(engine: Engine) -> None:
    # The Locks lab's scenarios have a test of their own: some of them take their time on purpose.
    scenarios = [scenario for scenario in catalogue() if scenario.family != "locks"]
    first = [fingerprint(cell.result) for cell in fix_table(engine, scenarios)]
    for _ in range(REPEATS - 1):
        cells = list(fix_table(engine, scenarios))
        wrong = [
            f"{cell.scenario.key}/{cell.variant.key} {cell.isolation.short}: {cell.result.outcome}, not {cell.expected}"
            for cell in cells
            if not cell.as_expected
        ]
        assert wrong == []
        assert [fingerprint(cell.result) for cell in cells] == first


@pytest.mark.parametrize("key", ["lost_update", "write_skew", "double_booking"])
def test_naive_breaks_its_invariant_where_an_anomaly_is_found(engine: Engine, key: str) -> None:
    cells = [cell for cell in fix_table(engine, [find(key)]) if not cell.variant.is_fix]
    assert {cell.result.outcome.value for cell in cells} >= {"anomaly"}
    for cell in cells:
        assert cell.result.invariant is not None
        assert cell.result.invariant.holds is (cell.result.outcome.value != "anomaly")


def test_the_tables_as_text_say_what_was_seen_and_where_it_differs(engine: Engine) -> None:
    hermitage = list(hermitage_table(engine, [find("p4")]))
    fixes = list(fix_table(engine, [find("lost_update")]))
    text = matrix_text(hermitage, fixes)
    assert "occurs" in text
    assert "anomaly P4" in text
    assert text.endswith(f"{4 + len(fixes)} of {4 + len(fixes)} cells as expected.")
    wrong = [replace(fixes[0], expected=Outcome.SAFE), *fixes[1:]]
    assert "anomaly P4 !!" in matrix_text(hermitage, wrong)
