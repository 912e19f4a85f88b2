"""The reader of pasted snippets, on snippets as people write them.

`snippets/*.py.txt` hold them, each under a line `#### title`. In the faulty ones a comment marks each line that has to
be pointed to: `#! mistake` for a certain sign, `#? mistake` for one that depends on what is not shown.
"""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import re
import time
from pathlib import Path

import pytest

from simulator.errors import SnippetError
from simulator.i18n import use
from simulator.labs.snippet.signs import RULES, Sign, read

FOLDER = Path(__file__).parent / "snippets"
FAMILIES = ("sharing", "leaking", "transactions", "objects", "asynchronous", "fastapi")
MISTAKES = (
    "shared_session shared_connection global_session connection_leak no_finally no_commit swallowed_error lazy_after_close"
    " read_after_commit n_plus_one batch_bad_row get_then_lock deadlock_order scoped_session async_gather async_lazy_load"
    " sync_in_async thread_pool commit_after_yield commit_in_finally middleware_session background_session reset_on_return"
    " dead_connections retry_inside llm_inside"
).split()


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
    assert found(text) == marked(text)
