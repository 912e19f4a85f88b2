"""Comments of code that a page shows: the code is what runs, and its comments are read in the reader's language."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from simulator.i18n.catalogues import gettext

_SIGN = "# "


class Comment(NamedTuple):
    """Where it stands, from its sign to the end of its line, and its words without the sign."""

    #: from 1
    line: int
    #: characters before its sign
    column: int
    words: str


def comments(source: str) -> Iterator[Comment]:
    """Those of Python code, each line of a longer one by itself. Raises what `tokenize` raises where it is no code."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Comment(*token.start, token.string.removeprefix(_SIGN))


def translated(source: str) -> str:
    """The same code, line by line, with its comments in the language in use; what has no translation stays as it is."""
    lines = source.splitlines()
    for line, column, words in comments(source):
        lines[line - 1] = f"{lines[line - 1][:column]}{_SIGN}{gettext(words)}"
    return "\n".join(lines)
