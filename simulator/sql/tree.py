"""Small tools on sqlglot's trees: render, reckon, names as the server keeps them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import SqlglotError

from simulator.model import Scalar
from simulator.sql.bind import bind
from simulator.sql.effort import tree

#: Beyond this whole numbers are not reckoned with: nobody's column holds them, and Python cannot write the longest.
MAX_NUMBER = 10**100


def text(node: exp.Expr) -> str:
    """The tree as PostgreSQL's SQL; parameters stay as `:name`."""
    shown = node.transform(lambda part: exp.Var(this=f":{part.name}") if isinstance(part, exp.Placeholder) else part)
    return shown.sql(dialect="postgres", normalize_functions=False, comments=False, copy=False)


@lru_cache(maxsize=1024)
def parsed(sql: str) -> exp.Expr:
    """The tree of a condition or query; never to be changed. Raises SqlglotError."""
    return tree(sql)


def folded(name: exp.Expr) -> str:
    """An identifier, or what a column or alias is named, as the server keeps it: in lower case unless it is quoted."""
    identifier = name if isinstance(name, exp.Identifier) else name.this
    return str(identifier.name if identifier.args.get("quoted") else identifier.name.lower())


class UnknownValueError(Exception):
    """The expression is more than arithmetic on columns and literals."""


def evaluate(sql: str, row: Mapping[str, Scalar], parameters: tuple[tuple[str, Scalar], ...] = ()) -> Scalar:
    """The value of simple arithmetic on a row's columns, literals and parameters. Raises UnknownValueError."""
    try:
        value = _value(parsed(bind(sql, dict(parameters))), row)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, SqlglotError):
        raise UnknownValueError(sql) from None
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise UnknownValueError(sql)
    return value


def _value(node: exp.Expr, row: Mapping[str, Scalar]) -> Scalar:
    match node:
        case exp.Paren():
            return _value(node.this, row)
        case exp.Null():
            return None
        case exp.Boolean():
            return bool(node.this)
        case exp.Literal() if node.is_string:
            return str(node.this)
        case exp.Literal():
            return int(node.this) if node.is_int else float(node.this)
        case exp.Column():
            return row[node.name if node.this.quoted else node.name.lower()]
        case exp.Neg():
            return -_number(node.this, row)
    if type(node) in _ARITHMETIC:
        return _ARITHMETIC[type(node)](_number(node.this, row), _number(node.expression, row))
    raise UnknownValueError(node.sql())


_Number = int | float
_ARITHMETIC: Mapping[type[exp.Expr], Callable[[_Number, _Number], _Number]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
}


def _number(node: exp.Expr, row: Mapping[str, Scalar]) -> _Number:
    value = _value(node, row)
    if not isinstance(value, int | float):
        raise TypeError(value)
    return value
