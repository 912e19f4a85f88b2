"""Reads a pasted snippet and says which mistakes it shows signs of. The text is parsed; nothing of it is ever run."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.errors import SnippetError
from simulator.i18n import gettext as _
from simulator.labs.snippet import asynchronous, fastapi, holding, leaking, locking, objects, sharing, transactions
from simulator.labs.snippet.code import Code
from simulator.labs.snippet.parse import Parsed, parse
from simulator.labs.snippet.rule import Found, Rule, Sign

__all__ = ["RULES", "Rule", "Sign", "read"]

#: Every rule, by family; a mistake that is written in several ways may have several.
RULES: tuple[Rule, ...] = (
    *sharing.RULES,
    *leaking.RULES,
    *transactions.RULES,
    *holding.RULES,
    *objects.RULES,
    *locking.RULES,
    *asynchronous.RULES,
    *fastapi.RULES,
)


def read(source: str) -> tuple[Sign, ...]:
    """The signs of mistakes in a snippet of Python, in line order; each mistake once a place.

    Raises:
        SnippetError: the text is too long or is not Python 3.
    """
    parsed = parse(source)
    try:
        code = Code(parsed.module)
        rows = [(rule, found) for rule in RULES for found in rule.find(code)]
    except RecursionError:
        raise SnippetError(_("This is nested too deeply to be read. Paste a smaller part.")) from None
    signs = {(rule.mistake, found.node.lineno): _sign(rule, found, parsed) for rule, found in _certain_last(rows)}
    return tuple(sorted(signs.values(), key=lambda sign: (sign.line, sign.column, sign.mistake)))


def _certain_last(rows: list[tuple[Rule, Found]]) -> Iterator[tuple[Rule, Found]]:
    """So that where two rules see one mistake in one line, the certain one stays."""
    yield from sorted(rows, key=lambda row: row[1].certain)


def _sign(rule: Rule, found: Found, parsed: Parsed) -> Sign:
    node = found.node
    line = max(node.lineno - parsed.extra_lines, 1)
    last = node.lineno if hasattr(node, "body") else node.end_lineno or node.lineno
    end = max(last - parsed.extra_lines, line)
    before = parsed.lines[node.lineno - 1].encode()[: node.col_offset].decode(errors="ignore")
    lost = parsed.indents[line - 1] if line <= len(parsed.indents) else 0
    return Sign(rule.mistake, line, end, len(before) + lost, found.sentence, found.certain)
