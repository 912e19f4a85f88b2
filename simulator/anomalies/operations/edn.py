"""EDN, as far as histories use it: https://github.com/edn-format/edn.

The one library for Python that is kept up (edn_format 0.8.0) takes a millisecond for an operation of a history, minutes
for one of usual size. Keywords and symbols become texts without their colon,
vectors, lists and sets become lists, a tag is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from simulator.errors import HistoryError
from simulator.i18n.text import Text

#: Collections in collections; a history has six or so.
MAX_DEPTH = 50

_TOKEN = re.compile(
    r"""\[[-\d ,]*\]                # a vector of whole numbers at once: most of what is long is one
      | [^\s,\[\](){}";\#][^\s,\[\](){}";]*  # numbers, keywords, symbols, characters
      | [\[\](){}]
      | "(?:[^"\\]|\\.)*"
      | \#\{ | \#_ | \#[^\s,\[\](){}";]+
      | ;[^\n]*
      | [^\s,]                    # what is nothing of this""",
    re.VERBOSE | re.DOTALL,
)
_WHOLE = re.compile(r"[+-]?\d{1,200}N?")
_FRACTION = re.compile(r"[+-]?\d{1,200}(?:\.\d*)?(?:[eE][+-]?\d{1,3})?M?")
_CLOSING = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_CLOSES = frozenset(_CLOSING.values())
_CONSTANTS: Mapping[str, Any] = {"nil": None, "true": True, "false": False}


def forms(text: str) -> Iterator[Any]:
    """The values that the text holds one after the other. Raises HistoryError where it is not EDN."""
    top: list[Any] = []
    values = top
    #: how each open collection was opened, and the values of the one around it
    around: list[tuple[str, list[Any]]] = []
    for token in _TOKEN.findall(text):
        if token in _CLOSES:
            if not around or _CLOSING[around[-1][0]] != token:
                raise HistoryError(Text.of("{token} is not expected here", token=token))
            closed = _completed(values)
            opened, values = around.pop()
            values.append(_mapping(closed) if opened == "{" else closed)
        elif token in _CLOSING:
            if len(around) == MAX_DEPTH:
                raise HistoryError(Text.of("it is nested too deeply"))
            around.append((token, values))
            values = []
        elif token[0] == "[":
            values.append(_numbers(token))
        elif token[0] != ";":
            values.append(_atom(token))
        if not around and _is_complete(values):
            yield from _completed(values)
            values.clear()
    if around:
        raise HistoryError(Text.of("{bracket} is not closed", bracket=around[-1][0]))
    _completed(values)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Stands before a value: a tag, or `#_`, which leaves the value out."""

    text: str


def _is_complete(values: list[Any]) -> bool:
    """Whether there is a value that is not left out."""
    marks = [value for value in values if isinstance(value, _Mark)]
    return len(values) - len(marks) > sum(mark.text == "#_" for mark in marks)


def _completed(values: list[Any]) -> list[Any]:
    """Without what was left out, and without tags."""
    if _Mark not in map(type, values):
        return values
    kept: list[Any] = []
    marks: list[_Mark] = []
    for value in values:
        if isinstance(value, _Mark):
            marks.append(value)
            continue
        # Of `#_ #_ a b` each mark leaves out one value.
        skipped = next((mark for mark in marks if mark.text == "#_"), None)
        if skipped is None:
            kept.append(value)
            marks.clear()
        else:
            marks.remove(skipped)
    if marks:
        raise HistoryError(Text.of("nothing follows {token}", token=marks[-1].text[:40]))
    return kept


def _mapping(values: list[Any]) -> dict[Any, Any]:
    if len(values) % 2:
        raise HistoryError(Text.of("a map has a key without a value"))
    try:
        return dict(zip(values[::2], values[1::2], strict=True))
    except TypeError:
        raise HistoryError(Text.of("a collection is a key of a map")) from None


def _numbers(token: str) -> list[int]:
    try:
        return [int(digits) for digits in token[1:-1].replace(",", " ").split()]
    except ValueError:
        raise HistoryError(Text.of("{token} is not a vector of numbers", token=token[:40])) from None


@lru_cache(maxsize=100_000)
def _atom(token: str) -> Any:
    first = token[0]
    if first == ":" and len(token) > 1:
        return token[1:]
    if first == '"':
        return _string(token)
    if token in _CONSTANTS:
        return _CONSTANTS[token]
    if _WHOLE.fullmatch(token):
        return int(token.removesuffix("N"))
    if _FRACTION.fullmatch(token):
        return float(token.removesuffix("M"))
    if first == "#" and len(token) > 1:
        return _Mark(token)
    if first.isalpha() or first in "*!_?$%&=<>./+-\\|":
        return token
    raise HistoryError(Text.of("{token} is not EDN", token=token[:40]))


def _string(token: str) -> str:
    try:
        # Its escapes are among JSON's.
        return str(json.loads(token, strict=False))
    except ValueError:
        raise HistoryError(Text.of("{token} is not a text", token=token[:40])) from None
