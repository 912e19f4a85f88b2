"""Whatever a stranger brings, a scenario, a history, code, is taken or refused in one sentence and within a second."""

from __future__ import annotations

import copy
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from simulator import scenarios
from simulator.errors import HistoryError, ScenarioError, SnippetError, TxscopeError
from simulator.figures.object_states import object_states_info, plot_object_states
from simulator.figures.phases import phases_info, plot_phases
from simulator.figures.swimlanes.plot import plot_swimlanes, swimlanes_info
from simulator.history.schedule import MAX_BYTES, MAX_EVENTS, History, TransactionBegan
from simulator.labs.lint.signs import SECONDS
from simulator.labs.lint.signs import read as read_snippet
from simulator.model import Isolation
from simulator.scenarios import guard, loader
from simulator.scenarios.spec_reader import MAX_SPEC_BYTES, load_spec
from simulator.scenarios.spec_variants import to_scenario
from simulator.traces import read as read_trace

TESTS = Path(__file__).parents[1]
REFUSED = sorted((TESTS / "hostile" / "loader").glob("*.toml"))
CATALOGUE = sorted((resources.files(scenarios) / "catalogue").iterdir(), key=lambda file: file.name)
HISTORIES = sorted((TESTS / "histories").glob("*/*.json"))
SNIPPETS = sorted((TESTS / "unit" / "snippets").glob("*.py.txt"))

#: Seconds of this thread, whatever else the machine does.
LIMIT = 1.0


@contextmanager
def soon(limit: float = LIMIT) -> Iterator[None]:
    begin = time.thread_time()
    yield
    assert time.thread_time() - begin < limit


def sentence(error: TxscopeError) -> str:
    """What is shown: one short text of whole characters and no name of an error of Python's."""
    said = str(error)
    said.encode()
    assert 10 < len(said) < 900
    assert "Error" not in said
    assert "Traceback" not in said
    return said


def refused(text: str) -> str:
    with pytest.raises(ScenarioError) as caught, soon():
        loader.load(text, "brought.toml")
    return sentence(caught.value)


# --- scenario files -----------------------------------------------------------------------------------------------


def told_of_spec(text: str) -> str:
    """Why it is refused; nothing where it is read."""
    with soon():
        try:
            to_scenario(load_spec(text, "brought.spec"))
        except ScenarioError as error:
            return sentence(error)
    return ""


@pytest.mark.parametrize("path", sorted((TESTS / "specs").glob("*.spec")), ids=lambda path: path.stem)
def test_a_spec_file_that_somebody_damaged_is_read_or_refused(path: Path) -> None:
    text, chance = path.read_text(), random.Random(path.stem)
    for _ in range(200):
        place, length = chance.randrange(len(text)), chance.choice((0, 1, 5, 80))
        put = chance.choice(('"', "{", "}", "#", "(", "*", "step ", "\x00", "é", ""))
        said = told_of_spec(text[:place] + put + text[place + length :])
        assert not said or said.startswith("brought.spec")


@pytest.mark.parametrize("sign", ["{", "}", "#", '"', "(", "* ", "a ", "step a {} ", "setup {} ", "\n", '"" '])
def test_a_spec_file_of_one_sign_is_refused_at_once(sign: str) -> None:
    said = told_of_spec("session s " + sign * (MAX_SPEC_BYTES // len(sign.encode()) - 10))
    assert said.startswith("brought.spec")


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_files_that_the_loader_refuses_are_refused_with_their_line(path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        loader.load_file(path)
    assert sentence(caught.value).startswith(f"{path.name}, line ")


GOOD = """\
key = "brought"
title = "Brought"
story = "A stranger's."
setup = "{setup}"
{head}
[invariant]
title = "A rule"
sql = "{rule}"
[[variants]]
key = "only"
title = "The only one"
schedule = ["T1.ask", "T1.commit"]
sessions.T1 = [
  {{ name = "ask", sql = '''{sql}''' }},
  {{ name = "commit", sql = "COMMIT" }},
]
"""


def file(sql: str = "SELECT 1", rule: str = "SELECT true", setup: str = "SELECT 1", head: str = "") -> str:
    return GOOD.format(sql=sql, rule=rule, setup=setup, head=head)


@pytest.mark.parametrize(
    "sql",
    [
        "COPY t FROM STDIN",
        "copy t (a, b) from /* from where? */ stdin with (format csv)",
        "SELECT ';'; -- COPY\nCOPY t TO\nSTDOUT",
        "COPY (SELECT 'a' || $$;$$ FROM t) TO STDOUT (FORMAT binary)",
        "COPY t TO STDIN",
        "COPY BINARY t FROM stdout",
        'COPY "to" FROM STDIN;',
    ],
)
def test_copy_has_nobody_to_talk_to(sql: str) -> None:
    quoted = sql.replace("\n", "\\n").replace('"', '\\"')
    assert "sql: COPY FROM STDIN and COPY TO STDOUT" in refused(file(sql))
    assert "setup: COPY FROM STDIN and COPY TO STDOUT" in refused(file(setup=f"CREATE TABLE t (a int); {quoted}"))
    assert "invariant.sql: COPY FROM STDIN" in refused(file(rule=quoted))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'COPY t FROM STDIN'",
        "SELECT $$; COPY t TO STDOUT$$, $a$COPY t FROM STDIN$a$",
        "SELECT 1 /* ; COPY t FROM STDIN; /* ; */ COPY t TO STDOUT */ -- COPY t FROM STDIN",
        'SELECT 1 AS "COPY t FROM STDIN"',
        "COPY t FROM 'stdin'",
        "COPY stdin FROM PROGRAM 'id'",
        "DO $$ BEGIN EXECUTE 'COPY t FROM STDIN'; END $$",
        "SELECT stdin FROM copy",
        "SELECT 'not closed",
        "SELECT $x$ open",
    ],
)
def test_what_only_looks_like_copy_is_left_to_the_server(sql: str) -> None:
    assert loader.load(file(sql), "brought.toml").variants[0].sessions[0].steps[0].sql == sql


@pytest.mark.parametrize(
    "rule",
    [
        "SELECT true; SELECT true",
        "SELECT true; COMMIT; CREATE SCHEMA escaped; BEGIN; SELECT true",
        "COMMIT",
        "DELETE FROM t RETURNING true",
        "SET search_path = x",
        "-- nothing",
        "DO $$ BEGIN END $$",
    ],
)
def test_an_invariant_is_one_query(rule: str) -> None:
    assert "line 7: invariant.sql: An invariant is one query" in refused(file(rule=rule)).replace("line 8", "line 7")


@pytest.mark.parametrize("rule", ["SELECT true;", "(SELECT true)", "WITH a AS (SELECT 1) SELECT true", "VALUES (true)"])
def test_any_query_can_be_an_invariant(rule: str) -> None:
    assert loader.load(file(rule=rule), "brought.toml").invariant is not None
    assert "A quote or a comment is not closed." in refused(file(rule=f"{rule} /* "))


@pytest.mark.parametrize(
    "sql", ["BEGIN; LOCK TABLE t", "SELECT 1; rollback", "PREPARE TRANSACTION 'x'", "END", "ABORT"]
)
def test_a_setup_neither_begins_nor_ends_a_transaction_but_a_step_may(sql: str) -> None:
    assert "setup: A setup is a transaction by itself" in refused(file(setup=sql))
    loader.load(file(sql), "brought.toml")


def test_a_setup_may_go_back_to_a_savepoint() -> None:
    loader.load(file(setup="SAVEPOINT a; ROLLBACK TO a; ROLLBACK TO SAVEPOINT a"), "brought.toml")


@pytest.mark.parametrize("character", ["\\u0000", "\\u001b", "\\u007f", "\\u009b", "\\u202e", "\\u2066"])
@pytest.mark.parametrize("old", ['"Brought"', '"A stranger\'s."', '"A rule"', '"The only one"', '"SELECT true"'])
def test_no_text_holds_a_character_that_changes_how_the_rest_is_shown(character: str, old: str) -> None:
    assert "holds a control character" in refused(file().replace(old, f'{old[:-1]}{character}"'))


NESTED = {
    "a dotted key": "a" + ".a" * 32_000 + " = 1",
    "a quoted dotted key": '"a"' + '."a"' * 15_000 + " = 1",
    "a dotted header": "[" + "a." * 31_000 + "a]\nx = 1",
    "dotted headers": "".join(f"[{'a.' * 100}b{i}]\n" for i in range(250)),
    "a dotted key of a step": file(head=f"x{'.y' * 200} = 1"),
    "lists": "a = " + "[" * 500 + "]" * 500,
    "lists that are not closed": "a = " + "[" * 30_000,
    "tables": "a = " + "{a=" * 200 + "1" + "}" * 200,
    "tables that are not closed": "a = " + "{a=" * 20_000,
    "both": "a = " + "[{b=" * 9_000,
    "a dotted key after what cannot be read": "= \n" + "a" + ".a" * 31_000 + " = 1",
}
LONG = {
    "entries": "levels = [" + "1," * 30_000 + "]",
    "empty variants": "variants = [" + "[]," * 20_000 + "]",
    "steps": "[[variants]]\nsessions = { T1 = [" + "{}," * 20_000 + "] }",
    "sessions": "[[variants]]\nsessions = {" + ",".join(f"T{i} = [{{}}]" for i in range(4_000)) + "}",
    "keys": "".join(f"k{i} = 1\n" for i in range(7_000)),
    "quotes": '"' * 60_000,
    "backslashes": 'a = "' + "\\" * 60_000,
    "dots": "." * 60_000,
    "a line": "a" * 60_000,
    "digits": "order = " + "9" * 60_000,
    "hexadecimal digits": "order = 0x" + "f" * 60_000,
    "an exponent": "order = 1e" + "9" * 5_000,
    "a fraction": "order = 1." + "1" * 50_000,
    "tabs": "\t" * 60_000,
    "carriage returns": "\r" * 60_000,
    "colons": file(":a " * 2_700),
    "semicolons": file("BEGIN;" * 1_300),
    "comments": file(rule="/*" * 4_000),
    "a story": file().replace("A stranger", "A" * 5_000),
    "code": file().replace('key = "only"', 'key = "only"\nsqlalchemy = "' + "x" * 9_000 + '"'),
    "a note": file().replace('key = "only"', 'key = "only"\nnote = "' + "x" * 3_000 + '"'),
    "a source": file(head='source = "' + "x" * 600 + '"'),
    "a place": file().replace('"T1.ask"', '"' + "x" * 50_000 + '"'),
}


@pytest.mark.parametrize("name", NESTED)
def test_nesting_is_refused_before_it_costs_anything(name: str) -> None:
    assert "nest" in refused(NESTED[name]) or "not TOML" in refused(NESTED[name])


@pytest.mark.parametrize("name", LONG)
def test_length_ends_in_a_sentence(name: str) -> None:
    refused(LONG[name])


def test_a_file_without_limits_is_read_as_before() -> None:
    deep = "SELECT " + "(" * 60 + "1" + ")" * 60
    assert loader.load(file(deep), "brought.toml").variants[0].sessions[0].steps[0].sql == deep


@pytest.mark.parametrize(
    "condition",
    [
        "-" * 190 + "1",
        "not " * 49 + "a",
        "a" + "+a" * 90,
        "1" * 199,
        "0x" + "f" * 190,
        "9**9**9",
        "'a' * 9999999",
        "(" * 99 + "a",
        "a.b.c",
        "a[" * 60 + "1",
        "\x00",
        "a == '\ud800'",
    ],
)
def test_a_condition_is_small(condition: str) -> None:
    with pytest.raises(ScenarioError) as caught, soon():
        guard.evaluate(condition, {"a": 1})
    sentence(caught.value)


@pytest.mark.parametrize("value", [10**4_000, float("inf"), float("nan"), "x" * 100_000, None, True])
def test_a_condition_can_meet_any_value(value: Any) -> None:
    for condition in ("a + 1.5 > 1", "a - a == 0", "a > 1e308 + 1e308", "a", "not a", "-a < 0", "a == 'x'"):
        try:
            assert guard.evaluate(condition, {"a": value}) in (True, False)
        except ScenarioError as error:
            sentence(error)


Mutation = Callable[[random.Random, bytearray], None]


def _flip(chance: random.Random, data: bytearray) -> None:
    data[chance.randrange(len(data))] = chance.randrange(256)


def _drop(chance: random.Random, data: bytearray) -> None:
    begin = chance.randrange(len(data))
    del data[begin : begin + chance.choice([1, 1, 10, 200])]


def _double(chance: random.Random, data: bytearray) -> None:
    begin = chance.randrange(len(data))
    data[begin:begin] = data[begin : begin + chance.choice([1, 20, 400])] * chance.choice([1, 1, 50])


def _put(chance: random.Random, data: bytearray) -> None:
    words = [
        b"'",
        b'"',
        b"'''",
        b"[",
        b"]]",
        b"{",
        b"=",
        b".",
        b"\x00",
        b"\xff",
        "\u202e".encode(),
        b"\\ud800",
        b"9" * 5_000,
    ]
    begin = chance.randrange(len(data))
    data[begin:begin] = chance.choice(words)


def _swap_types(chance: random.Random, data: bytearray) -> None:
    lines = bytes(data).split(b"\n")
    at = [number for number, line in enumerate(lines) if b" = " in line]
    if at:
        number = chance.choice(at)
        values = [b"1", b"true", b"[]", b"{}", b"1979-05-27", b"inf", b'""', b'"x"', b"[[1]]", b"-0", b"''' '''"]
        lines[number] = lines[number].partition(b" = ")[0] + b" = " + chance.choice(values)
        data[:] = b"\n".join(lines)


def _move(chance: random.Random, data: bytearray) -> None:
    lines = bytes(data).split(b"\n")
    lines.insert(chance.randrange(len(lines)), lines.pop(chance.randrange(len(lines))))
    data[:] = b"\n".join(lines)


_MUTATIONS: tuple[Mutation, ...] = (_flip, _drop, _double, _put, _swap_types, _move)


@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_scenario_loads_or_is_refused_in_a_sentence(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    path = tmp_path / "brought.toml"
    said = 0
    for source in chance.sample(CATALOGUE, 10) * 3:
        data = bytearray(source.read_bytes())
        for _number in range(chance.choice([1, 1, 2, 4])):
            chance.choice(_MUTATIONS)(chance, data)
        path.write_bytes(data)
        with soon():
            try:
                loader.load_file(path)
            except ScenarioError as error:
                sentence(error)
                said += 1
    assert said > 10


# --- histories ----------------------------------------------------------------------------------------------------

EMPTY = {"format": "txscope-history", "version": 2, "sessions": ["T1"], "events": []}
EVENT = {"kind": "RequestStarted", "seq": 0, "at_ns": 0, "key": "k", "request": "r"}


def _events(*events: object) -> str:
    return json.dumps({**EMPTY, "events": list(events)})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("x" * (MAX_BYTES + 1), "at most 20 MB", id="long"),
        pytest.param("é" * (MAX_BYTES // 2 + 1), "at most 20 MB", id="bytes"),
        pytest.param("[" * 900_000, "more lists and objects", id="nested"),
        pytest.param('{"a":' * 50_000, "nested too deeply", id="nested a little less"),
        pytest.param(json.dumps({**EMPTY, "events": [{}] * 600_000}), "more lists and objects", id="empty events"),
        pytest.param(json.dumps({**EMPTY, "events": [None] * 500_000}), f"at most {MAX_EVENTS}", id="no events"),
        pytest.param(json.dumps({**EMPTY, "events": [{}] * 9_000}), "damaged", id="a list of what is wrong"),
        pytest.param(json.dumps({**EMPTY, "sessions": ["a"] * 900_000}), "900000 sessions", id="sessions"),
        pytest.param(json.dumps({**EMPTY, "sessions": "abc"}), "damaged", id="a text as sessions"),
        pytest.param(json.dumps({**EMPTY, "sessions": [["T1"]]}), "damaged", id="a list as a session"),
        pytest.param(json.dumps({**EMPTY, "sessions": ["\ud800"]}), "damaged", id="half a character"),
        pytest.param(json.dumps({**EMPTY, "version": []}), "version []", id="a version of another type"),
        pytest.param(json.dumps({**EMPTY, "version": "x" * 99_999}), "version 'xxx", id="a long version"),
        pytest.param('{"format": ' + "1" * 5_000 + "}", "has 5000 digits", id="digits"),
        pytest.param(_events({**EVENT, "at_ns": 10**400}), "401 digits", id="a time"),
        pytest.param(_events({**EVENT, "at_ns": 10**30}), "damaged", id="a time beyond 64 bits"),
        pytest.param(_events({**EVENT, "at_ns": float("nan")}), "damaged", id="NaN as a time"),
        pytest.param(_events({**EVENT, "at_ns": float("inf")}), "damaged", id="infinity as a time"),
        pytest.param(_events({**EVENT, "at_ns": True}), "damaged", id="true as a time"),
        pytest.param(_events({**EVENT, "at_ns": "1"}), "damaged", id="a text as a time"),
        pytest.param(_events({**EVENT, "key": {"a": 1}}), "damaged", id="an object as a text"),
        pytest.param(_events({**EVENT, "key": "x" * 200_000}), "a history's have at most 100000", id="a long text"),
        pytest.param(_events({**EVENT, "kind": []}), "damaged", id="a list as a kind"),
        pytest.param(_events({**EVENT, "kind": "History"}), "damaged", id="another class"),
        pytest.param(_events({**EVENT, "__class__": "x"}), "damaged", id="a field too many"),
        pytest.param(_events(["kind"]), "damaged", id="a list as an event"),
        pytest.param(_events(None), "damaged", id="nothing as an event"),
    ],
)
def test_a_hostile_history_ends_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(HistoryError) as caught, soon():
        History.from_json(text)
    assert words in sentence(caught.value)


def test_the_largest_history_is_read_soon() -> None:
    given = json.loads((TESTS / "histories" / "sessions" / "save_message.json").read_text())
    many = given["events"] * (MAX_EVENTS // len(given["events"]))
    text = json.dumps({**given, "events": many})
    with soon(3.0):  # about a second where nothing else runs
        assert len(History.from_json(text).events) == len(many)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_history_comes_back_as_it_was_written(path: Path) -> None:
    history = History.from_json(path.read_text("utf-8"))
    again = History.from_json(history.to_json())
    assert again == history
    levels = [event.isolation for event in history.events if isinstance(event, TransactionBegan)]
    assert all(isinstance(level, Isolation) for level in levels)


def _junk(chance: random.Random) -> Any:
    return chance.choice(
        [None, 0, -1, 2**63 - 1, 10**30, 1.5, float("nan"), "", "<b>x", "\ud800", [], {}, [1], True, "COMMIT"]
    )


def _damage(chance: random.Random, events: list[dict[str, Any]]) -> None:
    place, other = chance.randrange(len(events)), chance.choice(events)
    event = events[place]
    key = chance.choice(list(event))
    match chance.randrange(6):
        case 0:
            del events[place : place + chance.choice([1, 5])]
        case 1:
            events.insert(chance.randrange(len(events)), dict(event))
        case 2:
            chance.shuffle(events)
        case 3:
            event[key] = _junk(chance)
        case 4:
            event[key] = other.get(key, _junk(chance))
        case 5:
            del event[key]


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_history_is_drawn_or_refused_in_a_sentence(seed: int) -> None:
    chance = random.Random(seed)
    drawn = 0
    originals = [json.loads(path.read_text("utf-8")) for path in HISTORIES]
    for original in originals * 2:
        given = copy.deepcopy(original)
        for _number in range(chance.choice([1, 1, 3, 10])):
            if given["events"]:
                _damage(chance, given["events"])
        try:
            history = History.from_json(json.dumps(given))
        except HistoryError as error:
            sentence(error)
            continue
        trace = read_trace(history)
        groups = [group.name for group in trace.groups]
        plot_swimlanes(swimlanes_info(trace, expanded=groups[:5], limit=200), dark=False).to_json()
        drawn += 1
    assert drawn > 5


HOSTILE = "<img src=x onerror=alert(1)><a href='http://evil.example'>x</a> ![x](http://evil.example/x.png) <b>x"
#: Texts of an event that say which of a few kinds it is, or that join it to others.
_KEPT = frozenset(
    (
        "kind",
        "request",
        "session",
        "transaction",
        "step",
        "before",
        "after",
        "status",
        "command",
        "object",
        "how",
        "state",
    )
)


def _is_free(event: dict[str, object], name: str) -> bool:
    """How a request ended is the application's word, how a Session's transaction did is one of three."""
    return name not in _KEPT and (name != "outcome" or event["kind"] == "RequestEnded")


def _tags(value: object) -> Iterator[str]:
    """Names of the elements that Plotly could find in a figure's texts; what goes with a point is none."""
    if isinstance(value, str):
        yield from re.findall(r"</?([a-z]+)", value)
    elif isinstance(value, list):
        for part in value:
            yield from _tags(part)
    elif isinstance(value, dict):
        yield from _tags([part for name, part in value.items() if name != "customdata"])


@pytest.mark.parametrize("path", [path for path in HISTORIES if path.parent.name == "sessions"], ids=lambda p: p.stem)
def test_a_history_puts_no_markup_into_a_figure(path: Path) -> None:
    given = json.loads(path.read_text("utf-8"))
    for event in given["events"]:
        event.update(
            {name: HOSTILE for name, value in event.items() if isinstance(value, str) and _is_free(event, name)}
        )
        event.update({name: f"{event[name]}{HOSTILE}" for name in ("request", "object") if event.get(name)})
    trace = read_trace(History.from_json(json.dumps(given)))
    opened = [group.name for group in trace.groups]
    figures = [plot_swimlanes(swimlanes_info(trace, expanded=opened, limit=1_000), dark=False)]
    figures += [plot_object_states(object_states_info(trace, name), dark=False) for name in opened]
    if rows := phases_info(trace):
        figures.append(plot_phases(rows, dark=False))
    assert any("onerror" in figure.to_json() for figure in figures)
    for figure in figures:
        assert set(_tags(json.loads(figure.to_json()))) <= {"b", "br", "span", "extra"}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("SessionEnded", "outcome"),
        ("SessionClosed", "how"),
        ("ConnectionReset", "status"),
        ("ConnectionEnding", "command"),
    ],
)
def test_a_word_that_is_none_of_a_few_makes_a_history_damaged(kind: str, name: str) -> None:
    path = next(path for path in HISTORIES if path.stem == "save_message")
    given = json.loads(path.read_text("utf-8"))
    next(event for event in given["events"] if event["kind"] == kind)[name] = HOSTILE
    with pytest.raises(HistoryError):
        History.from_json(json.dumps(given))


# --- code ---------------------------------------------------------------------------------------------------------

_FUNCTION = "def f(session):\n"


def _filled(text: str, begin: str = "", length: int = 25_000) -> str:
    """A quarter of what may be pasted: where the time is that of the square, the whole would take sixteen times it."""
    return begin + text * ((length - len(begin)) // len(text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(_filled("    session.commit()\n", _FUNCTION), id="calls"),
        pytest.param(
            _filled("def get_db():\n    s = SessionLocal()\n    yield s\n    s.commit()\n"), id="dependencies"
        ),
        pytest.param(_filled("@a\n") + "def f(): pass\n", id="decorators"),
        pytest.param(_filled("s = SessionLocal()\n"), id="names"),
        pytest.param(_filled("x;"), id="statements of a line"),
        pytest.param("x = f'" + "{a}" * 8_000 + "'", id="an f-string"),
        pytest.param("f(" + "*a," * 8_000 + ")", id="arguments"),
        pytest.param("a" + "<b" * 12_000, id="comparisons"),
        pytest.param("a" + ".b" * 2_900, id="a chain"),
        pytest.param("-" * 2_500 + "1", id="signs"),
        pytest.param("1 if a else " * 2_900 + "1", id="conditions"),
        pytest.param(_filled("\n"), id="lines"),
        pytest.param(" " * 99_000 + "x", id="an indentation"),
        pytest.param(_filled("```\n"), id="fences"),
        pytest.param(_filled(">>> x\n"), id="prompts"),
        pytest.param("".join(" " * i + "x\n" for i in range(400)), id="stairs"),
        pytest.param(_filled("    with SessionLocal() as s:\n        s.add(x)\n", _FUNCTION), id="blocks"),
        pytest.param(_filled("    a = session.get(A, 1)\n    session.commit()\n    a.b\n", _FUNCTION), id="objects"),
        pytest.param(_filled("@app.get('/')\ndef f(db=Depends(get_db)):\n    db.commit()\n"), id="endpoints"),
    ],
)
def test_long_code_is_read_or_refused_soon(text: str) -> None:
    with soon(SECONDS + 1.0):  # until the tree is there, nobody looks at the clock
        try:
            read_snippet(text)
        except SnippetError as error:
            sentence(error)


@pytest.mark.parametrize("seed", range(2))
def test_damaged_code_is_read_or_refused_in_a_sentence(seed: int) -> None:
    chance = random.Random(seed)
    for source in SNIPPETS:
        data = bytearray(source.read_bytes()[:3_000])
        for _number in range(chance.choice([1, 2, 10])):
            chance.choice((_flip, _drop, _double, _put, _move))(chance, data)
        with soon():
            try:
                read_snippet(data.decode("utf-8", errors="surrogateescape"))
            except SnippetError as error:
                sentence(error)
