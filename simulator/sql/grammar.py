"""Which SQL can be followed, and what it then reads and writes: one statement at a time, by sqlglot's tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from sqlglot import exp

from simulator.i18n.text import N_
from simulator.sql.effort import tree
from simulator.sql.kinds import NO_ROWS, NO_SNAPSHOT, Access, AccessKind
from simulator.sql.refusal import RefusalError
from simulator.sql.sources import Source, joined, own_condition, sources, table_name
from simulator.sql.transactions import Control, control
from simulator.sql.tree import folded, text
from simulator.sql.trust import refuse_beyond_server, refuse_new_meaning, refuse_unknown, refuse_unstable
from simulator.sql.words import Statement, Token, TokenType

#: Columns that every table has and no author made.
SYSTEM_COLUMNS = frozenset(("ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"))


def followed(statement: Statement) -> Access:
    """One statement's access. Raises RefusalError, SqlglotError."""
    words = list(statement.words)
    if words[0] == "SET" and ("SNAPSHOT" in words or "ISOLATION" in words):
        raise RefusalError(N_("SET TRANSACTION changes which snapshot the transaction sees, and that is not recorded."))
    refuse_new_meaning(words)
    if control(statement) is Control.PREPARE:
        return Access(AccessKind.END, snapshot=False)
    if words[0] in NO_SNAPSHOT and words[1:2] != ["PREPARED"]:
        return _control(words[0], statement.tokens)
    if words[0] in NO_ROWS or words[:2] == ["CREATE", "INDEX"] or _adds_plain_column(words):
        return Access(AccessKind.NONE)
    reader = _READERS.get(words[0])
    if not words[0].isalpha():
        raise RefusalError(N_("This SQL could not be read."))
    if reader is None:
        raise RefusalError(N_("{verb} cannot be followed: what it reads is not visible from outside."), verb=words[0])
    parsed = tree(statement.text, statement.tokens)
    if parsed.args.get("with_") and not isinstance(parsed, exp.Query):
        raise RefusalError(N_("A WITH that writes cannot be followed."))
    return reader(parsed)


def _control(word: str, tokens: tuple[Token, ...]) -> Access:
    """Statements that control a transaction or its savepoints, and others that look at nothing."""
    last = tokens[-1]
    name = last.text if last.token_type is TokenType.IDENTIFIER else last.text.lower()
    match word:
        case "SAVEPOINT":
            return Access(AccessKind.SAVEPOINT, snapshot=False, savepoint=name)
        case "RELEASE":
            return Access(AccessKind.RELEASE, snapshot=False, savepoint=name)
        case "ROLLBACK" if any(token.text.upper() == "TO" for token in tokens[1:3]):
            return Access(AccessKind.ROLLBACK_TO, snapshot=False, savepoint=name)
        case "COMMIT" | "END" | "ROLLBACK" | "ABORT":
            return Access(AccessKind.END, snapshot=False)
    return Access(AccessKind.NONE, snapshot=False)


def _adds_plain_column(words: list[str]) -> bool:
    """`ALTER TABLE t ADD COLUMN c type`, and nothing more: it reads no row and writes none."""
    added = [word for word in words[5:] if word not in ("IF", "NOT", "EXISTS")]
    return words[:2] == ["ALTER", "TABLE"] and words[3:5] == ["ADD", "COLUMN"] and len(added) == 2


def _query(parsed: exp.Expr) -> Access:
    refuse_unstable(parsed)
    found = sources(parsed)
    unlocked = parsed.copy()
    unlocked.set("locks", None)
    locking = any(select.args.get("locks") for select in parsed.find_all(exp.Select))
    return Access(AccessKind.READ, beside=found, locking=locking, aggregate=True, plain_select=text(unlocked))


def _select(parsed: exp.Expr) -> Access:
    source = parsed.args.get("from_")
    simple = isinstance(parsed, exp.Select) and not parsed.args.get("with_")
    if simple and source is None and parsed.find(exp.Table) is None:
        refuse_beyond_server(parsed)
        return Access(AccessKind.NONE)
    tables = [table.name.lower() for table in parsed.find_all(exp.Table) if isinstance(table.this, exp.Identifier)]
    if tables and all(name.startswith("pg_") for name in tables):
        return Access(AccessKind.NONE)
    if any(name.startswith("pg_") for name in tables):
        raise RefusalError(N_("A query on tables and on the server's own catalogues cannot be followed."))
    nested = any(node is not parsed for node in parsed.find_all(exp.Select, exp.SetOperation))
    if simple and source is not None and not nested and len(tables) == 1 and not parsed.find(exp.Join, exp.Lateral):
        return _simple_select(parsed, source.this)
    return _query(parsed)


def _simple_select(parsed: exp.Expr, source: exp.Expr) -> Access:
    """One table and nothing nested: the rows of the result can be recognised."""
    refuse_unstable(parsed)
    table = table_name(source)
    skips = any(lock.args.get("wait") is False for lock in parsed.args.get("locks") or ())
    distinct = parsed.args.get("distinct")
    if (distinct is not None and distinct.args.get("on")) or not (skips or _counts_from_first(parsed)):
        return _query(parsed)
    limit = None if skips else _limit(parsed)
    columns = tuple(_plain_column(column.unalias()) for column in parsed.expressions)
    grouped = distinct is not None or any(parsed.args.get(a) for a in ("group", "having", "windows"))
    computed = "" in columns or grouped
    if limit is not None and grouped:
        return _query(parsed)
    if skips and computed:
        raise RefusalError(N_("SKIP LOCKED with a computed result cannot be followed; select the row's columns."))
    unlocked = parsed.copy()
    unlocked.set("locks", None)
    return Access(
        AccessKind.READ,
        table,
        condition=own_condition(parsed.args.get("where"), source),
        locking=bool(parsed.args.get("locks")),
        columns=() if computed else columns,
        aggregate=computed,
        plain_select=text(unlocked),
        skips_locked=skips,
        limit=limit,
    )


def _limit(parsed: exp.Expr) -> int | None:
    """How many rows are asked for; None for all."""
    count = _count(parsed.args.get("limit"))
    return int(count.name) if count is not None else None


def _counts_from_first(parsed: exp.Expr) -> bool:
    """Whether LIMIT is written as a number of rows from the first one on, or there is none."""
    clause = parsed.args.get("limit")
    return not parsed.args.get("offset") and (clause is None or _count(clause) is not None)


def _count(clause: exp.Expr | None) -> exp.Literal | None:
    """The number in LIMIT or FETCH FIRST."""
    if clause is None:
        return None
    options = clause.args.get("limit_options")
    unusual = options is not None and (options.args.get("percent") or options.args.get("with_ties"))
    count = clause.args.get("count") if isinstance(clause, exp.Fetch) else clause.args.get("expression")
    plain = isinstance(count, exp.Literal) and not count.is_string and count.is_int
    return count if plain and not unusual else None


def _update(parsed: exp.Expr) -> Access:
    assigned = tuple((folded(column.this), text(value)) for column, value in _assignments(parsed.expressions))
    table, condition, beside = _target(parsed, parsed.args.get("from_"))
    return Access(
        AccessKind.UPDATE,
        table,
        condition=condition,
        beside=beside,
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


def _reads_values(nodes: Iterable[exp.Expr]) -> bool:
    """True where a column of the row itself (not of `excluded`, the row proposed) is used."""
    used = (column for node in nodes for column in node.expression.find_all(exp.Column))
    return any(column.table.lower() != "excluded" and column.name.upper() != "DEFAULT" for column in used)


def _delete(parsed: exp.Expr) -> Access:
    using = parsed.args.get("using")
    table, condition, beside = _target(parsed, exp.From(this=using[0].copy()) if using else None, *(using or ())[1:])
    return Access(AccessKind.DELETE, table, condition=condition, beside=beside, locking=True)


def _target(parsed: exp.Expr, source: exp.Expr | None, *more: exp.Expr) -> tuple[str, str, tuple[Source, ...]]:
    """The table that an UPDATE or DELETE writes, which of its rows, and what it reads beside them."""
    where, target = parsed.args.get("where"), parsed.this
    refuse_unstable(where)
    refuse_unstable(source)
    refuse_unknown(parsed)
    if source is None:
        # What is read below the statement is in its subqueries.
        return table_name(target), own_condition(where, target), _unconditioned(parsed, target)
    if more or not isinstance(source.this, exp.Table) or parsed.find(exp.Select, exp.SetOperation):
        raise RefusalError(N_("UPDATE ... FROM and DELETE ... USING can only be followed with plain tables."))
    query = exp.select("1").from_(source.this.copy()).where(where.this.copy() if where else exp.true())
    joins = query.find_all(exp.Join)
    if any(join.args.get("side") or join.args.get("on") or join.args.get("using") for join in joins):
        raise RefusalError(N_("UPDATE ... FROM and DELETE ... USING can only be followed with plain tables."))
    tables = [target, *query.find_all(exp.Table)]
    own, *others = joined(tables, [where.this] if where else [])
    if own.condition is None:
        raise RefusalError(N_("UPDATE ... FROM and DELETE ... USING can only be followed with plain tables."))
    return own.table, own.condition, tuple(Source(other.table, None) for other in others)


def _unconditioned(parsed: exp.Expr, target: exp.Expr) -> tuple[Source, ...]:
    """Tables of a writing statement's subqueries: what it read of them is not in its answer."""
    if parsed.find(exp.CTE):
        raise RefusalError(N_("A WITH that writes cannot be followed."))
    tables = (table for table in parsed.find_all(exp.Table) if table is not target)
    read = [table_name(table) for table in tables if not isinstance(table.this, exp.Func)]
    return tuple(Source(table, None) for table in dict.fromkeys(read))


def _insert(parsed: exp.Expr) -> Access:
    target = parsed.this
    names = tuple(folded(name) for name in target.expressions) if isinstance(target, exp.Schema) else ()
    node = target.this if isinstance(target, exp.Schema) else target
    table, values = table_name(node), parsed.expression
    refuse_unknown(parsed)
    rows = values.expressions if isinstance(values, exp.Values) else []
    assigned = tuple(
        tuple(zip(names or [""] * len(row.expressions), map(text, row.expressions), strict=False)) for row in rows
    )
    beside = _unconditioned(parsed, node)
    conflict = parsed.args.get("conflict")
    if conflict is None:
        return Access(AccessKind.INSERT, table, beside=beside, assignments=assigned)
    if beside:
        raise RefusalError(N_("ON CONFLICT of rows that a query gives cannot be followed."))
    does_nothing = not conflict.expressions
    any_key = not conflict.args.get("conflict_keys") and not conflict.args.get("constraint")
    where = conflict.args.get("where")
    return Access(
        AccessKind.INSERT,
        table,
        condition="" if any_key else _conflict_condition(conflict, names, rows),
        locking=True,
        assignments=assigned,
        reads_values=_reads_values(conflict.expressions) or (where is not None and _uses_row(where)),
        on_conflict=True,
        does_nothing=does_nothing,
        any_key=any_key,
    )


def _uses_row(where: exp.Expr) -> bool:
    return any(column.table.lower() != "excluded" for column in where.find_all(exp.Column))


def _conflict_condition(conflict: exp.Expr, names: tuple[str, ...], rows: list[exp.Expr]) -> str:
    """True for the rows that these VALUES could conflict with."""
    keys = [key.this for key in conflict.args.get("conflict_keys") or ()]
    if conflict.args.get("constraint") or conflict.args.get("index_predicate"):
        raise RefusalError(N_("ON CONFLICT can only be followed where it names the columns of the conflict."))
    if not keys or not all(isinstance(key, exp.Column) for key in keys):
        raise RefusalError(N_("ON CONFLICT can only be followed where it names the columns of the conflict."))
    wanted = [folded(key.this) for key in keys]
    if not rows or not set(wanted) <= set(names):
        raise RefusalError(
            N_("ON CONFLICT can only be followed where the INSERT names its columns and gives their VALUES.")
        )
    at = [names.index(name) for name in wanted]
    condition = exp.or_(
        *(exp.and_(*(exp.column(names[i], quoted=True).eq(row.expressions[i].copy()) for i in at)) for row in rows)
    )
    refuse_unstable(condition)
    return text(condition)


_READERS: Mapping[str, Callable[[exp.Expr], Access]] = {
    "SELECT": _select,
    "TABLE": _select,
    "WITH": _select,
    "INSERT": _insert,
    "UPDATE": _update,
    "DELETE": _delete,
}


def _plain_column(node: exp.Expr) -> str:
    """A column's name, `*`, or "" for anything computed."""
    if node.is_star and isinstance(node, exp.Star | exp.Column):
        return "*"
    if isinstance(node, exp.Column) and node.name.lower() not in SYSTEM_COLUMNS:
        return folded(node.this)
    return ""
