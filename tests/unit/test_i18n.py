"""Catalogues: complete placeholders, extraction from code and scenarios, the choice of a language."""

from __future__ import annotations

import io
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from simulator.i18n import LANGUAGES, catalogue_path, choose, gettext, language, ngettext, use
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
