"""What was run in one language is read in the other: after a switch no sentence of the first is left on a page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from functools import cache
from html import unescape
from string import Formatter

import pytest
from babel.messages.pofile import read_po
from streamlit.testing.v1 import AppTest

from simulator.i18n import catalogue_path, speaking

Opener = Callable[..., AppTest]

#: Letters in a row that make a message a sentence: shorter ones may stand in SQL, in code or in a name.
LETTERS = 14
CHINESE = re.compile("[\u4e00-\u9fff]")
#: elements whose text is code, which is in English in every language
CODE = ("code", "json")
PAGES = (
    ("home", {}),
    ("anomalies", {}),
    ("anomalies", {"order": "T1.read T2.read T1.write T2.write T2.commit T1.commit"}),
    ("locks", {"step": "3"}),
    ("fastapi", {}),
    ("sessions", {}),
    ("mistakes", {}),
    ("learn", {"q": "MissingGreenlet"}),
    ("learn", {"chapter": "creation", "teacher": "1"}),
    ("learn", {"interview": "1"}),
)


@cache
def english() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each English sentence that is another one in Chinese, with what it looks like once its values stand in it."""
    catalogue = read_po(io.BytesIO(catalogue_path("zh").read_bytes()), locale="zh")
    found = []
    for message in catalogue:
        translated = "\n".join([message.string] if isinstance(message.string, str) else message.string)
        for form in [message.id] if isinstance(message.id, str) else message.id:
            pattern = _pattern(form)
            # Terms of the literature stand in the translation too, beside their Chinese names.
            if pattern is not None and not pattern.search(translated):
                found.append((form, pattern))
    return tuple(found)


def _pattern(message: str) -> re.Pattern[str] | None:
    """The longest stretch of the sentence between two values; None where none is long enough to be its own."""
    stretches = [literal.strip() for literal, _, _, _ in Formatter().parse(message)]
    longest = max(stretches, key=len, default="")
    if len(re.sub("[^A-Za-z]", "", longest)) < LETTERS or " " not in longest:
        return None
    return re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, longest.split())) + r"(?!\w)")


def texts(at: AppTest) -> Iterator[str]:
    """Everything that a person reads on the page, and no code."""
    for element in at.main:
        if element.type in CODE:
            continue
        proto = element.proto
        for field in ("body", "label", "help", "placeholder", "spec"):
            value = getattr(proto, field, "")
            if isinstance(value, str) and value:
                plain = re.sub(r"(?s)<(style|script|code|pre)\b.*?</\1>|```.*?```|`[^`]*`", " ", value)
                yield unescape(re.sub(r"<[^>]*>", " ", plain)).replace("\\", "")
        yield from (str(getattr(option, "content", option)) for option in getattr(proto, "options", ()))


@pytest.mark.parametrize(("page", "query"), PAGES)
def test_after_a_switch_to_chinese_no_english_sentence_is_left(
    open_page: Opener, page: str, query: dict[str, str]
) -> None:
    at = open_page(page, **query)
    shown = "\n".join(texts(at))
    assert [message for message, pattern in english() if pattern.search(shown)], "the page was in English"
    at.button_group(key="app_language_switch").set_value("zh").run()
    assert not at.exception
    shown = "\n".join(texts(at))
    assert CHINESE.search(shown)
    assert [message for message, pattern in english() if pattern.search(shown)] == []


@pytest.mark.parametrize(("page", "query"), PAGES)
def test_after_a_switch_to_english_no_chinese_is_left(open_page: Opener, page: str, query: dict[str, str]) -> None:
    at = open_page(page, lang="zh", **query)
    assert CHINESE.search("\n".join(texts(at)))
    # AppTest looks a choice up among the options as this thread would word it.
    with speaking("zh"):
        at.button_group(key="app_language_switch").set_value("en").run()
    assert not at.exception
    assert [text for text in texts(at) if CHINESE.search(text)] == []
