"""The scenarios that come with Txscope: complete, consistent, and such that the checker can follow every step."""

from __future__ import annotations

import ast
import re
from importlib import resources

import pytest
import sqlglot
from sqlglot import exp

from simulator.anomalies.phenomena import PHENOMENA
from simulator.model import Isolation, Outcome, Scenario, Variant
from simulator.scenarios import loader
from simulator.sql.access import Unsupported, accesses
from simulator.sql.label import short_sql

RU, RC, RR, SER = Isolation
CATALOGUE = loader.catalogue()
VARIANTS = [(scenario, variant) for scenario in CATALOGUE for variant in scenario.variants]
ISOLATION = [scenario for scenario in CATALOGUE if scenario.family == "isolation"]
LOCKS = [scenario for scenario in CATALOGUE if scenario.family == "locks"]

#: Where each phenomenon occurs on PostgreSQL: https://github.com/ept/hermitage
HERMITAGE = {
    "G0": (),
    "G1a": (),
    "G1b": (),
    "G1c": (),
    "OTV": (),
    "PMP": (RU, RC),
    "P4": (RU, RC),
    "G-single": (RU, RC),
    "G2-item": (RU, RC, RR),
    "G2": (RU, RC, RR),
}


def each_scenario(scenarios=CATALOGUE):
    return pytest.mark.parametrize("scenario", [pytest.param(scenario, id=scenario.key) for scenario in scenarios])


each_variant = pytest.mark.parametrize(
    ("scenario", "variant"), [pytest.param(*pair, id=f"{pair[0].key}-{pair[1].key}") for pair in VARIANTS]
)


def test_every_file_is_one_scenario_under_its_own_key():
    files = resources.files("simulator.scenarios") / "catalogue"
    assert sorted(scenario.key for scenario in CATALOGUE) == sorted(
        file.name.removesuffix(".toml") for file in files.iterdir()
    )


def test_the_picker_has_an_order_in_each_family():
    places = [(scenario.family, scenario.order) for scenario in CATALOGUE]
    assert places == sorted(set(places))


def test_the_ten_hermitage_cases_are_there_under_their_names():
    cases = {
        scenario.phenomenon: (scenario.key, scenario.occurs_at)
        for scenario in CATALOGUE
        if scenario.family == "hermitage"
    }
    assert cases == {name: (name.lower().replace("-", "_"), levels) for name, levels in HERMITAGE.items()}


@each_scenario([scenario for scenario in CATALOGUE if scenario.family == "hermitage"])
def test_a_hermitage_case_is_run_at_all_four_levels(scenario: Scenario):
    assert scenario.levels == tuple(Isolation)
    assert scenario.variants[0].key == "case"
    for variant in scenario.variants:
        assert set(variant.expectations) == set(Isolation)
        assert variant.expectations[RU] == variant.expectations[RC], "READ UNCOMMITTED is READ COMMITTED"


@each_scenario(ISOLATION)
def test_an_isolation_scenario_begins_with_the_naive_variant(scenario: Scenario):
    naive, *others = scenario.variants
    assert naive.key == "naive"
    assert not naive.is_fix
    assert set(naive.expectations) == set(scenario.levels)
    assert all(variant.is_fix for variant in others)
    broken = {level for level, outcome in naive.expectations.items() if outcome is Outcome.ANOMALY}
    assert broken == set(scenario.occurs_at)


@each_scenario(LOCKS)
def test_a_locks_scenario_begins_with_the_naive_variant_and_has_a_cure(scenario: Scenario):
    naive, *others = scenario.variants
    assert naive.key == "naive"
    assert not naive.is_fix
    assert any(variant.is_fix for variant in others)
    assert scenario.levels[0] is RC, "waits are stated for the first level"


@each_scenario(LOCKS)
def test_a_locks_scenario_says_who_waits_for_whom_and_what_it_comes_to(scenario: Scenario):
    for variant in scenario.variants:
        assert variant.waits is not None, variant.key
        assert set(variant.expectations) == set(scenario.levels), variant.key
        assert Outcome.ANOMALY not in variant.expectations.values() or not variant.is_fix, variant.key


def test_advisory_locks_of_two_runs_never_meet():
    asked = [
        step.sql
        for _, variant in VARIANTS
        for session in variant.sessions
        for step in session.steps
        if "advisory" in step.sql
    ]
    assert asked
    assert all("hashtext(current_schema())" in sql for sql in asked)


@each_scenario([scenario for scenario in ISOLATION if scenario.occurs_at])
def test_what_goes_wrong_has_a_fix_at_every_level_where_it_does(scenario: Scenario):
    for level in scenario.occurs_at:
        fixes = [v for v in scenario.variants if v.is_fix and v.expectations[level] is not Outcome.ANOMALY]
        assert fixes, level


def test_a_fix_is_a_technique_and_a_level():
    failing = {
        (scenario.key, variant.key): [level.short for level, outcome in variant.expectations.items() if outcome is _BAD]
        for scenario, variant in VARIANTS
        if variant.is_fix and _BAD in variant.expectations.values()
    }
    assert failing == {("double_booking", "lock_room"): ["RR"], ("read_only_anomaly", "deferrable"): ["RC", "RR"]}


_BAD = Outcome.ANOMALY


@each_scenario()
def test_a_scenario_tells_its_story_in_a_few_sentences(scenario: Scenario):
    assert 2 <= len(re.findall(r"[.?](?: |$)", scenario.story)) <= 5
    assert scenario.source
    assert scenario.phenomenon is None or scenario.phenomenon in {one.name for one in PHENOMENA}
    texts = [scenario.title, scenario.story, *(text for v in scenario.variants for text in (v.title, v.note))]
    for text in texts:
        assert text == " ".join(text.split()), "one line, single spaces: texts are keys of the translations"


@each_variant
def test_a_variant_is_explained_and_shown_as_application_code(scenario: Scenario, variant: Variant):
    assert variant.note
    assert any(isinstance(node, ast.FunctionDef) for node in ast.parse(variant.sqlalchemy).body)
    assert max(map(len, variant.sqlalchemy.splitlines())) <= 110


@each_variant
def test_the_checker_can_follow_every_step(scenario: Scenario, variant: Variant):
    for session in variant.sessions:
        for step in session.steps:
            followed = accesses(step.sql)
            assert not isinstance(followed, Unsupported), f"{step.key}: {followed.reason}"
            assert len(followed) == 1, step.key


@each_variant
def test_every_table_has_a_primary_key(scenario: Scenario, variant: Variant):
    setup = f"{scenario.setup};{variant.setup}"
    created = [node for node in sqlglot.parse(setup, dialect="postgres") if isinstance(node, exp.Create)]
    tables = [node for node in created if node.kind == "TABLE"]
    assert tables
    assert all(node.find(exp.PrimaryKeyColumnConstraint) for node in tables)


@each_variant
def test_a_label_tells_writes_of_different_rows_apart(scenario: Scenario, variant: Variant):
    writes = {
        step.sql
        for session in variant.sessions
        for step in session.steps
        if step.sql.startswith(("INSERT", "UPDATE", "DELETE"))
    }
    rows = {sql.partition(" AND ")[0] for sql in writes}
    assert len({short_sql(sql) for sql in writes}) == len(rows)
