"""Texts that came from outside, shown as they are: nothing in them is markup, a formula or an icon."""

from __future__ import annotations

import re

from simulator.i18n import Text

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|$~:^&=-])")


def plain(text: str | Text) -> str:
    r"""The text for a place that reads Markdown.

    >>> print(plain("a *b* costs $1 or :red[2]"))
    a \*b\* costs \$1 or \:red\[2\]
    """
    return _SPECIAL.sub(r"\\\1", str(text))
