"""Source as HTML: every line once, the marked ones marked, and nothing of it markup."""

from __future__ import annotations

import re
from html import unescape

from simulator.ui.components.source_view import source_html


def lines(html: str) -> list[str]:
    return [unescape(re.sub(r"<[^>]*>", "", line)) for line in re.findall(r"<code[^>]*>(.*?)</code>", html)]


def test_what_can_be_copied_is_the_source() -> None:
    source = 'def f(x):\n\n    """Two\n    lines."""\n    return [x < 1, "<b>&amp;"]  # é\n'
    assert lines(source_html(source)) == source.rstrip().split("\n")


def test_markup_in_the_source_is_text() -> None:
    assert "<script" not in source_html('x = "<script>alert(1)</script>"')


def test_marked_lines_are_those_that_were_asked_for() -> None:
    html = source_html("a = 1\nb = 2\nc = 3", marked=(2,), tone="fix")
    assert re.findall(r'tx-source-marked" data-n="(\d+)"', html) == ["2"]
    assert 'class="tx-source tx-source-fix"' in html


def test_what_is_not_python_is_shown_all_the_same() -> None:
    assert lines(source_html("def (:\n\t%% ?\n'open")) == ["def (:", "\t%% ?", "'open"]
