"""Catalogues: complete placeholders, extraction from code and scenarios, the choice of a language."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from simulator.errors import RunError
from simulator.i18n import (
    LANGUAGES,
    NOTHING,
    Text,
    catalogue_path,
    choose,
    gettext,
    language,
    ngettext,
    speaking,
    use,
)
from simulator.i18n.extract import extract_scenario, template

TRANSLATED = [code for code in LANGUAGES if code != "en"]


def messages(code: str) -> list[Message]:
    catalogue = read_po(io.BytesIO(catalogue_path(code).read_bytes()), locale=code)
    return [message for message in catalogue if message.id and message.string and any(message.string)]


def forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else list(text)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_keeps_every_placeholder(code: str) -> None:
    for message in messages(code):
        wanted = set[str]().union(*(placeholders(form) for form in forms(message.id)))
        for form in forms(message.string):
            assert placeholders(form) == wanted, message.id


def test_texts_of_code_are_found(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "one.py").write_text(
        "from simulator.i18n import gettext, ngettext\n"
        "x = gettext('A title')\ny = ngettext('{n} row', '{n} rows', n)\nz = gettext(variable)\n"
        "w = f'<b>{escape(gettext(\"In a tag\"))}</b>'\n"
    )
    found = template(tmp_path)
    assert found.get("A title") is not None
    assert found.get(("{n} row", "{n} rows")) is not None
    assert found.get("In a tag") is not None
    assert len([message for message in found if message.id]) == 3


def test_texts_of_a_scenario_are_found_with_their_lines() -> None:
    text = (
        'title = "Lost update"\nstory = """\nTwo tellers.\nOne balance.\n"""\nsetup = "SELECT 1"\n'
        '[[variants]]\ntitle = "Naive"\n[variants.invariant]\ntitle = "Nothing is lost"\n'
    )
    found = list(extract_scenario(io.BytesIO(text.encode()), (), (), {}))
    assert [(line, message) for line, _, message, _ in found] == [
        (1, "Lost update"),
        (3, "Two tellers.\nOne balance.\n"),
        (8, "Naive"),
        (10, "Nothing is lost"),
    ]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, "en"),
        ("", "en"),
        ("zh-CN", "zh"),
        ("zh", "zh"),
        ("fr-FR", "en"),
        ("fr;q=0.9,zh-TW;q=0.8,en;q=0.1", "zh"),
        ("en;q=0.1,zh;q=0.7", "zh"),
        (";;;q=x,,zh;q=", "zh"),
        ("\x00" * 50, "en"),
    ],
)
def test_the_language_follows_the_browser(accept: str | None, wanted: str) -> None:
    assert choose(accept) == wanted


def test_an_unknown_language_speaks_english() -> None:
    use("tlh")
    assert language() == "en"
    assert gettext("No such message anywhere") == "No such message anywhere"
    assert ngettext("{n} row", "{n} rows", 2) == "{n} rows"


def test_a_text_is_translated_when_it_is_asked_and_not_when_it_is_made() -> None:
    inner = Text.of("{session} cannot wait for itself.", session="T1")
    with speaking("zh"):
        made = Text.of("The graph cannot tell: {reason}", reason=inner)
    assert str(made) == made.english() == "The graph cannot tell: T1 cannot wait for itself."
    with speaking("zh"):
        assert str(made) == gettext("The graph cannot tell: {reason}").format(
            reason=gettext(inner.template).format(session="T1")
        )
        assert str(made) != made.english() == "The graph cannot tell: T1 cannot wait for itself."
    assert language() == "en"


def test_an_error_says_its_sentence_in_the_language_of_who_asks() -> None:
    error = RunError(Text.of("The server did not answer in time."))
    assert str(error) == "The server did not answer in time."
    with speaking("zh"):
        assert str(error) == gettext("The server did not answer in time.") != error.text.english()
    assert RunError("in no catalogue {x}").text == Text.verbatim("in no catalogue {x}")


def test_texts_are_values() -> None:
    made = Text.many("{n} run going on", "{n} runs going on", 2)
    assert str(made) == "2 runs going on"
    assert str(Text.many("{n} run going on", "{n} runs going on", 1)) == "1 run going on"
    assert pickle.loads(pickle.dumps(made)) == made
    assert len({made, made.capitalised(), made.cut(3)}) == 3
    assert str(made.cut(3)) == "2 r…"
    assert str(Text("lost update").capitalised()) == "Lost update"
    assert str(Text.joined(", ", [Text.verbatim("{a}"), "b"])) == "{a}, b"
    assert (str(NOTHING), bool(NOTHING), bool(Text.verbatim("")), bool(made)) == ("", False, False, True)


def test_templates_of_texts_are_found(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "one.py").write_text(
        "x = Text.of('A {title}', title=1)\ny = Text.many('{n} row', '{n} rows', n)\nz = Failure.of('not this')\n"
        "w = Text('{nor}: {this}')\n"
    )
    found = template(tmp_path)
    assert [message.id for message in found if message.id] == ["A {title}", ("{n} row", "{n} rows")]
