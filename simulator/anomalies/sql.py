"""Small tools on sqlglot's trees: render, bind, and which functions may be trusted to look at one row only."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from simulator.model import Scalar

#: Functions that sqlglot does not know by a class of their own and that look at their arguments only.
ROW_FUNCTIONS = {
    "int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange", "lower_inc", "upper_inc", "isempty",
    "btrim", "char_length", "octet_length", "div", "jsonb_array_length", "array_position", "cardinality",
    "num_nonnulls", "num_nulls", "bool_and", "bool_or", "every", "string_agg", "array_agg", "json_agg", "jsonb_agg",
    "md5", "to_char",
}  # fmt: skip
#: What a SELECT without a table may call: nothing of it reads application data.
TABLE_FREE_FUNCTIONS = (
    "pg_advisory", "pg_try_advisory", "pg_sleep", "pg_backend_pid", "pg_current", "pg_export", "txid_", "set_config",
    "current_setting", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "pg_notify", "version",
    "hashtext", "has_parameter_privilege", "pg_relation_size",
)  # fmt: skip
#: Functions whose answer depends on when, by whom or how often they are asked.
UNSTABLE = (
    exp.CurrentTimestamp,
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentDatetime,
    exp.CurrentUser,
    exp.SessionUser,
    exp.Localtime,
    exp.Localtimestamp,
    exp.Rand,
    exp.Uuid,
    exp.NextValueFor,
)
#: First words of statements that neither read rows nor take a snapshot.
NO_SNAPSHOT = {
    "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "SET", "RESET", "SHOW", "LOCK",
    "LISTEN", "UNLISTEN", "NOTIFY", "CHECKPOINT", "DISCARD", "DEALLOCATE",
}  # fmt: skip
#: First words of statements that take a snapshot, but whose reads carry no application data.
NO_ROWS = {"ANALYZE", "VACUUM", "REINDEX", "COMMENT", "GRANT", "REVOKE"}
#: Columns that every table has and no author made.
SYSTEM_COLUMNS = frozenset(("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"))


def adds_plain_column(words: list[str]) -> bool:
    """`ALTER TABLE t ADD COLUMN c type`, and nothing more: it reads no row and writes none."""
    return words[:2] == ["ALTER", "TABLE"] and words[3:5] == ["ADD", "COLUMN"] and len(words) == 7


def text(node: exp.Expr) -> str:
    """The tree as PostgreSQL's SQL; parameters stay as `:name`."""
    shown = node.transform(lambda part: exp.Var(this=f":{part.name}") if isinstance(part, exp.Placeholder) else part)
    return shown.sql(dialect="postgres", normalize_functions=False, comments=False)


def bind(sql: str, parameters: Mapping[str, Scalar]) -> str:
    """SQL with each `:name` replaced by its value as a literal. Raises KeyError where a value is missing."""
    return _bound(sql, tuple(parameters.items())) if ":" in sql else sql


@lru_cache(maxsize=1024)
def parsed(sql: str) -> exp.Expr:
    """The tree of a condition or query; never to be changed."""
    return sqlglot.parse_one(sql, dialect="postgres")


@lru_cache(maxsize=1024)
def _bound(sql: str, parameters: tuple[tuple[str, Scalar], ...]) -> str:
    values = dict(parameters)
    return text(
        parsed(sql).transform(lambda part: _literal(values[part.name]) if isinstance(part, exp.Placeholder) else part)
    )


def _literal(value: Scalar) -> exp.Expr:
    literal = exp.convert(value)
    return exp.Paren(this=literal) if isinstance(literal, exp.Neg) else literal


class UnknownValueError(Exception):
    """The expression is more than arithmetic on columns and literals."""


def evaluate(sql: str, row: Mapping[str, Scalar], parameters: tuple[tuple[str, Scalar], ...] = ()) -> Scalar:
    """The value of simple arithmetic on a row's columns, literals and parameters. Raises UnknownValueError."""
    try:
        return _value(parsed(bind(sql, dict(parameters))), row)
    except (KeyError, TypeError, SqlglotError):
        raise UnknownValueError(sql) from None


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
