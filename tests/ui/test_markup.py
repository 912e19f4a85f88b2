"""Texts of a stranger's file, wherever a page shows them: they are read as they are, and load nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from simulator.scenarios.loader import load_file
from simulator.ui.schedules.pick import Pick, first_level
from tests.ui.conftest import Opener

SCENARIO = Path(__file__).parents[1] / "hostile" / "markup.toml"

#: Kinds of elements and their fields that Streamlit reads as Markdown.
MARKDOWN = {
    ("Markdown", "body"), ("Alert", "body"), ("Button", "label"), ("Button", "help"), ("Selectbox", "label"),
    ("Selectbox", "help"), ("ButtonGroup", "label"), ("ButtonGroup", "options"), ("Tab", "label"),
    ("Expandable", "label"), ("Checkbox", "label"), ("Radio", "options"), ("TextArea", "label"),
    ("FileUploader", "label"), ("DownloadButton", "label"), ("PageLink", "label"), ("Progress", "text"),
}  # fmt: skip
#: What starts something in Markdown where no backslash stands before it: tags, pictures, links, colours, formulas.
ACTIVE = re.compile(r"(?<!\\)(?:<\w|!\[|\]\(|:\w+\[|\$)")
CODE = re.compile(r"`[^`]*`")
#: All that figures need of the HTML that Plotly takes in a text.
PLOTLY_TAGS = {"<b>", "</b>", "<br>", "<i>", "</i>", "<extra>", "</extra>"}


class _Tags(HTMLParser):
    """Elements and attributes of a piece of HTML, as a browser would find them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        #: where its links lead
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _value in attrs)))
        self.links += [value or "" for name, value in attrs if name == "href"]


def _elements(block: Any) -> Iterator[Message]:
    for child in getattr(block, "children", {}).values():
        if isinstance(getattr(child, "proto", None), Message):
            yield child.proto
        yield from _elements(child)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        # What goes with a point is no text to Plotly; who makes one of it, escapes it (score_fit.js).
        parts = (part for name, part in value.items() if name != "customdata") if isinstance(value, dict) else value
        for part in parts:
            yield from _texts(part)


def _figures(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "figure" and isinstance(part, str):
                yield json.loads(part)
            else:
                yield from _figures(part)


def harmless(proto: Message) -> None:
    """Raises AssertionError where a text of the element would do more than be read."""
    kind = type(proto).__name__
    fields = MessageToDict(proto)
    if kind == "Html":
        tags = _Tags()
        tags.feed(str(fields.get("body", "")))
        assert not {tag for tag, _names in tags.found} & {"img", "script", "iframe", "object", "embed", "svg"}
        assert all(link.startswith("./") for link in tags.links), tags.links
        assert not [names for _tag, names in tags.found if any(name.startswith("on") for name in names)]
    for name, value in fields.items():
        if (kind, name) in MARKDOWN:
            for text in _texts(value):
                assert not ACTIVE.search(CODE.sub("", text)), (kind, name, text)
    if kind == "BidiComponent":
        for figure in _figures(json.loads(str(fields.get("json", "{}")))):
            for text in _texts(figure):
                assert set(re.findall(r"<[^>]*>", text)) <= PLOTLY_TAGS, text


def told(at: AppTest) -> str:
    """Everything on the page, as it was sent to the browser."""
    return " ".join(text for proto in _elements(at._tree) for text in _texts(MessageToDict(proto)))


@pytest.mark.parametrize(
    ("details", "state", "level"),
    [
        ("At other levels", "Why this read?", "RC"),
        ("What fixes it", "Rows", "RR"),
        ("Code", "Row versions", "RC"),
        ("Change the order", "Who waits", "SER"),
    ],
)
def test_a_strangers_texts_are_only_read(open_page: Opener, details: str, state: str, level: str) -> None:
    at = open_page("anomalies")
    scenario = load_file(SCENARIO)
    isolation = next(one for one in scenario.levels if one.short == level)
    variant = scenario.variants[0]
    at.session_state["anomalies_own"] = scenario
    at.session_state["anomalies_pick"] = Pick(scenario, variant, isolation, variant.schedule, own=1)
    at.session_state["anomalies_details"] = details
    at.session_state["anomalies_run_state"] = state
    at.run()
    assert not at.exception, at.exception
    assert "evil.example" in told(at)
    for proto in _elements(at._tree):
        harmless(proto)


def test_driving_shows_a_strangers_statements_as_code(open_page: Opener) -> None:
    at = open_page("anomalies", mode="drive")
    scenario = load_file(SCENARIO)
    variant = scenario.variants[0]
    at.session_state["anomalies_own"] = scenario
    at.session_state["anomalies_pick"] = Pick(scenario, variant, first_level(scenario), variant.schedule, own=1)
    at.run()
    assert not at.exception, at.exception
    for proto in _elements(at._tree):
        harmless(proto)


@pytest.mark.parametrize(
    "text", ["![x](http://evil.example)", "a <b>x", "a $x$", "[l](http://evil.example)", ":red[x]"]
)
def test_the_test_would_see_what_it_looks_for(text: str) -> None:
    from streamlit.proto.Html_pb2 import Html
    from streamlit.proto.Markdown_pb2 import Markdown

    with pytest.raises(AssertionError):
        harmless(Markdown(body=text))
    harmless(Html(body="<p>&lt;img src=x onerror=alert(1)&gt;</p>"))
    with pytest.raises(AssertionError):
        harmless(Html(body="<p><img src=x onerror=alert(1)></p>"))
