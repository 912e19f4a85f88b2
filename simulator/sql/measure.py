"""What a rule compares: both sides of each comparison in `SELECT balance = 150 FROM wallet`, as a query of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from sqlglot import exp
from sqlglot.errors import SqlglotError

from simulator.sql.tree import parsed, text

#: By sqlglot's class: the comparison as SQL writes it.
_COMPARISONS: Mapping[type[exp.Expr], str] = MappingProxyType(
    {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
)


class Measure(NamedTuple):
    """A query for the sides of a rule's comparisons, `left, right` of each after the other, and their operators."""

    sql: str
    operators: tuple[str, ...]
    #: the first left side: `balance`
    name: str


@lru_cache(maxsize=256)
def measure(sql: str) -> Measure | None:
    """How to ask what a rule measures; None where it is more than comparisons joined by AND.

    >>> measure("SELECT count(*) >= 1 FROM agent WHERE on_call")
    Measure(sql='SELECT COUNT(*), 1 FROM agent WHERE on_call', operators=('>=',), name='count(*)')
    """
    try:
        query = parsed(sql)
    except (SqlglotError, RecursionError):
        return None
    if not isinstance(query, exp.Select) or len(query.expressions) != 1:
        return None
    compared = tuple(_compared(query.expressions[0].unalias()))
    if not all(type(each) in _COMPARISONS for each in compared):
        return None
    asked = query.copy()
    asked.set("expressions", [side.copy() for each in compared for side in (each.this, each.expression)])
    return Measure(
        text(asked),
        tuple(_COMPARISONS[type(each)] for each in compared),
        _name(compared[0].this),
    )


def _name(side: exp.Expr) -> str:
    """What it is in a word: of `(SELECT balance FROM wallet WHERE id = 1)` it is `balance`."""
    inner = side.unnest()
    if isinstance(inner, exp.Select) and len(inner.expressions) == 1:
        return _name(inner.expressions[0])
    return side.sql(dialect="postgres", normalize_functions="lower")


def _compared(rule: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(rule, exp.And | exp.Paren):
        for side in (rule.this, rule.args.get("expression")):
            if side is not None:
                yield from _compared(side)
    else:
        yield rule
