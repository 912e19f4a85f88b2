"""Conditions on saved values: `on_call >= 2 and updated == 1`.

Nothing but comparisons, `and`, `or`, `not`, `+`, `-`, constants and saved names: a scenario may come from a stranger.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from simpleeval import InvalidExpression, SimpleEval

from simulator.errors import ScenarioError
from simulator.i18n.text import Text
from simulator.model import Scalar

#: Longest condition, in characters.
MAX_LENGTH = 200
#: Deepest condition: `not (a and (b or ...))`, and one more for each `+` of a sum.
MAX_DEPTH = 20
#: Whole numbers in a condition are below it: the longest that Python reads it cannot write.
MAX_NUMBER: int = 10**100

_OPERATORS = MappingProxyType(
    {
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Not: operator.not_,
        ast.USub: operator.neg,
    }
)
_NODES = (ast.Expr, ast.Compare, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.BinOp, ast.Name, ast.Load, ast.Constant)


def evaluate(condition: str, values: Mapping[str, Scalar]) -> bool:
    """Whether the condition holds for these saved values. Raises ScenarioError."""
    tree = _parse(condition)
    try:
        return bool(SimpleEval(dict(_OPERATORS), {}, dict(values)).eval(condition, tree))
    except (InvalidExpression, TypeError, ArithmeticError) as error:
        raise ScenarioError(
            Text.of(
                "The condition {condition!r} cannot be decided: {error}.",
                condition=condition,
                error=str(error).rstrip("."),
            )
        ) from None


def names(condition: str) -> tuple[str, ...]:
    """The saved names that the condition uses, in order of first use. Raises ScenarioError.

    >>> names("version == seen and updated > 0")
    ('version', 'seen', 'updated')
    """
    used = (node for node in ast.walk(_parse(condition)) if isinstance(node, ast.Name))
    return tuple(dict.fromkeys(node.id for node in sorted(used, key=lambda node: (node.lineno, node.col_offset))))


@lru_cache(maxsize=512)
def _parse(condition: str) -> ast.Expr:
    if len(condition) > MAX_LENGTH:
        raise ScenarioError(Text.of("A condition has at most {limit} characters.", limit=MAX_LENGTH))
    try:
        body = ast.parse(condition.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _refused(condition) from None
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        raise _refused(condition)
    nodes: list[tuple[ast.AST, int]] = [(body[0], 0)]
    for node, depth in nodes:
        if not _allowed(node):
            raise _refused(condition)
        if depth > MAX_DEPTH:
            raise ScenarioError(Text.of("A condition has at most {limit} levels of nesting.", limit=MAX_DEPTH))
        nodes.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return body[0]


def _allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, int):
            return abs(node.value) < MAX_NUMBER
        return node.value is None or isinstance(node.value, float | str)
    return isinstance(node, _NODES) or type(node) in _OPERATORS


def _refused(condition: str) -> ScenarioError:
    return ScenarioError(
        Text.of(
            "{condition!r} is not a condition; write comparisons (==, !=, <, <=, >, >=) of numbers and saved names,"
            " with +, -, and, or, not.",
            condition=condition,
        )
    )
