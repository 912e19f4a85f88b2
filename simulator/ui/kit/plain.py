"""Texts that came from outside, shown as they are: nothing in them is markup, a formula or an icon."""

from __future__ import annotations

import re
from html import escape

from simulator.i18n import Text

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|$~:^&=-])")


def plain(text: str | Text) -> str:
    r"""The text for a place that reads Markdown.

    >>> print(plain("a *b* costs $1 or :red[2]"))
    a \*b\* costs \$1 or \:red\[2\]
    """
    return _SPECIAL.sub(r"\\\1", str(text))


def breakable(text: str) -> str:
    """The text as HTML; a name that has too little room goes on at a bracket, behind a dot or before a capital.

    >>> breakable("raises HTTPException(404)"), breakable("a.b() is c")
    ('raises HTTP<wbr>Exception<wbr>(404)', 'a.<wbr>b() is c')
    """
    return re.sub(r"(?<=[.=])(?=\w|&)|(?<=\w)(?=\([^)])|(?<=[a-zA-Z])(?=[A-Z][a-z])", "<wbr>", escape(text))
