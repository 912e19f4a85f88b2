"""The reader of pasted snippets, on snippets as people write them.

`snippets/*.py.txt` hold them, each under a line `#### title`. In the faulty ones a comment marks each line that has to
be pointed to: `#! mistake` for a certain sign, `#? mistake` for one that depends on what is not shown. In the
unparsable ones the title ends with the line and with words of the message: `@2 Python 2`.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from simulator.errors import SnippetError
from simulator.i18n import use
from simulator.labs.lint.signs import RULES, read

FOLDER = Path(__file__).parent / "snippets"
FAMILIES = ("sharing", "leaking", "transactions", "objects", "asynchronous", "fastapi")
#: The keys of the demonstrations.
MISTAKES = {
    *("shared_session", "shared_connection", "global_session", "connection_leak", "no_finally", "no_commit"),
    *("swallowed_error", "lazy_after_close", "read_after_commit", "n_plus_one", "batch_bad_row", "get_then_lock"),
    *("deadlock_order", "scoped_session", "async_gather", "async_lazy_load", "sync_in_async", "thread_pool"),
    *("commit_after_yield", "commit_in_finally", "middleware_session", "background_session", "reset_on_return"),
    *("dead_connections", "retry_inside", "llm_inside", "engine_per_request", "engine_across_fork", "json_in_place"),
    *("onupdate_async", "autoflush_half_filled", "commit_inside_begin", "add_before_savepoint"),
    *("swallowed_commit_error", "task_before_commit", "object_to_background_task", "stale_worker_loop"),
    *("advisory_lock_pool", "two_sessions", "streaming_answer", "stream_session", "scoped_remove_elsewhere"),
    *("orm_lost_update", "orm_write_skew"),
}


def snippets(name: str) -> list[tuple[str, str]]:
    """Title and text of every snippet of a file."""
    parts = re.split(r"^#### (.*)\n", (FOLDER / f"{name}.py.txt").read_text("utf-8"), flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def parameters(*names: str) -> list[object]:
    return [pytest.param(text, id=f"{name}: {title}") for name in names for title, text in snippets(name)]


def marked(text: str) -> set[tuple[str, int, bool]]:
    """What the comments of a faulty snippet ask for: mistake, line, certain."""
    rows = enumerate(text.split("\n"), 1)
    return {(key, line, mark == "!") for line, code in rows for mark, key in re.findall(r"#([!?]) (\w+)", code)}


def found(text: str) -> set[tuple[str, int, bool]]:
    return {(sign.mistake, sign.line, sign.certain) for sign in read(text)}


@pytest.mark.parametrize("text", parameters("correct"))
def test_correct_code_shows_no_sign(text: str) -> None:
    assert read(text) == ()


@pytest.mark.parametrize("text", parameters(*FAMILIES))
def test_faulty_code_shows_its_mistake_and_no_other(text: str) -> None:
    assert marked(text)
    assert found(text) == marked(text)


@pytest.mark.parametrize(("title", "text"), snippets("unparsable"))
def test_what_cannot_be_read_is_told_plainly_with_its_line(title: str, text: str) -> None:
    line, words = re.fullmatch(r".* @(\d+) (.*)", title).groups()  # type: ignore[union-attr]
    with pytest.raises(SnippetError, match=words) as error:
        read(text)
    assert error.value.line == int(line)
    assert f"Line {line}" in str(error.value)


def test_every_mistake_is_seen_in_two_spellings_and_more_is_correct_than_that() -> None:
    seen = [key for family in FAMILIES for _title, text in snippets(family) for key, _line, _sure in marked(text)]
    seen += re.findall(r"#> (\w+)", (FOLDER / "kinds.py.txt").read_text("utf-8"))
    assert {rule.mistake for rule in RULES} == MISTAKES == set(seen)
    assert all(seen.count(key) >= 2 for key in MISTAKES)
    assert len(snippets("correct")) >= 25


def test_every_rule_says_why_and_where_that_is_written() -> None:
    assert all(rule.why.endswith(".") and rule.source.startswith("https://") for rule in RULES)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x = 1\0", id="null byte"),
        pytest.param("#" * 200_001, id="too long"),
        pytest.param("é" * 100_001, id="too many bytes"),
        pytest.param("x = " + "(" * 5000, id="brackets"),
        pytest.param("x = " + "-" * 50_000 + "1", id="signs"),
        pytest.param("x = a" + ".b()" * 30_000, id="a chain"),
        pytest.param("x = " + "+".join("1" * 60_000), id="a sum"),
        pytest.param("".join(" " * depth + "if x:\n" for depth in range(150)), id="blocks"),
        pytest.param("x = '\ud800'", id="half a character"),
        pytest.param("x = " + "9" * 5000, id="a number"),
        pytest.param("def f(db: Session):\n" + "    db.add(x)\n" * 5000, id="a program's output"),
    ],
)
def test_hostile_text_gets_a_sentence_and_not_a_crash(text: str) -> None:
    with pytest.raises(SnippetError) as error:
        read(text)
    assert len(str(error.value)) < 120


FAULTY = "db = SessionLocal()  # of a request\nreturn db.query(User).all()"


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        pytest.param(f"def f():\n    {FAULTY.splitlines()[0]}\n    return db.query(User).all()", 2, 9, id="as written"),
        pytest.param("    def f():\n        db = SessionLocal()\n        db.get(User, 1)\n", 2, 13, id="from a class"),
        pytest.param("def f():\n        db = SessionLocal()\n        db.get(User, 1)\n", 2, 13, id="first line cut"),
        pytest.param(
            "@x.y\n    def f():\n        db = SessionLocal()\n        db.get(U, 1)\n", 3, 13, id="decorator cut"
        ),
        pytest.param(FAULTY, 1, 5, id="the inside of a function"),
        pytest.param(
            "        db = SessionLocal()\n        return db.get(U, 1)\n\n    def g(self): ...",
            1,
            13,
            id="from the middle",
        ),
        pytest.param(
            "\n>>> def f():\n...     db = SessionLocal()\n...     db.get(U, 1)\n...\n>>> f()\n'x'", 3, 13, id="shell"
        ),
        pytest.param("```python\ndef f():\n    db = SessionLocal()\n    db.get(U, 1)\n```", 3, 9, id="from a chat"),
        pytest.param("\ufeffdef f():\r\n\tdb = SessionLocal()\r\n\tdb.get(U, 1)", 2, 6, id="from Windows"),
        pytest.param('def f():\n    "é"; db = SessionLocal(); db.get(U, 1)', 2, 14, id="columns are characters"),
    ],
)
def test_places_are_those_of_the_pasted_text(text: str, line: int, column: int) -> None:
    (sign,) = read(text)
    assert (sign.mistake, sign.line, sign.column) == ("connection_leak", line, column)


def test_nothing_is_run_or_imported(capsys: pytest.CaptureFixture[str]) -> None:
    assert read("import no_such_module\nprint('run')\nraise SystemExit\n") == ()
    assert capsys.readouterr().out == ""


def test_an_empty_text_has_no_signs() -> None:
    assert read("") == read("\n  \n") == ()


def test_a_sign_that_depends_on_more_says_on_what() -> None:
    doubt = r"unless|a mistake if|if |may |is it|does what|Nothing else|depends|deadlock if|slow if"
    for family in FAMILIES:
        for _title, text in snippets(family):
            assert all(sign.certain or re.search(doubt, str(sign.sentence)) for sign in read(text))


@pytest.mark.parametrize("family", FAMILIES)
def test_signs_speak_the_language_of_the_page(family: str) -> None:
    use("zh")
    try:
        said = [str(sign.sentence) for _title, text in snippets(family) for sign in read(text)]
    finally:
        use("en")
    assert said
    assert [sentence for sentence in said if not re.search(r"[\u4e00-\u9fff]", sentence)] == []


def test_a_whole_library_is_read_without_an_error_or_a_sign() -> None:
    for path in sorted(Path(str(asyncio.__file__)).parent.rglob("*.py")):
        assert read(path.read_text("utf-8")) == (), path
