"""Python source with one line that the last row of a room can point at."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from html import escape
from typing import Literal

import streamlit as st
from pygments import lex
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType, is_token_subtype

#: `mistake` is red, and red is for what goes wrong; `fix` is green; `sign` is what somebody's own text is suspected of.
Tone = Literal["mistake", "fix", "sign"]

_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "c"),
    (String, "s"),
    (Number, "n"),
    (Keyword, "k"),
    (Operator.Word, "k"),
    (Name.Decorator, "d"),
    (Name.Function, "f"),
    (Name.Class, "f"),
)


def show(source: str, *, marked: Collection[int] = (), tone: Tone = "mistake") -> None:
    """The source; the lines whose numbers (from 1) are `marked` have a background and an arrow in the margin."""
    st.html(source_html(source, marked=marked, tone=tone))


def source_html(source: str, *, marked: Collection[int] = (), tone: Tone = "mistake") -> str:
    """The same as HTML. What is not code, numbers and arrows, is drawn by the style sheet and never copied."""
    rows = []
    for number, (indent, line) in enumerate(_lines(source), 1):
        kind = "tx-source-line tx-source-marked" if number in marked else "tx-source-line"
        # A long line goes on below its own beginning, a little to the right.
        rows.append(f'<div class="{kind}" data-n="{number}"><code style="--tx-in:{indent + 4}ch">{line}</code></div>')
    digits = len(str(len(rows)))
    return f'<div class="tx-source tx-source-{tone}" style="--tx-digits:{digits}ch">{"".join(rows)}</div>'


def _lines(source: str) -> Iterator[tuple[int, str]]:
    """Indentation and HTML of each line."""
    html = [""]
    for token, text in lex(source.rstrip() + "\n", PythonLexer(stripnl=False)):
        name = next((name for kind, name in _CLASSES if is_token_subtype(token, kind)), "")
        for number, part in enumerate(text.split("\n")):
            if number:
                html.append("")
            if part:
                html[-1] += f'<span class="tx-source-{name}">{escape(part)}</span>' if name else _breakable(part)
    plain = source.rstrip().split("\n")
    for line, text in zip(plain, html, strict=False):
        yield len(line) - len(line.lstrip()), text


def _breakable(text: str) -> str:
    """A line that is too long goes on behind a bracket, not in the middle of a name."""
    return re.sub(r"([(\[])", r"\1<wbr>", escape(text))
