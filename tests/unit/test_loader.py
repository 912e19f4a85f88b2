"""Scenario files: what is read, and what is said about files that are wrong."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from simulator.errors import ScenarioError
from simulator.model import Isolation, Outcome, SessionScript, Wait
from simulator.scenarios import loader

OUTCOMES = "'safe', 'retried', 'aborted', 'deadlock', 'waits for ever', 'by design', 'anomaly', 'rule broken'"
GOOD = """\
key = "transfer"
title = "Transfer"
story = "Two agents move credits."
setup = "CREATE TABLE wallet (id int PRIMARY KEY, balance int)"
occurs_at = ["rc"]

[invariant]
title = "No credit is lost"
sql = "SELECT true"

[[variants]]
key = "naive"
title = "Read and write back"
schedule = ["T1.read", "T2.read", "T1.write", "T1.stop", "T1.commit", "T2.commit"]
expect = { RC = "anomaly", "REPEATABLE READ" = "retried" }
sessions.T1 = [
  { name = "read", sql = "SELECT balance FROM wallet", save = "seen" },
  { name = "write", sql = "UPDATE wallet SET balance = :seen", save = "rows", when = "seen > 0" },
  { name = "stop", sql = "rollback;", when = "seen > 0 and rows == 0", retry = true },
  { name = "commit", sql = "COMMIT" },
]
sessions.T2 = [
  { name = "read", sql = "SELECT balance::int FROM wallet" },
  { name = "commit", sql = "COMMIT" },
]
"""


def broken(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


def message(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        loader.load(text, "transfer.toml")
    return str(caught.value)


def test_a_good_file_becomes_a_scenario():
    scenario = loader.load(GOOD, "transfer.toml")
    naive = scenario.variant("naive")
    assert (scenario.family, scenario.order, scenario.source, scenario.phenomenon) == ("isolation", 1000, "", None)
    assert scenario.occurs_at == (Isolation.READ_COMMITTED,)
    assert [level.short for level in scenario.levels] == ["RC", "RR", "SER"]
    assert scenario.invariant is not None
    assert naive.expectations == {
        Isolation.READ_COMMITTED: Outcome.ANOMALY,
        Isolation.REPEATABLE_READ: Outcome.RETRIED,
    }
    assert naive.step("T1.stop").retry
    assert naive.step("T1.write").save == "rows"
    assert [session.name for session in naive.sessions] == ["T1", "T2"]
    assert naive.is_fix is False


def test_waits_are_read_in_their_order_and_none_is_not_unknown():
    def loaded(waits: str):
        return loader.load(broken("sessions.T1 =", f"{waits}\nsessions.T1 ="), "transfer.toml").variant("naive").waits

    assert loaded('waits = ["T2.read <- T1", " T1.write  <-T2 "]') == (
        Wait("T2.read", ("T1",)),
        Wait("T1.write", ("T2",)),
    )
    assert loaded("waits = []") == ()
    assert loaded("") is None


VACUUM = """\
key = "tidy"
title = "Tidy up"
story = "A table is tidied up."
setup = "CREATE TABLE job (id int PRIMARY KEY)"

[[variants]]
key = "naive"
title = "VACUUM"
schedule = ["T1.vacuum"]
autocommit = ["T1"]
sessions.T1 = [
  { name = "vacuum", sql = "VACUUM job" },
]
"""


def tidy(old: str = "", new: str = "") -> SessionScript:
    assert old in VACUUM
    return loader.load(VACUUM.replace(old, new, 1), "tidy.toml").variant("naive").sessions[0]


def test_a_session_is_as_psql_has_it_where_the_file_says_so_or_the_session_itself_says_begin():
    unnamed = ('autocommit = ["T1"]\n', "")
    assert tidy().autocommit
    assert not tidy(*unnamed).autocommit
    for sql in ("BEGIN; UPDATE job SET id = 1", "start transaction", "UPDATE job SET id = 1; COMMIT; BEGIN"):
        assert tidy(
            'autocommit = ["T1"]\nsessions.T1 = [\n  { name = "vacuum", sql = "VACUUM job" }',
            f'sessions.T1 = [\n  {{ name = "vacuum", sql = "{sql}" }}',
        ).autocommit
    assert tidy(
        'autocommit = ["T1"]', 'session_options.T1 = { setup = "BEGIN ISOLATION LEVEL SERIALIZABLE" }'
    ).autocommit
    # Text in quotes begins nothing.
    assert not tidy(
        'autocommit = ["T1"]\nsessions.T1 = [\n  { name = "vacuum", sql = "VACUUM job" }',
        """sessions.T1 = [\n  { name = "vacuum", sql = "SELECT 'BEGIN'" }""",
    ).autocommit


def test_a_session_has_a_level_of_its_own_and_what_is_sent_before_and_after_the_run():
    options = (
        '{ isolation = "ser", read_only = true, deferrable = true, setup = "SET x.y = 1", teardown = "RESET x.y" }'
    )
    session = tidy('autocommit = ["T1"]', f"session_options.T1 = {options}")
    assert (session.isolation, session.read_only, session.deferrable) == (Isolation.SERIALIZABLE, True, True)
    assert (session.setup, session.teardown) == ("SET x.y = 1", "RESET x.y")


def test_a_session_may_go_on_after_its_commit_and_may_be_left_open():
    more = broken(
        'sql = "SELECT balance::int FROM wallet" }', 'sql = "COMMIT" },\n  { name = "more", sql = "SELECT 1" }'
    )
    more = more.replace('{ name = "commit", sql = "COMMIT" },\n]\n', "]\n").replace('"T2.read"', '"T2.read", "T2.more"')
    more = more.replace(', "T1.commit", "T2.commit"]', "]")
    assert [len(session.steps) for session in loader.load(more, "transfer.toml").variant("naive").sessions] == [3, 2]


def test_a_value_that_another_session_saved_earlier_in_the_schedule_may_be_used():
    text = broken("SELECT balance::int FROM wallet", "SELECT :seen + 1")
    assert loader.load(text, "transfer.toml").variant("naive").step("T2.read").sql == "SELECT :seen + 1"


def test_a_scenario_can_be_sent_to_another_process():
    scenario = loader.load(GOOD, "transfer.toml")
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    assert dataclasses.asdict(scenario)["key"] == "transfer"


def test_windows_files_are_read(tmp_path):
    path = tmp_path / "transfer.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert loader.load_file(path) == loader.load(GOOD, "transfer.toml")


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        # not TOML
        ('title = "Transfer"', "title = ", 2, "column 9: this is not TOML: Invalid value."),
        ('title = "Transfer"', 'title = "Transfer', 2, "column 18: this is not TOML"),
        ('title = "Transfer"', 'key = "again"', 2, "this is not TOML: Cannot overwrite a value."),
        ('"SELECT balance::int FROM wallet" },', '"SELECT', 23, "this is not TOML: Illegal character"),
        # keys and types
        (
            'title = "Transfer"',
            'titel = "Transfer"',
            2,
            "titel is not known here; a scenario has key, title, family, order",
        ),
        ('title = "Transfer"', "", 1, "title is missing; a scenario has key, title, family, order"),
        ("story =", "surprise = 1\nstory =", 3, "surprise is not known here; a scenario has key, title"),
        ('sql = "SELECT true"', "", 7, "invariant.sql is missing; an invariant has title, sql."),
        ('key = "naive"', "", 11, "variants[0].key is missing; a variant has key, title, is_fix"),
        ("when =", "wen =", 18, "sessions.T1[1].wen is not known here; a step has name, sql, save, when, retry."),
        ('sql = "rollback;", ', "", 19, "variants[0].sessions.T1[2].sql is missing; a step has name, sql"),
        ("retry = true", "retry = 1", 19, "variants[0].sessions.T1[2].retry must be true or false"),
        ('key = "transfer"', "key = 1979-05-27", 1, "key must be a text in quotes."),
        ("story =", 'order = "1"\nstory =', 3, "order must be a whole number"),
        ("story =", "order = -1\nstory =", 3, "order must be at least 0."),
        ("story =", 'family = "mine"\nstory =', 3, "family must be 'isolation', 'hermitage' or 'locks'."),
        ('occurs_at = ["rc"]', 'occurs_at = "rc"', 5, "occurs_at must be a list in [ ]."),
        ("[invariant]", "[[invariant]]", 7, "invariant must be a table."),
        ("sessions.T1 = [", "sessions.T1 = 1\nx = [", 16, "variants[0].sessions.T1 must be a list"),
        # texts
        ('title = "Transfer"', 'title = ""', 2, "title is empty."),
        ('story = "Two agents move credits."', 'story = " "', 3, "story is empty."),
        ('sql = "SELECT true"', 'sql = "\\u0000"', 9, "invariant.sql holds a control character"),
        ('title = "Transfer"', f'title = "{"x" * 300}"', 2, "title is too long; it has at most 200 characters."),
        # names
        ('key = "transfer"', 'key = "a b"', 1, "key must begin with a letter and hold only letters, digits and _."),
        ('key = "naive"', 'key = ""', 12, "variants[0].key is empty."),
        ("sessions.T2", 'sessions."T 2"', 22, "variants[0].sessions.T 2 must begin with a letter"),
        ("sessions.T2", "sessions." + "T" * 21, 22, "is too long; it has at most 20 characters."),
        ('save = "seen"', 'save = "in"', 17, "is 'in', a word with a meaning of its own in conditions."),
        ('{ name = "stop"', '{ name = "read"', 19, "variants[0].sessions.T1[2].name: read is there already"),
        # levels and outcomes
        ('["rc"]', '["rc", "XX"]', 5, "'XX' is not an isolation level; use one of READ UNCOMMITTED (RU)"),
        ('["rc"]', '["rc", "read committed"]', 5, "occurs_at names a level twice."),
        ('["rc"]', '["ru"]', 5, "occurs_at[0]: The scenario has no level RU; its levels are RC, RR, SER."),
        ('["rc"]', "[1]", 5, "'1' is not an isolation level"),
        ("RC = ", "RU = ", 15, "variants[0].expect: The scenario has no level RU; its levels are RC, RR, SER."),
        ("RC = ", "RR = ", 15, "variants[0].expect names a level twice."),
        (
            '"anomaly"',
            '"fine"',
            15,
            f"variants[0].expect.RC must be {OUTCOMES} or 'undecided'.",
        ),
        # schedules
        ('"T1.read", ', "", 14, "variants[0].schedule[1]: T1.write stands before T1.read; a session keeps its own"),
        (', "T2.commit"]', "]", 14, "variants[0].schedule: The schedule leaves out T2.commit"),
        ('"T2.read",', '"T2.read", "T2.read",', 14, "schedule[2]: T2.read stands here a second time"),
        ('"T2.read",', '"T3.read",', 14, "There is no session 'T3'; the sessions are T1, T2."),
        ('"T2.read",', '"T2.rad",', 14, "T2 has no step 'rad'; its steps are read, commit."),
        # waits
        ("sessions.T1 =", 'waits = "x"\nsessions.T1 =', 16, "variants[0].waits must be a list in [ ]."),
        (
            "sessions.T1 =",
            'waits = ["T1.write"]\nsessions.T1 =',
            16,
            "waits[0]: 'T1.write' is not a wait; write session",
        ),
        ("sessions.T1 =", 'waits = ["T1.wait <- T2"]\nsessions.T1 =', 16, "waits[0]: There is no step T1.wait."),
        (
            "sessions.T1 =",
            'waits = ["T2.read <- T3"]\nsessions.T1 =',
            16,
            "There is no session 'T3'; the sessions are T1",
        ),
        ("sessions.T1 =", 'waits = ["T1.read <- T2, T1"]\nsessions.T1 =', 16, "T1 cannot wait for itself."),
        ("sessions.T1 =", 'waits = ["T1.read <- T2, T2"]\nsessions.T1 =', 16, "A session is named twice."),
        # sessions without BEGIN
        ("sessions.T1 =", 'autocommit = ["T3"]\nsessions.T1 =', 16, "autocommit[0]: There is no session 'T3'; the"),
        (
            "sessions.T1 =",
            "session_options.T3 = {}\nsessions.T1 =",
            16,
            "session_options.T3: There is no session 'T3'; the sessions are T1, T2.",
        ),
        (
            "sessions.T1 =",
            "session_options.T1 = { level = 1 }\nsessions.T1 =",
            16,
            "level is not known here; the options of a session has isolation, read_only, deferrable",
        ),
        (
            "sessions.T1 =",
            'session_options.T1 = { setup = "COPY t FROM STDIN" }\nsessions.T1 =',
            16,
            "session_options.T1.setup: COPY FROM STDIN and COPY TO STDOUT need a client",
        ),
        ("sessions.T1 =", 'autocommit = ["a b"]\nsessions.T1 =', 16, "autocommit[0] must begin with a letter"),
        # values and endings
        (":seen", ":sen", 18, "variants[0].sessions.T1[1].sql: :sen is used, but earlier steps save only seen."),
        ("balance::int", ":rows", 23, "T2[0].sql: :rows is used before T1.write saves it."),
        (
            '"SELECT balance FROM wallet", save = "seen"',
            '"SELECT :x"',
            17,
            ":x is used, but no earlier step has a `save`.",
        ),
        ("seen > 0 and", "row > 0 and", 19, "T1[2].when: row is used, but earlier steps save only seen, rows."),
        ('"seen > 0"', '"seen >"', 18, "T1[1].when: 'seen >' is not a condition; write comparisons"),
        ('"seen > 0"', '"seen() > 0"', 18, "'seen() > 0' is not a condition"),
        ('"rollback;"', '"SELECT 1"', 19, "T1[2].retry: Only a ROLLBACK step can have `retry`"),
        ('"COMMIT" }', '"COMMIT", save = "x" }', 20, "T1[3].save: COMMIT returns nothing that could be saved."),
        ("= :seen", "= :seen; SELECT 1", 18, "SQL with `:name` must be a single statement"),
        (
            "SELECT balance FROM",
            "SELECT 1; END; SELECT balance FROM",
            17,
            "is the last statement of its step; give what",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old, new, line, sentence):
    said = message(broken(old, new))
    assert said.startswith(f"transfer.toml, line {line}"), said
    assert sentence in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "transfer.toml, line 1: key is missing"),
        ("# " + "x" * 70_000, "transfer.toml is too large; a scenario file has at most 64 KiB."),
        ("a = " + "[" * 20_000, "beyond what TOML is for"),
        ("a = " + "{a=" * 20_000, "beyond what TOML is for"),
        ("a = " + "1" * 5_000, "beyond what TOML is for"),
        ('title = "\ud800"', "transfer.toml, line 1: this is not UTF-8 text"),
        ("[variants.0]\n[variants.1]\nx = 1", "variants must be a list in [ ]."),
        ("variants = [" + "[" * 20 + "]" * 20 + "]", "must be a table."),
        ("variants = [" + "[" * 90 + "]" * 90 + "]", "line 1: brackets or dotted names are nested deeper than any"),
        ("[a]\n" * 2, "Cannot declare ('a',) twice"),
    ],
)
def test_garbage_is_refused_in_one_sentence(text, sentence):
    said = message(text)
    assert sentence in said
    assert len(said) < 800


def step(number: int) -> str:
    return f'{{ name = "s{number}", sql = "SELECT 1" }},\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (broken("SELECT true", "SELECT " + "1" * 8_200), "invariant.sql is too long; SQL has at most 8192 bytes."),
        (broken("CREATE", "-- " + "é" * 4_100 + "\\nCREATE"), "setup is too long; SQL has at most 8192 bytes."),
        (
            GOOD + "".join(f"sessions.S{i} = [{step(0)}]\n" for i in range(7)),
            "sessions has too many entries; it has at most 8.",
        ),
        (broken("sessions.T2 = [", f"sessions.T2 = [{''.join(map(step, range(50)))}"), "has at most 50."),
        (broken('"T2.read", ', '"T2.read", ' * 200), "variants[0].schedule has too many entries; it has at most 200."),
        (GOOD + "[[variants]]\n" * 20, "variants has too many entries; it has at most 20."),
        (broken('"seen > 0"', f'"{"seen > 0 and " * 20}"'), "when is too long; it has at most 200 characters."),
    ],
)
def test_sizes_are_limited(text, sentence):
    assert sentence in message(text)


def test_a_second_variant_is_found_in_its_own_lines():
    second = GOOD[GOOD.index("[[variants]]") :].replace('"naive"', '"fixed"').replace(":seen", ":sen")
    assert message(GOOD + "# a comment\n" + second).startswith(
        "transfer.toml, line 34: variants[1].sessions.T1[1].sql: "
    )


def test_a_variant_key_is_unique():
    second = GOOD[GOOD.index("[[variants]]") :]
    assert message(GOOD + second).startswith("transfer.toml, line 27: variants[1].key: naive is there already")


def test_positions_follow_every_way_to_write_a_table():
    text = GOOD[: GOOD.index("sessions.T1")] + '[variants.sessions]\n"T1" = [\n { name = "x", sql = "" },\n]\n'
    assert message(text).startswith("transfer.toml, line 18: variants[0].sessions.T1[0].sql is empty.")


def test_a_file_that_is_not_utf8_or_not_there_is_named(tmp_path):
    path = tmp_path / "transfer.toml"
    with pytest.raises(ScenarioError, match=r"transfer\.toml cannot be opened: No such file"):
        loader.load_file(path)
    path.write_bytes(b'key = "a"\ntitle = "\xff"')
    with pytest.raises(ScenarioError, match=r"transfer\.toml, line 2: this is not UTF-8 text"):
        loader.load_file(path)
    path.write_bytes(b"#" * 2_000_000)
    with pytest.raises(ScenarioError, match="is too large"):
        loader.load_file(path)


def test_a_key_that_is_nearly_right_gets_a_hint():
    with pytest.raises(ScenarioError, match="did you mean lost_update"):
        loader.find("lostupdate")
    with pytest.raises(ScenarioError, match="There is no scenario '!!!'; there are "):
        loader.find("!!!")
