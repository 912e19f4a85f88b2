"""Reports of deadlocks are read whatever carries them, whatever their language, and told in words."""

from __future__ import annotations

import tomllib
from time import process_time

import pytest

from simulator.findings.deadlock import Report, read_report, words
from simulator.findings.deadlock.report import Doing, Kind
from simulator.findings.deadlock.scenario import refusal, scenario_toml
from simulator.i18n.catalogues import speaking
from simulator.labs.lint.brought import recognise
from simulator.scenarios.loader import catalogue
from tests.unit.deadlock_samples import CLIENTS, FORMS, KINDS, LANGUAGES, LONG_WAITS, PUBLISHED, in_language


def read(text: str) -> Report:
    found = read_report(text)
    assert found is not None
    return found


def circle(report: Report) -> list[tuple[int, int | None]]:
    return [(wait.process, wait.blocker) for wait in report.waits]


def told(report: Report) -> str:
    parts = (*words.circle(report), words.outcome(report), *words.contexts(report), *words.missing(report))
    return "\n".join(map(str, (*parts, words.cure(report))))


@pytest.mark.parametrize("form", FORMS)
def test_whatever_carries_a_report_the_circle_is_the_same(form: str) -> None:
    report = read(FORMS[form])
    assert circle(report) == [(101, 102), (102, 101)]
    assert report.victim == 101
    assert report.statements == {
        101: "UPDATE device SET seen = $1 WHERE id = $2",
        102: "DELETE FROM device WHERE id = $1",
    }
    (context,) = report.contexts
    assert (context.doing, context.name, context.tuple) == (Doing.UPDATING, "device", (0, 7))
    assert report.others == (1 if form == "after another" else 0)


@pytest.mark.parametrize("client", CLIENTS)
def test_an_exception_has_the_circle_and_not_what_the_others_ran(client: str) -> None:
    report = read(CLIENTS[client])
    assert circle(report) == [(101, 102), (102, 101)]
    assert report.contexts[0].name == "device"
    assert 102 not in report.statements
    assert "102" in str(words.missing(report)[0])
    if client == "sqlalchemy":
        assert report.statements == {101: "UPDATE device SET seen=%(seen)s WHERE id = %(id)s"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_server_may_speak_any_language(language: str) -> None:
    report = read(in_language(language))
    assert circle(report) == [(101, 102), (102, 101)]
    assert [wait.mode for wait in report.waits] == ["ShareLock", "AccessShareLock"]
    assert [wait.object.kind for wait in report.waits] == [Kind.TRANSACTION, Kind.RELATION]
    assert report.waits[0].object.numbers == (5,)
    assert report.waits[1].object.numbers == (16384, 9)
    assert report.statements == {101: "UPDATE device SET seen = 1", 102: "SELECT 1 FROM device"}
    assert (report.contexts[0].doing, report.contexts[0].name) == (Doing.UPDATING, "device")
    assert report.contexts[0].tuple == (0, 7)


@pytest.mark.parametrize("language", LONG_WAITS)
def test_a_wait_for_a_lock_is_no_deadlock(language: str) -> None:
    still, acquired = LONG_WAITS[language]
    waiting = read(f"LOG:  {still}\nDETAIL:  Process holding the lock: 102. Wait queue: 101, 103.\n")
    assert (waiting.is_deadlock, waiting.acquired, waiting.waited_ms) == (False, False, 1000.762)
    assert circle(waiting) == [(101, 102)]
    assert waiting.queue == (101, 103)
    assert waiting.waits[0].object.kind is Kind.TRANSACTION
    ended = read(f"LOG:  {still}\nLOG:  {acquired}\n")
    assert (ended.acquired, ended.waited_ms) == (True, 1777.653)
    assert scenario_toml(ended) == ""
    assert refusal(ended)


@pytest.mark.parametrize(
    ("name", "kinds", "fits"),
    [
        ("foreign key", {Kind.TRANSACTION}, "foreign_key_lock"),
        ("unique", {Kind.TRANSACTION}, "unique_wait"),
        ("same statement", {Kind.TRANSACTION}, "deadlock"),
        ("tables", {Kind.RELATION}, "deadlock"),
        ("advisory", {Kind.ADVISORY}, "advisory_lock"),
        ("three", {Kind.TRANSACTION, Kind.TUPLE}, "deadlock_three"),
    ],
)
def test_the_entry_of_the_catalogue_that_fits_is_named(name: str, kinds: set[Kind], fits: str) -> None:
    report = read(KINDS[name])
    assert {wait.object.kind for wait in report.waits} == kinds
    assert words.fits(report) == fits
    assert fits in {scenario.key for scenario in catalogue()}


def test_context_is_told_in_words() -> None:
    assert "foreign key" in told(read(KINDS["foreign key"]))
    assert "unique index “tags_name_key”" in told(read(KINDS["unique"]))
    assert "Both ran the same statement" in told(read(KINDS["same statement"]))
    assert "ORDER BY id" in told(read(KINDS["same statement"]))
    assert "Both ran" not in told(read(KINDS["foreign key"]))


def test_what_the_log_does_not_say_is_said() -> None:
    without = told(read(PUBLISHED["b-client-error-no-sql.txt"]))
    assert "What processes 1701302, 1701304 ran" in without
    assert "The values of the parameters" not in without
    assert "regclass" in told(read(KINDS["tables"]))
    assert "The values of the parameters" in told(read(PUBLISHED["a-server-log-tabs.txt"]))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_reports_are_read(name: str) -> None:
    report = read(PUBLISHED[name])
    assert report.is_deadlock is (name != "h-lock-wait.txt")
    assert report.contexts
    assert words.fits(report) in {scenario.key for scenario in catalogue()}


@pytest.mark.parametrize("text", [*PUBLISHED.values(), *FORMS.values(), *KINDS.values(), *CLIENTS.values()])
def test_the_scenario_is_a_file_with_a_step_for_each_placeholder(text: str) -> None:
    report = read(text)
    made = scenario_toml(report)
    if not report.is_deadlock:
        assert made == ""
        return
    variant = tomllib.loads(made)["variants"][0]
    assert {f"P{process}" for process in report.processes} == set(variant["sessions"])
    for process in report.processes:
        assert f"# PLACEHOLDER first_{process}:" in made
        assert [step["name"] for step in variant["sessions"][f"P{process}"]] == [
            f"first_{process}",
            f"then_{process}",
            "commit",
        ]


def test_names_in_a_log_are_names_and_no_sql() -> None:
    text = KINDS["three"].replace("Odd Name", 'x\\"; DROP TABLE y; --')
    setup = tomllib.loads(scenario_toml(read(text)))["setup"]
    assert "DROP TABLE y" not in setup.replace('"', "") or '"' in setup


def test_words_are_in_chinese_too() -> None:
    with speaking("zh"):
        assert "进程 101" in told(read(FORMS["stderr"]))


@pytest.mark.parametrize("text", ["", "hello", "ERROR:  deadlock detected", "{}", "[1, 2", "x" * 500_000, "\0" * 99])
def test_what_is_no_report_is_none(text: str) -> None:
    assert read_report(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Process 1 waits for ShareLock on " * 10_000,
        "1 ShareLock " * 30_000,
        "12;ShareLock " * 30_000,
        "1 ShareLock [" + "5," * 100_000,
        '"' * 300_000,
    ],
    ids=["half", "modes", "ends", "numbers", "quotes"],
)
def test_half_of_a_report_takes_no_longer_than_a_whole_one(text: str) -> None:
    begun = process_time()
    assert read_report(text) is None
    recognise(text)
    assert process_time() - begun < 20  # each takes a second; without limits one took half a minute
