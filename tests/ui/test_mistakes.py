"""The Mistakes page: a silent one has just run, and every one opens by its link."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from simulator.errors import EngineBusy
from simulator.labs.lint.signs import RULES
from simulator.labs.mistakes.catalogue import MISTAKES, find
from simulator.ui.mistakes import picker, runs, words
from tests.ui.conftest import Opener
from tests.ui.texts import html_text


def html(at: AppTest) -> str:
    return "\n".join(block.value for block in at.get("html"))


def kind(at: AppTest) -> str | None:
    found = re.search(r'data-verdict="([^"]*)"', html(at))
    return found[1] if found else None


def marked(at: AppTest, tone: str) -> list[str]:
    """The decisive lines of one side, as they can be copied."""
    (source,) = re.findall(rf'<div class="tx-source tx-source-{tone}".*', html(at))
    lines = re.findall(r'tx-source-marked" data-n="\d+">(.*?)</div>', source)
    return [re.sub(r"<[^>]*>", "", line).strip() for line in lines]


def test_it_opens_on_a_silent_mistake_that_has_just_run(open_page: Opener) -> None:
    at = open_page("mistakes")
    mistake = find(picker.FIRST)
    assert mistake.silent
    assert at.selectbox(key="mistakes_select").value == mistake.key
    assert kind(at) == "silent"
    text = html_text(at)
    assert "Everybody was told 200." in text
    assert "Messages stored: 0. With the fix: 1." in text
    assert marked(at, "mistake") == [mistake.mistake.decisive]
    assert set(marked(at, "fix")) == {mistake.fixed.decisive}
    assert not at.warning


@pytest.mark.parametrize(
    ("key", "came"),
    [
        ("no_commit", "silent"),
        ("deadlock_order", "raised"),
        ("n_plus_one", "costs"),
        ("commit_after_yield", "silent"),
        ("engine_across_fork", "silent"),
        ("engine_per_request", "silent"),
        ("streaming_answer", "raised"),
    ],
)
def test_a_link_opens_its_mistake(open_page: Opener, key: str, came: str) -> None:
    at = open_page("mistakes", mistake=key)
    assert at.selectbox(key="mistakes_select").value == key
    assert kind(at) == came
    assert not at.warning


def test_every_mistake_opens_and_says_what_is_in_it(open_page: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without running each: that is the lab's own test."""
    at = open_page("mistakes")
    monkeypatch.setattr(runs, "of", refuse)
    for mistake in MISTAKES:
        at.selectbox(key="mistakes_select").set_value(mistake.key).run()
        assert not at.exception, mistake.key
        assert mistake.story in html_text(at), mistake.key
        assert mistake.mistake.decisive_numbers, mistake.key
        assert mistake.fixed.decisive_numbers, mistake.key


def refuse(_mistake: object) -> None:
    raise EngineBusy("Everybody runs something. Try again in a moment.")


def test_a_busy_server_is_a_sentence_and_the_rest_of_the_page_stays(
    open_page: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "of", refuse)
    at = open_page("mistakes")
    assert "Everybody runs something" in at.warning[0].value
    assert "Why" in html_text(at)


def test_a_link_to_no_mistake_gets_a_sentence_and_a_run(open_page: Opener) -> None:
    at = open_page("mistakes", mistake="*no* such <thing>")
    (warning,) = at.warning
    assert "there is none" in warning.value
    assert kind(at) == "silent"


def test_walking_goes_round_at_the_ends(open_page: Opener) -> None:
    at = open_page("mistakes", mistake=MISTAKES[0].key)
    at.button(key="mistakes_before").click().run()
    assert at.selectbox(key="mistakes_select").value == MISTAKES[-1].key
    at.button(key="mistakes_next").click().run()
    assert at.selectbox(key="mistakes_select").value == MISTAKES[0].key


def test_who_predicts_first_sees_the_code_and_no_answer(open_page: Opener) -> None:
    at = open_page("mistakes")
    at.toggle(key="app_predict_first").set_value(True).run()
    assert kind(at) is None
    assert marked(at, "mistake") == []
    at.button_group(key=f"mistakes_guess {picker.FIRST}").set_value("nobody").run()
    assert kind(at) == "silent"
    assert any("Right" in each.value for each in at.markdown)


def test_every_sign_has_a_demonstration() -> None:
    keys = {mistake.key for mistake in MISTAKES}
    assert {rule.mistake for rule in RULES} <= keys


def test_silent_ones_are_marked_in_the_list() -> None:
    assert all(words.label(mistake).startswith("🔇 SILENT") is mistake.silent for mistake in MISTAKES)
    assert {mistake.family for mistake in MISTAKES} <= words.FAMILIES.keys()
