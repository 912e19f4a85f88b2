"""Which SQL can be followed, and what it then reads and writes: one statement at a time, by sqlglot's tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from simulator.anomalies.sql import (
    NO_ROWS,
    NO_SNAPSHOT,
    ROW_FUNCTIONS,
    SYSTEM_COLUMNS,
    TABLE_FREE_FUNCTIONS,
    UNSTABLE,
    adds_plain_column,
    bind,
    text,
)
from simulator.i18n import N_, gettext
from simulator.model import Scalar


class Kind(StrEnum):
    """What a statement does to its table; `none` for COMMIT, SET, LOCK, a SELECT without a table."""

    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Access:
    """One statement. Names are folded to lower case unless they were quoted."""

    kind: Kind
    table: str = ""
    #: SQL that is true for the rows concerned, "" for every row; `:name` where the author wrote one
    condition: str = ""
    #: it takes row locks: UPDATE, DELETE, SELECT ... FOR
    locking: bool = False
    #: the table's columns in the order of the result, `*` for all of them; empty where `aggregate`
    columns: tuple[str, ...] = ()
    #: the result is computed (an aggregate or any expression): rows cannot be recognised in it
    aggregate: bool = False
    #: the SELECT without its lock clause
    plain_select: str = ""
    #: False for statements that need no snapshot (COMMIT, SET, LOCK TABLE): a transaction's view starts later
    snapshot: bool = True
    #: SKIP LOCKED: it asks for any free rows, not for all that match
    skips_locked: bool = False
    #: what is stored: one tuple of (column, SQL) for each row of an INSERT, one for all rows of an UPDATE
    assignments: tuple[tuple[tuple[str, str], ...], ...] = ()
    #: what an UPDATE (or DO UPDATE) stores is computed from the row as it was
    reads_values: bool = False
    #: INSERT ... ON CONFLICT: `condition` then describes the rows that it could conflict with
    on_conflict: bool = False

    def bound(self, parameters: Mapping[str, Scalar]) -> tuple[str, str]:
        """`condition` and `plain_select` with the parameters' values. Raises KeyError where one is missing."""
        return bind(self.condition, parameters), bind(self.plain_select, parameters)


@dataclass(frozen=True, slots=True)
class Unsupported:
    """What could not be followed: a message for gettext and the values of its placeholders."""

    message: str
    values: tuple[tuple[str, str], ...] = ()

    @property
    def reason(self) -> str:
        """The sentence, in the language in use."""
        return gettext(self.message).format(**dict(self.values))


class RefusalError(Exception):
    """The statement cannot be followed."""

    def __init__(self, message: str, **values: str) -> None:
        super().__init__(message)
        self.what = Unsupported(message, tuple(values.items()))


def statements(sql: str) -> Iterator[tuple[str, list[Token]]]:
    """Each statement's text and tokens."""
    part: list[Token] = []
    for token in [*sqlglot.tokenize(sql, dialect="postgres"), None]:
        if token is not None and token.token_type is not TokenType.SEMICOLON:
            part.append(token)
        elif part:
            yield sql[part[0].start : part[-1].end + 1], part
            part = []


def followed(part: tuple[str, list[Token]]) -> Access:
    """One statement's access. Raises RefusalError, SqlglotError."""
    sql, tokens = part
    words = [token.text.upper() for token in tokens]
    if words[0] == "SET" and ("SNAPSHOT" in words or "ISOLATION" in words):
        raise RefusalError(N_("SET TRANSACTION changes which snapshot the transaction sees, and that is not recorded."))
    if words[0] in NO_SNAPSHOT and words[1:2] != ["PREPARED"]:
        return Access(Kind.NONE, snapshot=False)
    if words[0] in NO_ROWS or (words[0] == "CREATE" and "INDEX" in words[:3]) or adds_plain_column(words):
        return Access(Kind.NONE)
    reader = _READERS.get(words[0])
    if not words[0].isalpha():
        raise RefusalError(N_("This SQL could not be read."))
    if reader is None:
        raise RefusalError(N_("{verb} cannot be followed: what it reads is not visible from outside."), verb=words[0])
    parsed = sqlglot.parse_one(sql, dialect="postgres")
    if parsed.args.get("with_") or isinstance(parsed, exp.SetOperation):
        raise RefusalError(
            N_("A query with WITH, UNION, INTERSECT or EXCEPT cannot be followed; use one simple statement.")
        )
    if any(node is not parsed for node in parsed.find_all(exp.Select, exp.Subquery, exp.SetOperation)):
        raise RefusalError(N_("A subquery cannot be followed; ask for it in a step of its own."))
    return reader(parsed)


def _select(parsed: exp.Expr) -> Access:
    source = parsed.args.get("from_")
    if source is None:
        return _without_table(parsed)
    table = _table(source.this, parsed)
    if table.startswith("pg_"):
        return Access(Kind.NONE)
    _refuse_unstable(parsed)
    skips = any(lock.args.get("wait") is False for lock in parsed.args.get("locks") or ())
    if not skips and any(parsed.args.get(clause) for clause in ("limit", "offset", "fetch")):
        raise RefusalError(
            N_("A SELECT with LIMIT or OFFSET cannot be followed: which rows it looked at is not visible.")
        )
    distinct = parsed.args.get("distinct")
    if distinct is not None and distinct.args.get("on"):
        raise RefusalError(N_("SELECT DISTINCT ON cannot be followed: which rows it looked at is not visible."))
    columns = tuple(_plain_column(column.unalias()) for column in parsed.expressions)
    computed = "" in columns or distinct is not None or any(parsed.args.get(a) for a in ("group", "having", "windows"))
    if skips and computed:
        raise RefusalError(N_("SKIP LOCKED with a computed result cannot be followed; select the row's columns."))
    unlocked = parsed.copy()
    unlocked.set("locks", None)
    return Access(
        Kind.READ,
        table,
        condition=_condition(parsed),
        locking=bool(parsed.args.get("locks")),
        columns=() if computed else columns,
        aggregate=computed,
        plain_select=text(unlocked),
        skips_locked=skips,
    )


def _without_table(parsed: exp.Expr) -> Access:
    for function in parsed.find_all(exp.Anonymous):
        name = function.name.lower()
        if not name.startswith(TABLE_FREE_FUNCTIONS):
            raise RefusalError(
                N_("{function}() cannot be followed: what it reads is not visible from outside."), function=name
            )
    return Access(Kind.NONE)


def _update(parsed: exp.Expr) -> Access:
    if parsed.args.get("from_"):
        raise RefusalError(N_("UPDATE ... FROM reads a second table and cannot be followed."))
    assigned = tuple((_folded(column.this), text(value)) for column, value in _assignments(parsed.expressions))
    table = _table(parsed.this, parsed)
    _refuse_unstable(parsed.args.get("where"))
    return Access(
        Kind.UPDATE,
        table,
        condition=_condition(parsed),
        locking=True,
        assignments=(assigned,),
        reads_values=_reads_values(parsed.expressions),
    )


def _assignments(nodes: Iterable[exp.Expr]) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """Column and value of `a = 1` and of `(a, b) = (1, 2)`."""
    for node in nodes:
        if isinstance(node.this, exp.Column):
            yield node.this, node.expression
        elif isinstance(node.this, exp.Tuple) and isinstance(node.expression, exp.Tuple):
            yield from zip(node.this.expressions, node.expression.expressions, strict=True)
        else:
            raise RefusalError(N_("This SQL could not be read."))


def _reads_values(assignments: Iterable[exp.Expr]) -> bool:
    """True where a column of the row itself (not of `excluded`, the row proposed) is used."""
    used = (column for node in assignments for column in node.expression.find_all(exp.Column))
    return any(column.table.lower() != "excluded" and column.name.upper() != "DEFAULT" for column in used)


def _delete(parsed: exp.Expr) -> Access:
    if parsed.args.get("using"):
        raise RefusalError(N_("DELETE ... USING reads a second table and cannot be followed."))
    table = _table(parsed.this, parsed)
    _refuse_unstable(parsed.args.get("where"))
    return Access(Kind.DELETE, table, condition=_condition(parsed), locking=True)


def _insert(parsed: exp.Expr) -> Access:
    target = parsed.this
    names = tuple(_folded(name) for name in target.expressions) if isinstance(target, exp.Schema) else ()
    table = _table(target.this if isinstance(target, exp.Schema) else target, parsed)
    values = parsed.expression
    rows = values.expressions if isinstance(values, exp.Values) else []
    assigned = tuple(tuple(zip(names, map(text, row.expressions), strict=False)) for row in rows)
    conflict = parsed.args.get("conflict")
    if conflict is None:
        return Access(Kind.INSERT, table, assignments=assigned)
    condition = _conflict_condition(conflict, names, rows)
    return Access(
        Kind.INSERT,
        table,
        condition=condition,
        locking=True,
        assignments=assigned,
        reads_values=_reads_values(conflict.expressions),
        on_conflict=True,
    )


def _conflict_condition(conflict: exp.Expr, names: tuple[str, ...], rows: list[exp.Expr]) -> str:
    """True for the rows that these VALUES could conflict with."""
    keys = [key.this for key in conflict.args.get("conflict_keys") or ()]
    if conflict.args.get("constraint") or not keys or not all(isinstance(key, exp.Column) for key in keys):
        raise RefusalError(N_("ON CONFLICT can only be followed where it names the columns of the conflict."))
    wanted = [_folded(key.this) for key in keys]
    if not rows or not set(wanted) <= set(names):
        raise RefusalError(
            N_("ON CONFLICT can only be followed where the INSERT names its columns and gives their VALUES.")
        )
    at = [names.index(name) for name in wanted]
    condition = exp.or_(
        *(exp.and_(*(exp.column(names[i], quoted=True).eq(row.expressions[i].copy()) for i in at)) for row in rows)
    )
    _refuse_unstable(condition)
    return text(condition)


_READERS: Mapping[str, Callable[[exp.Expr], Access]] = {
    "SELECT": _select,
    "TABLE": _select,
    "INSERT": _insert,
    "UPDATE": _update,
    "DELETE": _delete,
}


def _table(node: exp.Expr, parsed: exp.Expr) -> str:
    """The name of the only table."""
    if parsed.args.get("joins") or parsed.args.get("laterals") or node.args.get("joins"):
        raise RefusalError(N_("A query over several tables cannot be followed; read each in a step of its own."))
    if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier) or node.args.get("sample"):
        raise RefusalError(N_("Only a SELECT from a table can be followed."))
    if node.args.get("db"):
        if node.db == "pg_catalog":
            return "pg_catalog"
        raise RefusalError(N_("A table with a schema in front of its name is not observed; write the name alone."))
    return _folded(node.this)


def _condition(parsed: exp.Expr) -> str:
    """The WHERE clause without the table's name or alias in front of columns, so that it can be asked anywhere."""
    where = parsed.args.get("where")
    if where is None:
        return ""
    condition = where.this.copy()
    for column in condition.find_all(exp.Column):
        column.set("table", None)
    return text(condition)


def _refuse_unstable(node: exp.Expr | None) -> None:
    """Refuse what gives another answer when it is asked again."""
    for found in node.find_all(exp.Func) if node is not None else ():
        if isinstance(found, UNSTABLE):
            raise RefusalError(
                N_("A condition or result that depends on the time, the user or chance cannot be verified.")
            )
        if isinstance(found, exp.Anonymous) and found.name.lower() not in ROW_FUNCTIONS:
            raise RefusalError(
                N_("{function}() cannot be followed: it may look at more than one row."), function=found.name.lower()
            )


def _plain_column(node: exp.Expr) -> str:
    """A column's name, `*`, or "" for anything computed."""
    if node.is_star and isinstance(node, exp.Star | exp.Column):
        return "*"
    if isinstance(node, exp.Column) and node.name.lower() not in SYSTEM_COLUMNS:
        return _folded(node.this)
    return ""


def _folded(name: exp.Expr) -> str:
    identifier = name if isinstance(name, exp.Identifier) else name.this
    return str(identifier.name if identifier.args.get("quoted") else identifier.name.lower())
