"""The reader on texts of others, on the demonstrations themselves, and on each kind in several spellings.

`kinds.py.txt`: a comment `#> mistake` marks each line that must be pointed to, for certain or not. `cured.py.txt`: a
title begins with the mistake of which nothing may be said.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest

from simulator.errors import SnippetError
from simulator.labs.lint.signs import RULES, examine, read
from simulator.labs.mistakes.catalogue import MISTAKES

CASES = Path(__file__).parents[1] / "cases" / "code"
SNIPPETS = Path(__file__).parent / "snippets"
#: file -> the mistakes that it shows, each with the lines at which a reader may point to it
BAD = {
    "14-engine-per-request": {"engine_per_request": {9, 13}},
    "15-sse-holds-session": {"streaming_answer": {28}},
    "16-stream-reopens-closed-session": {"stream_session": {26}},
    "18-missing-greenlet-onupdate": {"onupdate_async": {41}},
    "20-for-update-stale-identity": {"get_then_lock": {9}},
    "21-worker-loop-stale": {"stale_worker_loop": {19}},
    "21b-worker-loop-stale-plain": {"stale_worker_loop": {13}},
    "23-scoped-session-fastapi": {"scoped_session": {7}},
    "24-celery-before-commit": {"task_before_commit": {22}},
    "25-two-dependencies-two-connections": {"two_sessions": {27}},
    "26-autoflush-backref": {"autoflush_half_filled": {30}},
    "27-commit-after-yield": {"commit_after_yield": {12}},
    "28-advisory-lock-pool": {"advisory_lock_pool": {8}},
    "30-fork-engine": {"engine_across_fork": {16}},
}
#: Demonstrations whose code shows the mistake only together with what runs it, or with the models.
NEEDS_MORE = {
    *("shared_connection", "global_session", "shared_session"),  # who uses the object at the same time
    *("batch_bad_row", "onupdate_async"),  # what the rows and the columns are
    *("thread_pool", "engine_across_fork"),  # the size of the pool, and who forks
}


def text_of(name: str) -> str:
    return (CASES / name).read_text("utf-8")


def snippets(name: str) -> list[tuple[str, str]]:
    parts = re.split(r"^#### (.*)\n", (SNIPPETS / f"{name}.py.txt").read_text("utf-8"), flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", BAD)
def test_what_is_in_a_bad_text_is_found_at_the_statement_at_fault(name: str) -> None:
    signs = read(text_of(f"{name}.bad.py"))
    for mistake, lines in BAD[name].items():
        assert {sign.line for sign in signs if sign.mistake == mistake} == lines


@pytest.mark.parametrize("path", sorted(CASES.glob("*.good.py")), ids=lambda path: path.name)
def test_a_good_text_is_silent_about_it(path: Path) -> None:
    mistakes = {sign.mistake for sign in read(path.read_text("utf-8"))}
    assert not mistakes & BAD[path.name.removesuffix(".good.py")].keys()


def test_remove_in_another_thread_is_found() -> None:
    assert [sign.line for sign in read(text_of("23-remove.py")) if sign.mistake == "scoped_remove_elsewhere"] == [15]


@pytest.mark.parametrize(("title", "text"), snippets("kinds"), ids=lambda value: value[:40])
def test_each_kind_is_found_however_it_is_written(title: str, text: str) -> None:
    rows = enumerate(text.split("\n"), 1)
    wanted = {(key, line) for line, code in rows for key in re.findall(r"#> (\w+)$", code)}
    assert wanted
    assert wanted <= {(sign.mistake, sign.line) for sign in read(text)}


@pytest.mark.parametrize(("title", "text"), snippets("cured"), ids=lambda value: value[:40])
def test_of_what_is_cured_nothing_is_said(title: str, text: str) -> None:
    assert title.partition(":")[0] not in {sign.mistake for sign in read(text)}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.key)
def test_the_demonstrations_show_their_signs_and_their_fixes_do_not(mistake: object) -> None:
    key = mistake.key  # type: ignore[attr-defined]
    if key not in {rule.mistake for rule in RULES}:
        return
    wrong, right = mistake.mistake.source, mistake.fixed.source  # type: ignore[attr-defined]
    assert key not in {sign.mistake for sign in read(right)}
    assert (key in {sign.mistake for sign in read(wrong)}) is (key not in NEEDS_MORE)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("def f(db):\n    db.add(User())\n    db.commit()\n", True),
        ("def f(self):\n    return self.session.scalars(select(User)).all()\n", True),
        ("def f():\n    return db.session.query(User).all()\n", True),
        ("def f(s):\n    s.query(User).all()\n    s.commit()\n", True),
        ("def f(x: SessionDep):\n    x.add(User())\n    x.commit()\n", True),
        ("import requests\nsession = requests.Session()\nsession.get('http://x')\n", False),
        ("def f(session):\n    return session.get('user')\n", False),
        ("def f(db):\n    cur = db.cursor()\n    cur.execute('x')\n    db.commit()\n", False),
        ("def f(a, b):\n    return a + b\n", False),
        ("from git import Repo\ndef f(repo):\n    repo.add('x')\n    repo.commit('y')\n", False),
    ],
)
def test_a_session_is_recognised_by_name_and_use_or_it_is_said_that_none_was(text: str, seen: bool) -> None:
    assert examine(text).saw_session is seen


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            json.dumps({"cells": [{"cell_type": "code", "source": ["%matplotlib\n", "x = 1"]}]}), id="notebook"
        ),
        pytest.param("def f():\n" + "\n".join(f"    x{n} = x{n - 1}" for n in range(1, 3000)), id="a chain of names"),
        pytest.param(
            "".join(f"def f{n}(s):\n    f{n + 1}(s)\n    f{n + 2}(s)\n    s.commit()\n" for n in range(300)), id="calls"
        ),
        pytest.param("class A(B): pass\nclass B(A):\n    def f(self): self.s.commit()\n", id="a circle of classes"),
        pytest.param("def f(s):\n    return f(s)\n\nx = f(x)\nx = x\n", id="a circle of names"),
        pytest.param("from x import *\nfrom os import *\nimport antigravity\na.b = antigravity.c\n", id="imports"),
        pytest.param(
            "match x:\n    case {'a': [b, *c]}: pass\ntry: pass\nexcept* E: pass\ntype X = int\n", id="new syntax"
        ),
    ],
)
def test_strange_code_is_read_or_refused(text: str) -> None:
    with suppress(SnippetError):
        read(text)
