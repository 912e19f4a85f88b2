"""The page of one's own application: a file in, findings out; two are compared, and nothing of them stays."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.ui.test_findings import said

Opener = Callable[..., AppTest]
HISTORIES = Path(__file__).parents[1] / "histories" / "sessions"


def drop(at: AppTest, *files: tuple[str, bytes]) -> None:
    """Files, as a person drops them."""
    at.file_uploader(key="application_files").set_value(
        [(name, data, "application/json") for name, data in files]
    ).run()
    assert not at.exception, at.exception


def history(name: str) -> bytes:
    return (HISTORIES / f"{name}.json").read_bytes()


def labels(at: AppTest) -> list[str]:
    return [each.label for each in at.expander if "·" in each.label]


def test_without_a_file_it_says_how_one_is_made(open_page: Opener) -> None:
    at = open_page("application")
    assert any("recorder.history().to_json()" in each.value for each in at.code)
    assert not labels(at)


def test_a_file_is_told_in_words(open_page: Opener) -> None:
    at = open_page("application")
    drop(at, ("trace.json", history("pool_time_out")))
    assert labels(at)[0].startswith("❌ Failed · The pool had no connection left")
    assert "6 requests" in said(at)
    at.button(key="application_finding_light_0").click().run()
    assert not at.exception


def test_a_packed_file_is_the_same(open_page: Opener) -> None:
    at = open_page("application")
    drop(at, ("trace.json.gz", gzip.compress(history("pool_time_out"))))
    assert labels(at)[0].startswith("❌ Failed · The pool had no connection left")


def test_of_two_it_is_said_what_is_gone(open_page: Opener) -> None:
    at = open_page("application")
    drop(at, ("before.json", history("pool_time_out")), ("after.json", history("save_message")))
    assert "✅ **Gone** · The pool had no connection left" in said(at).replace("\\", "")
    assert "**New**" not in said(at)
    assert "no proof that nothing is wrong" in said(at)


def test_what_is_no_history_is_answered_with_a_sentence(open_page: Opener) -> None:
    at = open_page("application")
    drop(at, ("broken.json.gz", gzip.compress(history("save_message"))[:-20]))
    assert "damaged" in at.warning[0].value
    assert not labels(at)


def test_a_pasted_history_is_led_here(open_page: Opener) -> None:
    at = open_page("lint")
    at.text_area(key="lint_text").set_value(history("save_message").decode("utf-8")).run()
    at.button(key="lint_brought_open").click().run()
    assert not at.exception
    assert "no proof that nothing is wrong" in said(at)
